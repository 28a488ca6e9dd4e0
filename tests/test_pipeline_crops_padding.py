"""The share of a crop that lies outside of its frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_meshes import FACE, affines, turn_of

from pipeline import crops


@pytest.mark.parametrize(
    "frame, expected",
    [
        ((400, 300), 0.0),
        # The crop covers x 70 to 210 and y 40 to 180, 140 each way.
        ((140, 300), 0.5),
        ((140, 110), 0.75),
        ((400, 145), 0.25),
        ((70, 300), 1.0),
        ((20, 20), 1.0),
    ],
)
def test_padding_is_the_share_of_the_crop_outside_of_the_frame(frame, expected):
    affine = crops.box_affine(FACE, 1.4, 0.0, 256)
    assert crops.padding(affine, frame, 256) == pytest.approx(expected, abs=1e-12)
    black = np.ones(frame[::-1], np.float32)
    drawn = crops.warp(black, affine, (256, 256))
    assert (drawn < 0.5).mean() == pytest.approx(expected, abs=0.01)


def test_padding_counts_what_lies_left_and_above_as_well():
    moved = FACE[:, :2] - [105.0, 75.0]  # the crop covers x -35 to 105 and y -35 to 105
    affine = crops.box_affine(moved, 1.4, 0.0, 256)
    assert crops.padding(affine, (400, 400), 256) == pytest.approx(1 - (105 / 140) ** 2)


@pytest.mark.parametrize("degrees", [0, 10, 45, 77, 90, 180, 251])
@pytest.mark.parametrize(
    "middle, expected", [((300, 200), 0.0), ((600, 200), 0.5), ((0, 0), 0.75), ((900, 200), 1.0)]
)
def test_padding_of_a_turned_crop(degrees, middle, expected):
    # A square has the same quarters and halves however it is turned about its centre.
    linear = 2.5 * turn_of(degrees)
    affine = np.column_stack([linear, 128 - linear @ middle])
    assert crops.padding(affine, (600, 400), 256) == pytest.approx(expected, abs=1e-12)
    if expected in (0.0, 1.0):
        assert crops.padding(affine, (600, 400), 256) == expected


def test_a_crop_that_is_the_frame_has_no_padding_and_one_beside_it_nothing_else():
    assert crops.padding(np.eye(2, 3), (64, 64), 64) == 0.0
    for aside in ((64, 0), (0, 64), (-64, 0), (0, -64), (64, 64)):
        assert crops.padding(np.column_stack([np.eye(2), aside]), (64, 64), 64) == 1.0


def test_padding_of_a_crop_that_holds_the_whole_frame():
    linear = 0.5 * turn_of(30)  # the frame's 40 x 60 pixels cover 600 of 256 x 256
    affine = np.column_stack([linear, 128 - linear @ [20, 30]])
    assert crops.padding(affine, (40, 60), 256) == pytest.approx(1 - 600 / 256**2, abs=1e-12)


def test_padding_at_a_cut_corner():
    # Turned by 45 degrees and side 100, the crop's corner reaches 50 sqrt(2) right of its middle;
    # beyond a border 20 short of that there is a right-angled triangle of height 20, area 400.
    linear = turn_of(45)
    affine = np.column_stack([linear, 50 - linear @ [200 + 20 - 50 * np.sqrt(2), 150]])
    assert crops.padding(affine, (200, 300), 100) == pytest.approx(400 / 100**2, abs=1e-12)


@settings(max_examples=50)
@given(affines((40, 3000)), st.tuples(*[st.integers(1, 2000)] * 2))
def test_padding_is_the_share_of_crop_pixels_whose_place_is_outside(crop, frame):
    affine, size = crop
    rows, columns = np.indices((size, size)).reshape(2, -1) + 0.5
    places = crops.transform(crops.inverse(affine), np.column_stack([columns, rows]))
    outside = ((places < 0) | (places > frame)).any(axis=1).mean()
    assert crops.padding(affine, frame, size) == pytest.approx(outside, abs=4 / size)
