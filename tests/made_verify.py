"""Fixtures of bundles that are right, which a test may spoil, and ways to spoil them.

Each bundle is made once; a test has a copy of it.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
from made_bundle import make_bundle, only

TRAIN = "oulu-train-00000-of-00001.h5"
TEST = "oulu-test-00000-of-00001.h5"
FIRST_AND_SECOND = ("oulu-train-00000-of-00002.h5", "oulu-train-00001-of-00002.h5")
# The four samples of `one_shard` in the bundle's order, as the tests name them.
SAMPLES = ["train/1_0.avi, frame 5", "train/0_0.avi, frame 0",
           "train/1_0.avi, frame 0", "train/0_0.avi, frame 5"]  # fmt: skip
LIVE, SPOOF = 2, 3
Change = Callable[[h5py.File], None]


@pytest.fixture(scope="session")
def _two_splits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "two_splits"
    return only(make_bundle(folder, ["oulu"], 1, 1), TRAIN, TEST)


@pytest.fixture
def two_splits(_two_splits: Path, tmp_path: Path) -> Path:
    """A bundle of one dataset: train and test, of a live sample and a spoof each."""
    return Path(shutil.copytree(_two_splits, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def _two_pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "two_pieces"
    return only(make_bundle(folder, ["oulu"], 1, 2, pieces=2), *FIRST_AND_SECOND)


@pytest.fixture
def two_pieces(_two_pieces: Path, tmp_path: Path) -> Path:
    """A bundle of one split in two shards, of two samples each."""
    return Path(shutil.copytree(_two_pieces, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def _one_shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "one_shard"
    only(make_bundle(folder, ["oulu"], 1, 2), TRAIN)
    with h5py.File(folder / TRAIN) as file:
        names = zip(file["video"].asstr()[:], file["frame"][:], strict=True)
        assert [f"{video}, frame {frame}" for video, frame in names] == SAMPLES
        assert file["live"][:].tolist() == [1, 0, 1, 0]
    return folder


@pytest.fixture
def one_shard(_one_shard: Path, tmp_path: Path) -> Path:
    """A bundle of one shard, TRAIN: two live samples and two spoofs."""
    return Path(shutil.copytree(_one_shard, tmp_path / "bundle"))


def of_sample(row: int, text: str) -> str:
    """The line that tells a finding of a sample of `one_shard`."""
    return f"{TRAIN}: sample {row} (video {SAMPLES[row]}): {text}"


def put(name: str, place: Any, value: Any) -> Change:
    """Write a value into a field."""

    def change(file: h5py.File) -> None:
        file[name][place] = value

    return change


def set_attribute(place: str, name: str, value: Any) -> Change:
    """Set an attribute of the file ("/") or of a dataset; None: remove it."""

    def change(file: h5py.File) -> None:
        attributes = file[place].attrs
        if name in attributes:
            del attributes[name]
        if value is not None:
            attributes[name] = value

    return change
