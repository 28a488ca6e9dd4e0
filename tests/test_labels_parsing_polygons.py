"""Polygon filling against cases worked by hand, and the face's own axes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.canonical import VERTICES
from labels.parsing.polygons import (
    LEFT_EYE,
    LEFT_NOSE,
    NOSE_TRIANGLES,
    RIGHT_EYE,
    RIGHT_NOSE,
    face_axes,
    fill,
)


def filled(polygon: list[tuple[float, float]], height: int = 5, width: int = 5) -> np.ndarray:
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
    counts = np.zeros((20, 20), int)
    for part in (ring[[0, 1, 2, 3, 4]], ring[[4, 5, 6, 7, 0]]):
        mask = np.zeros((20, 20), np.uint8)
        fill(mask, part, 1)
        counts += mask
    whole = np.zeros((20, 20), np.uint8)
    fill(whole, ring, 1)
    # Where the cut leaves the polygon, both halves or neither may have a pixel that it has not.
    crossing = _is_star_about_cut(ring)
    if crossing:
        assert np.array_equal(counts, whole)


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
    with pytest.raises(ValueError, match="eyes"):
        face_axes(np.ones((468, 2)))


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
