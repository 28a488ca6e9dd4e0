"""IoU and depth errors, worked out by hand."""

import numpy as np
import pytest

from pipeline.explain.metrics import Tally, confusion, iou


def test_pixels_are_counted_by_label_and_by_what_was_found():
    counts = confusion(np.array([[0, 1], [1, 12]], np.uint8), np.array([[0, 0], [1, 12]]))
    wanted = np.zeros((13, 13), int)
    wanted[0, 0] = wanted[1, 0] = wanted[1, 1] = wanted[12, 12] = 1
    assert np.array_equal(counts, wanted)


def test_an_iou_worked_out_by_hand():
    # Background: 2 right of 4 labelled or found. Skin: 1 right of 3. Nose is found and never
    # labelled, so it has no IoU of its own.
    label = np.array([0, 0, 0, 1, 1])
    found = np.array([0, 0, 9, 0, 1])
    assert iou(confusion(label, found)) == pytest.approx({"background": 2 / 4, "skin": 1 / 2})


def test_pixels_of_all_samples_count_together_and_classes_apart():
    tally = Tally()
    tally.add_parsing(True, np.array([[0, 0], [0, 0]]), np.array([[0, 0], [0, 0]]))
    tally.add_parsing(False, np.array([[0, 0], [1, 1]]), np.array([[1, 1], [1, 1]]))
    told = tally.parsing()
    # All: background 4 of 6, skin 2 of 4. Spoof: background 0 of 2, skin 2 of 4.
    assert told["iou"] == pytest.approx({"background": 4 / 6, "skin": 0.5})
    assert told["mean_iou"] == pytest.approx({"all": (4 / 6 + 0.5) / 2, "live": 1, "spoof": 0.25})


def test_depth_errors_are_means_over_samples():
    tally = Tally()
    tally.add_depth(True, np.zeros((2, 2)), np.full((2, 2), 0.5))
    tally.add_depth(True, np.ones((2, 2)), np.array([[1, 1], [1, 0]]))
    tally.add_depth(False, np.zeros((2, 2)), np.full((2, 2), -0.1))
    told = tally.depth()["mean_absolute_error"]
    wanted = {"all": (0.5 + 0.25 + 0.1) / 3, "live": 0.375, "spoof": 0.1}
    assert told == pytest.approx(wanted)


def test_of_nothing_there_is_nothing_to_tell():
    tally = Tally()
    assert tally.parsing() is None and tally.depth() is None
    tally.add_depth(True, np.zeros((2, 2)), np.zeros((2, 2)))
    assert tally.depth()["mean_absolute_error"]["spoof"] is None
