"""The rasteriser against cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.zbuffer import zbuffer

ONE = np.array([[0, 1, 2]])


def test_pixels_belong_to_a_triangle_when_it_holds_their_centres() -> None:
    # Legs of 3 from the origin: the centres (x + .5) + (y + .5) < 3 are inside; those on the
    # long edge, where the sum is 3, lie left of what is right of it and stay out.
    vertices = np.array([(0, 0, 7), (3, 0, 7), (0, 3, 7)], float)
    expected = np.array([[7, 7, 0, 0], [7, 0, 0, 0], [0, 0, 0, 0]], float)
    got = zbuffer(vertices, ONE, 3, 4)
    assert np.array_equal(np.nan_to_num(got), expected)
    assert np.isnan(got[2, 3])


def test_height_is_linear_over_a_triangle() -> None:
    # z = 2 x + 3 y + 1 at the corners, so at every centre inside.
    corners = np.array([(0, 0), (8, 0), (0, 8)], float)
    vertices = np.column_stack([corners, 2 * corners[:, 0] + 3 * corners[:, 1] + 1])
    got = zbuffer(vertices, ONE, 8, 8)
    y, x = np.mgrid[:8, :8] + 0.5
    inside = np.isfinite(got)
    assert inside.sum() == 28  # 7 + 6 + ... + 1
    assert np.allclose(got[inside], (2 * x + 3 * y + 1)[inside])


def test_the_larger_z_wins_whatever_the_order() -> None:
    near = np.array([(0, 0, 5), (4, 0, 5), (0, 4, 5)], float)
    far = near - (0, 0, 2)
    vertices = np.concatenate([far, near])
    for triangles in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        assert np.nanmin(zbuffer(vertices, np.array(triangles), 4, 4)) == 5


def test_crossing_surfaces_are_told_apart_pixel_by_pixel() -> None:
    square = np.array([(0, 0), (4, 0), (4, 4), (0, 4)], float)
    rising = np.column_stack([square, square[:, 0]])
    level = np.column_stack([square, np.full(4, 2.0)])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    got = zbuffer(np.concatenate([rising, level]), triangles, 4, 4)
    assert np.allclose(got, np.tile([2, 2, 2.5, 3.5], (4, 1)))


def test_orientation_does_not_matter() -> None:
    vertices = np.array([(0.3, 0.1, 1), (6.2, 1.7, 4), (2.2, 7.9, 2)])
    got = zbuffer(vertices, ONE, 8, 8)
    turned = zbuffer(vertices, ONE[:, ::-1], 8, 8)
    assert np.isfinite(got).any()
    assert np.allclose(got, turned, equal_nan=True)


def test_what_covers_nothing_paints_nothing() -> None:
    line = np.array([(0, 0, 1), (2, 2, 1), (4, 4, 1)], float)
    lost = np.array([(0, 0, 1), (4, np.nan, 1), (0, 4, 1)], float)
    outside = np.array([(10, 10, 1), (20, 10, 1), (10, 1e12, 1)], float)
    for vertices in (line, lost, outside):
        assert np.isnan(zbuffer(vertices, ONE, 4, 4)).all()


def test_a_triangle_far_larger_than_the_picture_fills_it() -> None:
    vertices = np.array([(-1e9, -1e9, 3), (1e9, -1e9, 3), (0, 1e9, 3)])
    assert np.allclose(zbuffer(vertices, ONE, 5, 6), 3)


def test_vertices_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="vertices"):
        zbuffer(np.zeros((2, 3)), ONE, 4, 4)


@given(st.integers(0, 2**32 - 1))
def test_a_fan_covers_each_pixel_of_its_square_once(seed: int) -> None:
    # Four triangles round an inner point: heights 1, 2, 4, 8 so that any two that both claim a
    # pixel would be seen, as they are painted one by one.
    rng = np.random.default_rng(seed)
    low, high = np.sort(rng.choice(np.arange(0, 33), 2, replace=False)) / 2
    centre = rng.choice([low + (high - low) * rng.random(2), np.floor([low, low]) + 0.5])
    corners = [(low, low), (high, low), (high, high), (low, high)]
    vertices = np.column_stack([[*corners, centre], np.ones(5)])
    if not ((centre > low) & (centre < high)).all():
        return
    count = np.zeros((17, 17))
    for i in range(4):
        count += np.isfinite(zbuffer(vertices, np.array([[i, (i + 1) % 4, 4]]), 17, 17))
    c = np.arange(17) + 0.5
    inside = (c >= low) & (c < high)
    assert np.array_equal(count, np.outer(inside, inside).astype(float))


@given(st.integers(0, 2**32 - 1))
def test_shared_edges_leave_no_gap_and_no_double(seed: int) -> None:
    # A jittered grid of vertices with its border held: together exactly the square.
    rng = np.random.default_rng(seed)
    n, side = 6, 20.0
    x, y = np.meshgrid(np.linspace(0, side, n), np.linspace(0, side, n))
    jitter = rng.uniform(-0.9, 0.9, (2, n, n))  # too little to fold a triangle
    jitter[:, [0, -1]] = jitter[:, :, [0, -1]] = 0
    points = np.stack([x + jitter[0], y + jitter[1], np.ones_like(x)], -1).reshape(-1, 3)
    i = np.arange(n * n).reshape(n, n)
    a, b, c, d = (e.ravel() for e in (i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]))
    triangles = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    count = sum(np.isfinite(zbuffer(points, t[None], 20, 20)).astype(int) for t in triangles)
    assert np.array_equal(count, np.ones((20, 20)))


@given(st.integers(0, 2**32 - 1), st.integers(-6, 6), st.integers(-6, 6))
def test_whole_shifts_shift_the_buffer(seed: int, dx: int, dy: int) -> None:
    rng = np.random.default_rng(seed)
    # Dyadic places: adding whole numbers to them rounds nothing.
    vertices = rng.integers(6 * 64, 14 * 64, (9, 3)) / 64
    triangles = np.arange(9).reshape(3, 3)
    whole = zbuffer(vertices, triangles, 20, 20)
    moved = zbuffer(vertices + (dx, dy, 0), triangles, 20, 20)
    assert np.allclose(moved, np.roll(whole, (dy, dx), (0, 1)), atol=1e-5, equal_nan=True)
