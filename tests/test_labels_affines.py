"""Places through affines, against cases worked by hand."""

import numpy as np
import pytest

from labels.affines import after, moved, scale_of

QUARTER_TURN = np.array([[0.0, -2, 100], [2, 0, 50]])
"""Clockwise, twice the size."""


def test_points_are_moved_and_their_depth_is_scaled() -> None:
    found = moved(np.array([[10.0, 20, 5]], np.float32), QUARTER_TURN)
    assert found.dtype == np.float64
    assert found.tolist() == [[60.0, 70.0, 10.0]]


def test_the_scale_does_not_depend_on_the_turn() -> None:
    assert scale_of(QUARTER_TURN) == pytest.approx(2)
    assert scale_of(np.eye(2, 3) * 0.25) == pytest.approx(0.25)


def test_of_two_affines_the_second_is_done_after_the_first() -> None:
    shift = np.array([[1.0, 0, -60], [0, 1, -70]])
    assert after(shift, QUARTER_TURN) @ (10, 20, 1) == pytest.approx([0, 0])
    assert after(QUARTER_TURN, shift) @ (70, 90, 1) == pytest.approx([60, 70])
