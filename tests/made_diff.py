"""Two bundles that are alike until a test changes one, and the command that compares them."""

import shutil
from functools import partial
from pathlib import Path

import pytest
from command_line import in_process
from made_bundle import make_bundle

FAILED = [{"dataset": "oulu", "split": "train", "video": "a", "frame": 5, "reason": "no face"}]
TRAIN = "oulu-train-00000-of-00001.h5"
ocim = partial(in_process, "bundle", "diff")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets, 4 samples a split."""
    folder = tmp_path_factory.mktemp("made") / "bundle"
    return make_bundle(folder, ["oulu", "msu"], 1, 2, failures=FAILED)


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))
