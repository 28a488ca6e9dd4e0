"""The pose, its angles and its correction against a camera that is known."""

import cv2
import numpy as np
import pytest
from made_faces import rotation
from made_meshes import FRONT

from labels.flip import flip_landmarks
from labels.landmarks import FaceFinder
from labels.pose import PoseError, angles, correct_pose, similarity, solve

FRAME = (640, 480)
FOCAL = 640.0


MODEL = FRONT - FRONT.mean(0)


def filmed(turn: np.ndarray, place: tuple[float, float, float] = (0, 0, 60)) -> np.ndarray:
    """The canonical face with its middle at a place in centimetres, through the camera; z is 0."""
    placed = MODEL @ turn.T + place
    pixels = FOCAL * placed[:, :2] / placed[:, 2:] + np.array(FRAME) / 2
    return np.column_stack([pixels, np.zeros(468)])


def seen(distance: float, yaw: float = 0, pitch: float = 0) -> np.ndarray:
    """The same straight ahead, with its true z in pixels of its middle's distance."""
    turn = rotation(yaw, pitch)
    landmarks = filmed(turn, (0, 0, distance))
    landmarks[:, 2] = (MODEL @ turn.T)[:, 2] * FOCAL / distance
    return landmarks


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


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("place", [(np.nan, np.nan, np.nan), (320, 240, 0), (320, 140, -112)])
def test_landmarks_that_are_no_face_are_refused(place: tuple[float, ...], kind: type) -> None:
    landmarks = np.full((468, 3), place, kind)
    for function in (angles, correct_pose):
        with pytest.raises(PoseError):
            function(landmarks, FRAME)


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


RIGHT, DOWN, AWAY = np.eye(3)  # of the picture; towards the viewer is -AWAY, up is -DOWN


def from_to(start: np.ndarray, goal: np.ndarray, degrees: float) -> np.ndarray:
    """The rotation that turns one axis towards another."""
    a = np.radians(degrees)
    plane = np.outer(start, start) + np.outer(goal, goal)
    return (
        np.eye(3)
        + (np.cos(a) - 1) * plane
        + np.sin(a) * (np.outer(goal, start) - np.outer(start, goal))
    )


def head(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Turned by the words of the docstring: the nose points to the viewer before."""
    left = from_to(-AWAY, RIGHT, yaw)  # the subject's left is the picture's right
    up = from_to(-AWAY, -DOWN, pitch)
    clockwise = from_to(RIGHT, DOWN, roll)
    return clockwise @ up @ left


def apart(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The largest difference of two triples of angles, all the way round."""
    return float(np.abs((np.subtract(one, other) + 180) % 360 - 180).max())


@pytest.mark.parametrize("yaw", range(-60, 61, 20))
@pytest.mark.parametrize("pitch", range(-40, 41, 20))
def test_the_angles_of_a_turned_head_come_back(yaw: int, pitch: int) -> None:
    for roll in range(-180, 181, 30):
        found = angles(filmed(head(yaw, pitch, roll)), FRAME)
        assert apart(found, (yaw, pitch, roll)) < 0.5
        assert abs(found[0]) <= 180 and abs(found[1]) <= 90 and abs(found[2]) <= 180


def test_the_signs_are_those_of_what_one_sees() -> None:
    def nose(landmarks: np.ndarray) -> np.ndarray:
        return (landmarks[4] - landmarks[[33, 263]].mean(0))[:2]

    still, left, up, clockwise = (
        filmed(head(*turned)) for turned in [(0, 0, 0), (15, 0, 0), (0, 15, 0), (0, 0, 15)]
    )
    assert nose(left)[0] > nose(still)[0] + 5  # to the right of the picture
    assert nose(up)[1] < nose(still)[1] - 5
    assert clockwise[10, 0] > clockwise[152, 0] + 5  # the forehead right of the chin


@pytest.mark.parametrize("x", [-20, 0, 25])
@pytest.mark.parametrize("y", [-15, 10])
def test_a_face_that_looks_at_the_camera_is_frontal_wherever_it_is(x: int, y: int) -> None:
    # Turned from the camera's axis to its own place, as a head that looks into the lens is.
    place = np.array([x, y, 60.0])
    direction = place / np.linalg.norm(place)
    axis = np.cross(AWAY, direction)
    turn = cv2.Rodrigues(axis / max(np.linalg.norm(axis), 1e-9) * np.arccos(direction[2]))[0]
    assert apart(angles(filmed(turn, tuple(place)), FRAME), (0, 0, 0)) < 0.5
    found = angles(filmed(turn @ head(30, -20, 50), tuple(place)), FRAME)
    assert apart(found, (30, -20, 50)) < 0.5
    # So it is for a camera with another lens, nearly: the frame says nothing of the lens.
    longer = filmed(turn, tuple(place))
    longer[:, :2] = (longer[:, :2] - np.array(FRAME) / 2) * 1.3 + np.array(FRAME) / 2
    assert apart(angles(longer, FRAME), (0, 0, 0)) < 3


def test_the_angles_of_a_mirrored_face_are_mirrored() -> None:
    noise = np.random.default_rng(4)
    for yaw, pitch, roll in [(35, 10, 20), (-50, -30, 100), (5, 25, -160)]:
        landmarks = filmed(head(yaw, pitch, roll)) + noise.normal(0, 0.5, (468, 3))
        found = angles(landmarks, FRAME)
        again = angles(flip_landmarks(landmarks, FRAME[0]), FRAME)
        assert apart(again, (-found[0], found[1], -found[2])) < 0.5


def test_angles_do_not_ask_for_z_but_for_the_plain_mesh() -> None:
    landmarks = filmed(head(10, 5, 3))
    assert angles(landmarks + (0, 0, 50), FRAME) == angles(landmarks, FRAME)
    with pytest.raises(ValueError, match="468"):
        angles(np.zeros((478, 3)), FRAME)


def test_one_solution_serves_both() -> None:
    landmarks = seen(60, 20)
    pose = solve(landmarks, FRAME)
    assert angles(landmarks, FRAME, pose) == angles(landmarks, FRAME)
    assert np.array_equal(correct_pose(landmarks, FRAME, pose=pose), correct_pose(landmarks, FRAME))
    assert pose.shift == pytest.approx(-FRONT.mean(0) @ pose.turn.T + (0, 0, 60))


@pytest.mark.slow
def test_turning_a_photograph_changes_the_roll_alone(
    embedded: FaceFinder, portrait: np.ndarray
) -> None:
    square = cv2.copyMakeBorder(portrait, 40, 80, 80, 120, cv2.BORDER_REPLICATE)
    height, width = square.shape[:2]
    found = {}
    for clockwise in (-20, 0, 20):
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -clockwise, 1)
        turned = cv2.warpAffine(square, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        (face,) = embedded.find(turned)
        found[clockwise] = np.array(angles(face.landmarks, (width, height)))
    # The line of the pupils, read off the photograph by eye, falls by 2.5 pixels in 43.
    assert found[0][2] == pytest.approx(np.degrees(np.arctan2(2.5, 43)), abs=1.5)
    for clockwise in (-20, 20):
        change = found[clockwise] - found[0]
        assert change[2] == pytest.approx(clockwise, abs=1.5)
        assert np.abs(change[:2]).max() < 3
