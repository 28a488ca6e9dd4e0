"""The pose correction against a camera that is known."""

import numpy as np
import pytest

from labels.canonical import VERTICES
from labels.pose import PoseError, correct_pose, similarity

FRAME = (640, 480)
FOCAL = 640.0


def rotation(yaw: float, pitch: float = 0.0) -> np.ndarray:
    a, b = np.radians([yaw, pitch])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return about_x @ about_y


def seen(distance: float, yaw: float = 0, pitch: float = 0, x: float = 0) -> np.ndarray:
    """The canonical face through the camera: pixels, and true z in pixels of its mean distance."""
    model = (VERTICES - VERTICES.mean(0)).astype(np.float64) * (1, -1, -1)
    placed = model @ rotation(yaw, pitch).T + (x, 0, distance)
    pixels = FOCAL * placed[:, :2] / placed[:, 2:] + np.array(FRAME) / 2
    depth = placed[:, 2] - placed[:, 2].mean()
    return np.column_stack([pixels, depth * FOCAL / placed[:, 2].mean()])


def lean(depth: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Slope of a difference in z along x and y: the tilt that is left."""
    known = np.column_stack([landmarks[:, :2], np.ones(len(landmarks))])
    return np.linalg.lstsq(known, depth, rcond=None)[0][:2]


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (25, 0), (-50, 10), (10, -20)])
def test_a_face_that_is_right_already_is_left_alone(yaw: float, pitch: float) -> None:
    # From far off, where a similarity fits a perspective picture: 10 m for a face of 20 cm.
    truth = seen(1000, yaw, pitch)
    got = correct_pose(truth, FRAME)
    extent = np.ptp(truth[:, 2])
    assert np.abs(got[:, 2] - truth[:, 2]).max() < 0.01 * extent
    assert np.array_equal(got[:, :2], truth[:, :2])


@pytest.mark.parametrize("shear", [(0.0, 0.3), (0.0, -0.3), (0.25, 0.0)])
def test_a_tilt_becomes_smaller(shear: tuple[float, float]) -> None:
    truth = seen(60, 10)
    tilted = truth.copy()
    tilted[:, 2] += (truth[:, :2] - truth[:, :2].mean(0)) @ shear
    before = np.abs(tilted[:, 2] - truth[:, 2]).mean()
    after = correct_pose(tilted, FRAME)
    assert np.abs(after[:, 2] - truth[:, 2] - (after[:, 2] - truth[:, 2]).mean()).mean() < before
    assert np.hypot(*lean(after[:, 2] - truth[:, 2], truth)) < 0.7 * np.hypot(*shear)


def test_weight_zero_changes_nothing() -> None:
    landmarks = seen(60, 20) + np.random.default_rng(0).normal(0, 1, (468, 3))
    assert np.allclose(correct_pose(landmarks, FRAME, weight=0), landmarks)


def test_the_correction_grows_with_its_weight() -> None:
    landmarks = seen(60, 20)
    landmarks[:, 2] *= 0.8
    half = correct_pose(landmarks, FRAME, weight=0.5) - landmarks
    whole = correct_pose(landmarks, FRAME, weight=1) - landmarks
    assert np.allclose(whole, 2 * half)


def test_landmarks_that_are_no_face_are_refused() -> None:
    with pytest.raises(PoseError):
        correct_pose(np.full((468, 3), np.nan), FRAME)
    with pytest.raises(PoseError):
        correct_pose(np.tile([320.0, 240.0, 0.0], (468, 1)), FRAME)


def test_a_similarity_is_found_again() -> None:
    rng = np.random.default_rng(1)
    source = rng.normal(size=(20, 3))
    target = 3.5 * source @ rotation(40, -70).T + (1, 2, 3)
    assert np.allclose(similarity(source, target), target)


def test_a_similarity_never_mirrors() -> None:
    source = np.random.default_rng(2).normal(size=(20, 3))
    fitted = similarity(source, source * (-1, 1, 1))
    turn = np.linalg.lstsq(source - source.mean(0), fitted - fitted.mean(0), rcond=None)[0]
    assert np.linalg.det(turn) > 0
