"""How two boxes around faces lie together, against cases worked by hand."""

import numpy as np
import pytest

from labels.boxes import area, bounds, overlap, shared_area, within

UNIT = np.array([0.0, 0, 2, 2])


def test_bounds_of_points_with_a_depth():
    points = np.array([(3.0, 1, 9), (-1, 4, 0), (2, 2, -5)])
    assert bounds(points).tolist() == [-1, 1, 3, 4]


# By hand: what both share, over the union, over the smaller.
@pytest.mark.parametrize("other, shared, of_union, of_smaller", [
    ((0, 0, 2, 2), 4, 1, 1),
    ((1, 1, 3, 3), 1, 1 / 7, 1 / 4),
    ((0.5, 0.5, 1.5, 1.5), 1, 1 / 4, 1),
    ((2, 0, 4, 2), 0, 0, 0),
    ((5, 5, 6, 6), 0, 0, 0),
    ((1, 1, 1, 1), 0, 0, 0),
])  # fmt: skip
def test_two_boxes(other, shared, of_union, of_smaller):
    box = np.array(other, np.float64)
    for one, two in ((UNIT, box), (box, UNIT)):
        assert shared_area(one, two) == shared
        assert overlap(one, two) == pytest.approx(of_union)
        assert within(one, two) == pytest.approx(of_smaller)


def test_empty_boxes_have_nothing_in_common():
    empty = np.zeros(4)
    assert (area(empty), overlap(empty, empty), within(empty, empty)) == (0, 0, 0)
