"""The trainings of tools/learn.py, and the interval of its numbers."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from train.evaluation.scores import Score


@pytest.fixture(scope="module")
def learn() -> ModuleType:
    path = Path(__file__).parents[1] / "tools" / "learn.py"
    spec = importlib.util.spec_from_file_location("learn", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["learn"] = module
    spec.loader.exec_module(module)
    return module


def test_there_are_three_seeds_of_four_protocols_and_of_five_ablations_on_one(learn: ModuleType):
    found = list(learn.cells())
    assert len(found) == len({learn.folder_name(cell) for cell in found}) == 27
    assert sum(cell.variant == "ours" for cell in found) == 12
    ablations = {cell.variant for cell in found} - {"ours"}
    assert ablations == {
        "without_parsing",
        "without_asc",
        "without_triplet",
        "without_meta",
        "normal_triplet",
    }
    assert {cell.protocol for cell in found if cell.variant != "ours"} == {"O&M&I to C"}


@pytest.mark.slow
def test_the_interval_is_over_subjects_with_all_of_their_videos(learn: ModuleType):
    # subject a: live above spoof (AUC 1); subject b: below (AUC 0); together live 4, 1, spoof 3, 2:
    # two of four pairs, 0.5. Two subjects drawn of two: aa, ab, ba, bb.
    rows = [
        Score("a/live", 1, 1, 4.0, subject="a"),
        Score("a/spoof", 1, 0, 3.0, subject="a"),
        Score("b/live", 1, 1, 1.0, subject="b"),
        Score("b/spoof", 1, 0, 2.0, subject="b"),
    ]
    mean, low, high = learn.interval([rows, rows])
    assert (mean, low, high) == (0.5, 0.0, 1.0)
    right = [rows[0], rows[1]]
    assert learn.interval([right]) == (1.0, 1.0, 1.0)
