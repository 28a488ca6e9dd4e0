"""Polygon filling against cases worked by hand, and the face's own axes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels import classes
from labels.canonical import VERTICES
from labels.parsing.polygons import (
    LEFT_EYE,
    LEFT_NOSE,
    NOSE_TRIANGLES,
    RIGHT_EYE,
    RIGHT_NOSE,
    face_axes,
    fill,
    outlines,
    rounded,
)
from labels.view import LabelError

FRONT = np.concatenate([VERTICES[:, :2] * (10, -10), np.zeros((10, 2))])
"""The canonical face in millimetres, x to the subject's left, y down; irises at 0."""


def filled(
    polygon: np.ndarray | list[tuple[float, float]], height: int = 5, width: int = 5
) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    fill(mask, np.array(polygon, float), 1)
    return mask


def test_pixels_are_filled_when_their_centres_are_inside() -> None:
    # From 0.6 to 3.5: the centres 1.5 and 2.5, and not 3.5, which lies on the right edge.
    mask = filled([(0.6, 0.6), (3.5, 0.6), (3.5, 3.5), (0.6, 3.5)])
    expected = np.zeros((5, 5), np.uint8)
    expected[1:3, 1:3] = 1
    assert np.array_equal(mask, expected)


def test_centres_on_left_and_top_edges_are_inside() -> None:
    mask = filled([(0.5, 0.5), (2.5, 0.5), (2.5, 2.5), (0.5, 2.5)])
    assert mask.sum() == 4
    assert mask[0, 0] == 1


def test_a_hollow_stays_hollow() -> None:
    # A U: the notch is outside.
    mask = filled([(0, 0), (1, 0), (1, 3), (4, 3), (4, 0), (5, 0), (5, 5), (0, 5)])
    assert np.array_equal(mask.sum(1), [2, 2, 2, 5, 5])
    assert (mask[:3, 1:4] == 0).all()


def test_what_is_wound_round_twice_is_inside() -> None:
    once = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
    assert filled(once + once).sum() == 16


def test_parts_outside_the_picture_are_cut_off() -> None:
    assert filled([(-1e7, -1e7), (1e7, -1e7), (1e7, 1e7), (-1e7, 1e7)]).sum() == 25
    assert filled([(6, 6), (9, 6), (9, 9), (6, 9)]).sum() == 0
    assert filled([(-9, -9), (-6, -9), (-6, -6), (-9, -6)]).sum() == 0
    assert filled([(2, -5), (3, -5), (3, 9), (2, 9)]).sum() == 5


def test_nearer_surfaces_are_left_out() -> None:
    mask = np.zeros((2, 4), np.uint8)
    square = np.array([(0, 0), (4, 0), (4, 2), (0, 2)], float)
    surface = np.array([[0, 1, 2, np.nan]] * 2, np.float32)
    # The polygon's own height is x + 0.25: 0.75, 1.75, 2.75, 3.75; lowered by one in row two.
    fill(mask, square, 3, surface, np.array([1, -1, 0.75]))
    assert np.array_equal(mask, [[3, 3, 3, 3], [0, 0, 0, 3]])


@given(st.integers(0, 2**32 - 1))
def test_two_halves_of_a_polygon_make_it_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 8))
    ring = 10 + np.column_stack([np.cos(angles), np.sin(angles)]) * rng.uniform(3, 9, (8, 1))
    halves = filled(ring[:5], 20, 20) + filled(ring[[4, 5, 6, 7, 0]], 20, 20)
    # Where the cut leaves the polygon, both halves or neither may have a pixel that it has not.
    if _is_star_about_cut(ring):
        assert np.array_equal(halves, filled(ring, 20, 20))


def _is_star_about_cut(ring: np.ndarray) -> bool:
    """Whether the cut from corner 0 to 4 runs between the two chains without touching them."""
    along = ring[4] - ring[0]
    side = along[0] * (ring[:, 1] - ring[0, 1]) - along[1] * (ring[:, 0] - ring[0, 0])
    return bool((side[1:4] < 0).all() and (side[5:] > 0).all()) or bool(
        (side[1:4] > 0).all() and (side[5:] < 0).all()
    )


def test_axes_run_to_the_subjects_left_and_to_the_chin() -> None:
    front = VERTICES[:, :2] * (1, -1)
    axes = face_axes(front)
    assert np.allclose(axes.along, (1, 0), atol=1e-3)
    assert np.allclose(axes.down, (0, 1), atol=1e-3)
    assert np.isclose(axes.length, front[263, 0] - front[33, 0], rtol=1e-5)
    turned = face_axes(front @ np.array([[0, 1], [-1, 0]]))
    assert np.allclose(turned.along, (0, 1), atol=1e-3)
    assert np.allclose(turned.down, (-1, 0), atol=1e-3)


def test_stretching_acts_along_and_on_either_side() -> None:
    axes = face_axes(VERTICES[:, :2] * (1, -1))
    points = np.array([(2, -2), (2, 2)], float)
    got = axes.stretch(points, np.zeros(2), 0.5, 2, 3)
    assert np.allclose(got, [(1, -4), (1, 6)], atol=0.01)


def test_a_face_without_extent_is_refused() -> None:
    with pytest.raises(LabelError, match="eyes"):
        face_axes(np.ones((468, 2)))


def test_the_corners_of_a_square_are_cut_twice() -> None:
    # One cut of a square of side 16: points at 4 and 12 of each edge. The next: quarters again.
    curve = rounded(np.array([(0, 0), (16, 0), (16, 16), (0, 16)], float))
    turned = [[(3, 1), (6, 0), (10, 0), (13, 1)]]
    for _ in range(3):
        turned.append([(16 - y, x) for x, y in turned[-1]])
    assert np.allclose(curve, np.concatenate(turned))


def test_a_line_keeps_its_ends_and_a_straight_one_its_course() -> None:
    # The first cut: (0, 0), (4, 0), (12, 0), (16, 4), (16, 12), (16, 16).
    bent = rounded(np.array([(0, 0), (16, 0), (16, 16)], float), False)
    along = [(0, 0), (1, 0), (3, 0), (6, 0), (10, 0), (13, 1)]
    assert np.allclose(bent, along + [(16 - y, 16 - x) for x, y in along[::-1]])
    straight = rounded(np.array([(0, 0), (3, 1), (9, 3)], float), False)
    assert np.allclose(straight[:, 1] * 3, straight[:, 0])
    assert (np.diff(straight[:, 0]) >= 0).all()


@given(st.integers(0, 2**32 - 1), st.integers(3, 12))
def test_rounding_stays_within_the_polygon_and_moves_with_it(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 2))
    curve = rounded(points)
    assert len(curve) == 4 * count
    assert (curve >= points.min(0) - 1e-12).all()
    assert (curve <= points.max(0) + 1e-12).all()
    turn = rng.normal(size=(2, 2))
    assert np.allclose(rounded(points @ turn + (3, 4)), curve @ turn + (3, 4))


def test_the_nose_ends_level_between_the_eyes_and_its_halves_meet() -> None:
    right, left = (part.polygon for part in outlines(FRONT)[:2])
    assert [part.value for part in outlines(FRONT)[:2]] == [classes.NOSE] * 2
    # The canonical face is symmetric, so the halves are each other's mirror image.
    assert np.allclose(right * (-1, 1), left, atol=1e-4)
    # Its upper end is flat for more than half of its width there, and lies on the bridge,
    top = right[:, 1].min()
    level = right[np.isclose(right[:, 1], top, atol=0.2), 0]
    bridge = np.abs(FRONT[[193, 417], 0]).mean()
    assert np.ptp(level) > 0.5 * bridge
    assert FRONT[8, 1] < top < FRONT[168, 1] + 1
    # and nothing lies between the halves.
    mask = np.zeros((160, 160), np.uint8)
    for half in (right, left):
        fill(mask, half + (80.2, 80), 1)
    rows = mask[mask.any(1)]
    assert all(np.ptp(np.flatnonzero(row)) + 1 == row.sum() for row in rows)


def test_lips_and_mouth_leave_no_gap() -> None:
    points = FRONT.copy()
    lower = [14, 17, 84, 314, 87, 317, 88, 318, 178, 402, 181, 405, 91, 321, 146, 375, 95, 324]
    points[lower, 1] += 8  # open the mouth
    mask = np.zeros((160, 160), np.uint8)
    for part in outlines(points)[-3:]:
        fill(mask, part.polygon + (80.2, 40), part.value)
    assert set(np.unique(mask)) == {0, classes.MOUTH, classes.UPPER_LIP, classes.LOWER_LIP}
    columns = mask[:, mask.any(0)].T
    gaps = [np.ptp(np.flatnonzero(column)) + 1 - (column > 0).sum() for column in columns]
    assert max(gaps) == 0
    # Close to the corners the lips touch: the mouth is narrower than the line between them.
    wide = np.flatnonzero((mask == classes.MOUTH).any(0))
    assert np.ptp(wide) < 0.95 * (FRONT[308, 0] - FRONT[78, 0])


def test_sides_are_the_subjects_own() -> None:
    # The canonical face looks at the viewer: its left is at positive x.
    assert (VERTICES[LEFT_EYE, 0] > 0).all()
    assert (VERTICES[RIGHT_EYE, 0] < 0).all()
    assert (VERTICES[LEFT_NOSE, 0] > -1e-3).all()
    assert (VERTICES[RIGHT_NOSE, 0] < 1e-3).all()


def test_the_noses_triangles_are_the_nearest_of_the_face() -> None:
    numbers = np.unique(NOSE_TRIANGLES)
    assert VERTICES[:, 2].argmax() in numbers
    assert np.abs(VERTICES[numbers, 0]).max() < 2.2  # centimetres from the middle
    assert not set(numbers) & set(LEFT_EYE + RIGHT_EYE)
