"""Position maps as surfaces; expected values are worked by hand or from the sphere's equation."""

import numpy as np
import pytest

from labels.depth.position_map import grid_triangles, nearness, read_face_index
from pipeline.errors import UserError

IDENTITY = np.eye(2, 3)


def as_sets(triangles):
    return {frozenset(one) for one in triangles.tolist()}


def test_a_square_of_four_gives_two_triangles_that_fill_it():
    triangles = grid_triangles(np.ones((2, 2), bool))
    assert as_sets(triangles) == {frozenset({0, 1, 2}), frozenset({1, 2, 3})}
    assert triangles.dtype == np.int32


@pytest.mark.parametrize("missing", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_square_with_one_missing_gives_the_triangle_of_the_others(missing):
    valid = np.ones((2, 2), bool)
    valid[missing] = False
    assert as_sets(grid_triangles(valid)) == {frozenset({0, 1, 2})}


def test_two_of_a_square_give_nothing():
    assert grid_triangles(np.eye(2, dtype=bool)).shape == (0, 3)


def test_triangles_number_the_valid_pixels_row_by_row():
    valid = np.zeros((4, 4), bool)
    valid[1:3, 2:4] = True  # the only four, so 0 to 3
    assert as_sets(grid_triangles(valid)) == {frozenset({0, 1, 2}), frozenset({1, 2, 3})}


def test_a_region_of_prnets_size_has_the_triangles_that_euler_counts():
    yy, xx = np.mgrid[:256, :256] - 127.5
    valid = xx**2 + yy**2 < 118**2
    triangles = grid_triangles(valid)
    edges = np.sort(triangles[:, [(0, 1), (1, 2), (2, 0)]].reshape(-1, 2), axis=1)
    kinds, counts = np.unique(edges, axis=0, return_counts=True)
    assert set(counts) == {1, 2}  # no edge is in three triangles
    # One piece without a hole: vertices - edges + triangles = 1.
    assert valid.sum() - len(kinds) + len(triangles) == 1
    assert 86_000 < len(triangles) < 88_000


def flat(side, slopes, height):
    """A map whose points lie at their own pixels, z linear over them."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    return np.stack([x, y, slopes[0] * x + slopes[1] * y + height])


def test_a_plane_is_given_exactly_at_pixel_centres():
    valid = np.ones((12, 12), bool)
    buffer = nearness(flat(12, (0.5, -0.25), 3), valid, grid_triangles(valid), IDENTITY, 14, 14)
    y, x = np.mgrid[:14, :14]
    # PRNet's whole numbers are pixel centres, so pixel (x, y) shows the point of map pixel (x, y).
    inside = (x < 11) & (y < 11)  # a centre on the right or lower border is not inside
    assert (np.isfinite(buffer) == inside).all()
    assert np.abs(buffer - (0.5 * x - 0.25 * y + 3))[inside].max() < 1e-5


def test_an_affine_moves_points_and_scales_z():
    valid = np.ones((12, 12), bool)
    turned = np.array([[0, -2, 30.0], [2, 0, 1.0]])  # a quarter turn, twice the size
    buffer = nearness(flat(12, (1, 0), 0), valid, grid_triangles(valid), turned, 40, 40)
    rows, columns = np.nonzero(np.isfinite(buffer))
    # (x + 0.5, y + 0.5) goes to (30 - 2 (y + 0.5), 1 + 2 (x + 0.5)), and z = x to 2 x.
    assert np.abs(buffer[rows, columns] - (rows + 0.5 - 2)).max() < 1e-5
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 23, 7, 28)


def test_the_nearer_of_two_layers_is_seen():
    positions = np.concatenate([flat(10, (0, 0), 1), flat(10, (0, 0), 7)], axis=2)
    valid = np.ones((10, 20), bool)
    valid[:, 10] = False  # a cut, so that the layers do not hang together
    buffer = nearness(positions, valid, grid_triangles(valid), IDENTITY, 10, 10)
    assert (buffer[:9, 1:9] == 7).all()
    assert (buffer[:9, 0] == 1).all()


def test_a_hemisphere_has_the_height_of_a_sphere():
    v, u = (np.mgrid[:256, :256] - 127.5) / 127.5 * np.radians(70)
    radius, x0, y0 = 80.0, 110.0, 140.0
    positions = np.stack([
        x0 + radius * np.sin(u) * np.cos(v),
        y0 + radius * np.sin(v),
        20 + radius * np.cos(u) * np.cos(v),
    ])  # fmt: skip
    valid = np.ones((256, 256), bool)
    buffer = nearness(positions, valid, grid_triangles(valid), IDENTITY, 256, 256)
    y, x = np.mgrid[:256, :256]
    square = radius**2 - (x - x0) ** 2 - (y - y0) ** 2
    inside = square > (0.5 * radius) ** 2
    assert np.isfinite(buffer[inside]).all()
    assert np.abs(buffer[inside] - 20 - np.sqrt(square[inside])).max() < 0.01


def test_positions_of_another_shape_are_refused():
    valid = np.ones((4, 4), bool)
    with pytest.raises(ValueError, match="positions"):
        nearness(np.zeros((4, 4, 3)), valid, grid_triangles(valid), IDENTITY, 4, 4)


@pytest.mark.parametrize("text", ["0\n1\n4\n5\n", "5 4\n1.0e+00 0.000000000000000000e+00\n"])
def test_a_face_index_lists_pixels_row_by_row_in_any_order(tmp_path, text):
    path = tmp_path / "face_ind.txt"
    path.write_text(text)
    wanted = np.zeros((4, 4), bool)
    wanted[:2, :2] = True
    assert (read_face_index(path, side=4) == wanted).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 1 4 16", "0 to 15"),
        ("-1 0 1 4", "-1 to 4"),
        ("0 1 1 4", "twice"),
        ("0 1.5 4", "whole"),
        ("0 nan 4", "whole"),
        ("zero", "not a list"),
        ("0 1 2", "no triangle"),
        ("", "0 pixels"),
    ],
)
def test_a_wrong_face_index_is_told_with_its_path(tmp_path, text, words):
    path = tmp_path / "face_ind.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        read_face_index(path, side=4)
    assert str(path) in str(caught.value)
