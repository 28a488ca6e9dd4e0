"""The benchmarks of the labels: what they measure, on cases that can be worked out by hand."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def measures():
    spec = importlib.util.spec_from_file_location("benchmarks_labels", FOLDER / "labels.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_depth_maps_are_compared_where_both_are_and_by_their_outlines(measures):
    ours = np.array([[0.0, 0.2, 0.4, 0.6]])
    theirs = np.array([[0.1, 0.3, 0.5, 0.7]])
    found = measures.depth_agreement(ours, theirs)
    assert found == pytest.approx({"correlation": 1.0, "mae": 0.1, "outline_iou": 0.75})


def test_classes_are_compared_without_what_lies_under_eyeglasses(measures):
    theirs = np.array([[1, 1, 1, 6, 2, 2, 3, 3]])
    ours = np.array([[1, 1, 0, 1, 2, 3, 3, 0]])
    found = measures.class_agreement(ours, theirs)
    # Left brows: one of two and none else; right brows: one, one missed, one that is none.
    assert found == pytest.approx(
        {"skin": 2 / 3, "brows": (1 / 2 + 1 / 3) / 2, "right_side": 2 / 3}
    )


def test_pairs_are_found_by_the_ending_of_their_maps(measures, tmp_path):
    for name in ("b", "a"):
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), np.full((8, 8, 3), 200, np.uint8))
        cv2.imwrite(str(tmp_path / f"{name}_mask.png"), np.full((8, 8), 17, np.uint8))
    cv2.imwrite(str(tmp_path / "alone.jpg"), np.zeros((8, 8, 3), np.uint8))
    found = list(measures.pairs(tmp_path, "_mask.png"))
    assert [name for name, _, _ in found] == ["a", "b"]
    for _, picture, theirs in found:
        assert picture.shape == (8, 8, 3) and (theirs == 17).all()


@pytest.mark.slow
def test_speeds_are_measured_beside_the_original_route():
    command = [sys.executable, str(FOLDER / "label_speed.py"), "--rounds", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    route = figures["vertices_to_depth"]
    assert abs(route["vertices"] - 43867) < 50
    assert route["correlation_inside"] > 0.999  # both draw the same surface
    assert set(figures["twice_over_once"]) == {"depth", "parsing"}
    assert all(value > 0 for value in figures["frame"].values() if isinstance(value, float))
