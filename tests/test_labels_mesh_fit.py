"""The mesh through 68 points: where the points lie on it, and what it does between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_meshes import FRONT
from scipy.spatial.transform import Rotation

from labels.canonical import TRIANGLES
from labels.landmarks import Face
from labels.mesh_fit import MAX_MISFIT, fit_mesh, misfit, points68, with_irises
from labels.view import LabelError

JAW, RIGHT_BROW, LEFT_BROW = slice(0, 17), slice(17, 22), slice(22, 27)
RIDGE, NOSTRILS = slice(27, 31), slice(31, 36)
RIGHT_EYE, LEFT_EYE, OUTER_LIPS = slice(36, 42), slice(42, 48), slice(48, 60)


def facing(mesh: np.ndarray) -> np.ndarray:
    """Normals (T, 3) of the triangles."""
    a, b, c = (mesh[TRIANGLES[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def height(mesh: np.ndarray) -> float:
    return float(np.ptp(mesh[:, 1]))


@given(
    st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: sum(v * v for v in q) > 0.01),
    st.floats(-2, 3),
    st.tuples(*[st.floats(-1000, 1000)] * 3),
)
def test_a_turned_scaled_and_moved_face_comes_back_whole(
    turn: tuple[float, ...], power: float, shift: tuple[float, ...]
) -> None:
    scale = 10**power
    wanted = scale * (FRONT @ Rotation.from_quat(turn).as_matrix().T + shift)
    found = fit_mesh(points68(wanted))
    assert np.abs(found - wanted).max() < 1e-6 * np.ptp(wanted, axis=0).max()


def test_the_places_are_symmetric_as_the_annotation_is() -> None:
    import torch
    from face_alignment.utils import shuffle_lr

    partner = shuffle_lr(torch.arange(68).reshape(68, 1, 1)).flatten().numpy()
    points = points68(FRONT)
    assert np.abs(points[partner] - points * (-1, 1, 1)).max() < 0.01


def test_the_places_are_in_the_order_of_the_annotation() -> None:
    points = points68(FRONT)
    across, down, away = points.T
    assert points.shape == (68, 3)
    # From the subject's right, which lies left in a picture, to the left.
    for part in (JAW, slice(17, 27), NOSTRILS, slice(48, 55), slice(60, 65)):
        assert (np.diff(across[part]) > 0).all()
    assert (np.diff(down[:9]) > 0).all() and (np.diff(down[8:17]) < 0).all()
    assert down[8] == pytest.approx(FRONT[:, 1].max(), abs=0.05)  # the chin
    assert (np.diff(down[RIDGE]) > 0).all() and away[30] < away[27]
    assert away[30] == pytest.approx(FRONT[:, 2].min(), abs=0.2)  # the tip of the nose
    for eye in (RIGHT_EYE, LEFT_EYE):  # a corner, two above, a corner, two below
        start, above, end, below = np.split(points[eye], [1, 3, 4])
        assert start[0, 0] < above[0, 0] < above[1, 0] < end[0, 0]
        assert start[0, 0] < below[1, 0] < below[0, 0] < end[0, 0]
        assert above[:, 1].max() < below[:, 1].min()
    assert down[17:27].max() < down[36:48].min()
    assert down[36:48].max() < down[NOSTRILS].min() < down[OUTER_LIPS].min()
    assert down[51] < down[62] < down[66] < down[57]
    jaw = np.linalg.norm(np.diff(points[JAW], axis=0), axis=1)
    assert jaw.max() < 2 * jaw.min()  # evenly along it


def test_a_smooth_change_is_followed_between_the_points() -> None:
    # A longer chin and fuller cheeks: nowhere more than 0.9 cm, over waves of 20 cm and longer.
    x, y = FRONT.T[:2]
    longer, fuller = 0.5 * (y / 9) ** 2, 0.5 * np.cos(x / 4) * np.cos(y / 7)
    change = np.column_stack([0.6 * np.sin(x / 6) * np.cos(y / 9), longer, fuller])
    wanted = FRONT + change
    found = fit_mesh(points68(wanted))
    apart = np.linalg.norm(found - wanted, axis=1)
    assert apart.mean() < 0.2 * np.linalg.norm(change - change.mean(0), axis=1).mean()
    assert apart.mean() < 0.01 * height(FRONT)


def test_noise_does_not_fold_the_mesh_nor_grow() -> None:
    random = np.random.default_rng(0)
    upright = facing(FRONT)
    for _ in range(30):
        noise = random.normal(0, 0.2, (68, 3))  # centimetres
        found = fit_mesh(points68(FRONT) + noise)
        assert ((facing(found) * upright).sum(1) > 0).all()
        assert np.linalg.norm(found - FRONT, axis=1).mean() < np.linalg.norm(noise, axis=1).mean()


def test_points_that_are_no_face_are_refused() -> None:
    random = np.random.default_rng(1)
    face = points68(FRONT)
    lost = face.copy()
    lost[3, 0] = np.nan
    wrong = {
        "not finite": [lost, np.full((68, 3), np.inf)],
        "shape of a face": [
            np.zeros((68, 3)),
            random.normal(size=(68, 3)),
            random.uniform(size=(68, 3)),
            face[random.permutation(68)],
            face * (1, 1, -1),  # inside out, as with z of the other sign
            face * (1, -1, 1),  # mirrored
        ],
    }
    for reason, cases in wrong.items():
        for points in cases:
            with pytest.raises(LabelError, match=reason):
                fit_mesh(points)
    with pytest.raises(ValueError, match="68"):
        fit_mesh(np.zeros((68, 2)))
    assert misfit(face) < 1e-6 < MAX_MISFIT


def test_a_real_face_is_rebuilt_from_its_68_points(portrait_face: Face) -> None:
    mesh = portrait_face.landmarks.astype(np.float64)
    points = points68(mesh)
    assert misfit(points) < MAX_MISFIT / 2
    apart = np.linalg.norm(fit_mesh(points) - mesh, axis=1)
    assert apart.mean() < 0.02 * height(mesh)
    assert np.quantile(apart, 0.95) < 0.04 * height(mesh)


def test_irises_lie_where_the_refined_mesh_has_them(portrait_face: Face) -> None:
    # Of somebody who looks nearly straight ahead.
    refined = portrait_face.landmarks_refined.astype(np.float64)
    made = with_irises(refined[:468])
    assert made.shape == (478, 3) and np.array_equal(made[:468], refined[:468])
    width = np.linalg.norm(refined[33] - refined[133])
    apart = np.linalg.norm((made - refined)[468:, :2], axis=1)
    assert apart.max() < 0.1 * width


def test_an_iris_is_a_middle_and_four_points_around_it() -> None:
    made = with_irises(FRONT)
    for first, outer, inner in ((468, 33, 133), (473, 263, 362)):
        middle, right, top, left, bottom = made[first : first + 5]
        radius = 0.2 * np.linalg.norm(FRONT[outer] - FRONT[inner])
        around = np.stack([right, top, left, bottom]) - middle
        assert np.linalg.norm(around, axis=1) == pytest.approx(radius)
        assert right[0] > middle[0] > left[0] and top[1] < middle[1] < bottom[1]
        assert abs((right - left) @ (bottom - top)) < 1e-9
        assert np.abs(middle - (FRONT[outer] + FRONT[inner]) / 2).max() < radius
