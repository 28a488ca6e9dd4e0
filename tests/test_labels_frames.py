"""The frame's part of a picture, against pictures worked by hand and points taken one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.frames import clear_outside, covers, drawn_mask, frame_mask

SAME = np.eye(2, 3)


def test_the_frame_itself_is_inside() -> None:
    assert frame_mask(SAME, (4, 3), 3, 4).all()
    assert covers(SAME, (4, 3), 3, 4)


def test_pixels_beyond_each_border_are_outside() -> None:
    # A frame 3 wide and 2 high, drawn one to the right and two down on a picture of 6 x 5.
    inside = frame_mask(np.array([[1, 0, 1], [0, 1, 2]]), (3, 2), 6, 5)
    expected = np.zeros((6, 5), bool)
    expected[2:4, 1:4] = True
    assert np.array_equal(inside, expected)
    assert not covers(np.array([[1, 0, 1], [0, 1, 2]]), (3, 2), 6, 5)


def test_a_pixel_counts_by_its_centre() -> None:
    # The frame of 4 x 4 covers the picture's columns from 0.4 on, or from 0.6 on.
    for shift, first in ((0.4, True), (0.6, False)):
        affine = np.array([[1, 0, shift], [0, 1, 0]])
        inside = frame_mask(affine, (4, 4), 1, 4)
        assert inside.tolist() == [[first, True, True, True]]
        assert covers(affine, (4, 4), 1, 4) is first


def test_a_quarter_turn_turns_the_frame() -> None:
    # Frame x runs down the picture and frame y to the left: 4 wide and 2 high stands upright.
    inside = frame_mask(np.array([[0, -1, 3], [1, 0, 0]]), (4, 2), 5, 5)
    expected = np.zeros((5, 5), bool)
    expected[0:4, 1:3] = True
    assert np.array_equal(inside, expected)


@given(st.integers(0, 2**32 - 1))
def test_it_says_what_each_pixels_way_back_to_the_frame_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    affine = np.column_stack([rng.normal(size=(2, 2)), rng.uniform(-5, 15, 2)])
    if abs(np.linalg.det(affine[:, :2])) < 0.05:
        return
    size = int(rng.integers(1, 12)), int(rng.integers(1, 12))
    inside = frame_mask(affine, size, 9, 7)
    whole = np.vstack([affine, (0, 0, 1)])
    for row in range(9):
        for column in range(7):
            x, y, _ = np.linalg.solve(whole, (column + 0.5, row + 0.5, 1))
            edge = min(abs(x), abs(y), abs(x - size[0]), abs(y - size[1]))
            if edge > 1e-9:
                assert inside[row, column] == (0 < x < size[0] and 0 < y < size[1])
    assert covers(affine, size, 9, 7) == inside.all()


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_labels_outside_become_nothing_and_others_stay(kind: type) -> None:
    labels: np.ndarray = np.full((4, 4), 7, kind)
    clear_outside(labels, np.array([[1, 0, 2], [0, 1, -1]]), (9, 4))
    # Columns 0 and 1 lie left of the frame; its lower border is row 3.
    assert labels.tolist() == [[0, 0, 7, 7], [0, 0, 7, 7], [0, 0, 7, 7], [0, 0, 0, 0]]
    assert labels.dtype == kind


def test_what_stands_outside_can_be_chosen() -> None:
    labels = np.ones((1, 3), np.float32)
    clear_outside(labels, SAME, (2, 1), np.nan)
    assert np.array_equal(labels, [[1, 1, np.nan]], equal_nan=True)


def test_pixels_with_some_of_the_outside_in_them_are_not_drawn_from_the_frame_alone() -> None:
    # A row of a frame 4 wide, three times as large, from -2 on: its pixel 0 covers 2 to 5 and has
    # its centre at 3.5; up to there the outside is mixed in, and half a pixel more for safety.
    affine = np.array([[3, 0, 2], [0, 3, -1.5]])
    known = drawn_mask(affine, (4, 2), 3, 16)
    assert known is not None
    assert known[1].tolist() == [False] * 4 + [True] * 8 + [False] * 4
    assert frame_mask(affine, (4, 2), 3, 16)[1].tolist() == [False] * 2 + [True] * 12 + [False] * 2
    assert drawn_mask(np.array([[3, 0, -2.1], [0, 3, -2]]), (40, 40), 9, 9) is None
