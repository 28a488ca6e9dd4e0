"""The rasteriser of meshes."""

import numpy as np
import pytest

from pipeline.replica.mesh import draw_mesh, grid_triangles


def test_a_triangle_covers_the_pixels_whose_centres_lie_in_it() -> None:
    points = np.array([[0, 0, 5.0], [4, 0, 5], [0, 4, 5]])
    depth, _ = draw_mesh(points, np.array([[0, 1, 2]]), np.zeros((3, 1)), 5, 5)
    # Centres (x + .5, y + .5) with x + y + 1 <= 4.
    assert np.isfinite(depth).sum(1).tolist() == [4, 3, 2, 1, 0]


def test_values_and_depth_run_linearly_between_the_corners() -> None:
    points = np.array([[0, 0, 10.0], [8, 0, 18], [0, 8, 10]])
    depth, values = draw_mesh(points, np.array([[0, 1, 2]]), points[:, :2], 8, 8)
    assert depth[2, 3] == pytest.approx(10 + 3.5)
    assert values[2, 3] == pytest.approx([3.5, 2.5])


def test_the_nearer_of_two_triangles_is_seen_whatever_their_order() -> None:
    near = np.array([[0, 0, 1.0], [4, 0, 1], [0, 4, 1]])
    points = np.concatenate([near, near + (0, 0, 3)])
    values = np.array([[1.0]] * 3 + [[2.0]] * 3)
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        depth, drawn = draw_mesh(points, np.array(order), values, 4, 4)
        assert depth[0, 0] == 1
        assert drawn[0, 0, 0] == 1


def test_a_grid_of_triangles_leaves_no_gap() -> None:
    y, x = np.mgrid[0:5, 0:5] * 3.0
    points = np.column_stack([x.ravel(), y.ravel(), np.ones(25)])
    depth, _ = draw_mesh(points, grid_triangles(5, 5), np.zeros((25, 1)), 12, 12)
    assert np.isfinite(depth).all()
