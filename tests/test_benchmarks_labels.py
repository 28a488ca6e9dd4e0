"""What benchmarks/labels.py measures, on cases that can be worked out by hand."""

import cv2
import numpy as np
import pytest

from benchmarks.labels import class_agreement, depth_agreement, pairs


def test_depth_maps_are_compared_where_both_are_and_by_their_outlines():
    ours = np.array([[0.0, 0.2, 0.4, 0.6]])
    theirs = np.array([[0.1, 0.3, 0.5, 0.7]])
    found = depth_agreement(ours, theirs)
    assert found == pytest.approx({"correlation": 1.0, "mae": 0.1, "outline_iou": 0.75})


def test_classes_are_compared_without_what_lies_under_eyeglasses():
    theirs = np.array([[1, 1, 1, 6, 2, 2, 3, 3]])
    ours = np.array([[1, 1, 0, 1, 2, 3, 3, 0]])
    found = class_agreement(ours, theirs)
    # Left brows: one of two and none else; right brows: one, one missed, one that is none.
    assert found == pytest.approx(
        {"skin": 2 / 3, "brows": (1 / 2 + 1 / 3) / 2, "right_side": 2 / 3}
    )


def test_pairs_are_found_by_the_ending_of_their_maps(tmp_path):
    for name in ("b", "a"):
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), np.full((8, 8, 3), 200, np.uint8))
        cv2.imwrite(str(tmp_path / f"{name}_mask.png"), np.full((8, 8), 17, np.uint8))
    cv2.imwrite(str(tmp_path / "alone.jpg"), np.zeros((8, 8, 3), np.uint8))
    found = list(pairs(tmp_path, "_mask.png"))
    assert [name for name, _, _ in found] == ["a", "b"]
    for _, picture, theirs in found:
        assert picture.shape == (8, 8, 3) and (theirs == 17).all()
