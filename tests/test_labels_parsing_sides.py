"""Left and right from the landmarks: made faces, and photographs with real maps."""

import cv2
import numpy as np
import pytest
from made_faces import turned

from labels import classes
from labels.flip import flip_landmarks
from labels.parsing.orders import table
from labels.parsing.polygons import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from labels.parsing.sides import put_right

PARTS = {
    classes.LEFT_BROW: LEFT_BROW[0] + LEFT_BROW[1][::-1],
    classes.RIGHT_BROW: RIGHT_BROW[0] + RIGHT_BROW[1][::-1],
    classes.LEFT_EYE: LEFT_EYE,
    classes.RIGHT_EYE: RIGHT_EYE,
}
PAIRS = (2, 3), (4, 5), (7, 8)


def head(yaw: float = 0, roll: float = 0) -> np.ndarray:
    """The canonical face (468, 3) in 512 x 512 pixels; yaw to its own left, roll clockwise."""
    return turned((256, 256), 14, -yaw, roll=roll)


def drawn(points: np.ndarray) -> np.ndarray:
    """Brows, eyes and discs for ears with their right classes, filled over the landmarks."""
    parsing = np.ones((512, 512), np.uint8)
    for value, ring in PARTS.items():
        cv2.fillPoly(parsing, [points[ring, :2].round().astype(np.int32)], int(value))
    for value, edge in ((classes.LEFT_EAR, 454), (classes.RIGHT_EAR, 234)):
        cv2.circle(parsing, points[edge, :2].round().astype(int).tolist(), 12, int(value), -1)
    return parsing


def confused(parsing: np.ndarray, how: str) -> np.ndarray:
    """The same with the sides as a network may call them."""
    swap = np.arange(13, dtype=np.uint8)
    for left, right in PAIRS:
        swap[[left, right]] = {"left": (left, left), "right": (right, right)}.get(
            how, (right, left)
        )
    return swap[parsing]


@pytest.mark.parametrize("how", ["left", "right", "swapped"])
@pytest.mark.parametrize("yaw, roll", [(0, 0), (0, 90), (0, 180), (30, 20), (-45, 0), (45, -70)])
def test_sides_come_right_whatever_they_were_called(how, yaw, roll):
    points = head(yaw, roll)
    right = drawn(points)
    assert set(np.unique(right)) == {1, 2, 3, 4, 5, 7, 8}
    assert (put_right(confused(right, how), points) == right).all()


def test_the_left_is_at_the_right_of_an_upright_picture():
    fixed = put_right(confused(drawn(head()), "left"), head())
    for left, right in PAIRS:
        assert np.nonzero(fixed == left)[1].min() > 256 > np.nonzero(fixed == right)[1].max()


@pytest.mark.parametrize("yaw", [80, 90, -80, -90])
def test_in_profile_all_is_the_near_side(yaw):
    points = head(yaw)
    near = 1 if yaw > 0 else 0  # a face that turns to its left shows its right side
    seen = np.ones((512, 512), np.uint8)
    for pair in PAIRS[:2]:
        ring = points[PARTS[pair[near]], :2].round().astype(np.int32)
        cv2.fillPoly(seen, [ring], pair[near])
    assert (put_right(confused(seen, "swapped"), points) == seen).all()


def test_brows_that_meet_are_cut_between_the_eyes():
    points = head()
    parsing = np.ones((512, 512), np.uint8)
    ends = points[[LEFT_BROW[0][0], RIGHT_BROW[0][0]], :2].round().astype(int)
    cv2.line(parsing, ends[0].tolist(), ends[1].tolist(), classes.LEFT_BROW, 9)
    fixed = put_right(parsing, points)
    assert np.nonzero(fixed == classes.LEFT_BROW)[1].min() in (255, 256)
    assert np.nonzero(fixed == classes.RIGHT_BROW)[1].max() in (254, 255)
    assert ((fixed == 1) == (parsing == 1)).all()


def test_a_piece_that_reaches_over_a_little_stays_whole():
    points = head()
    right = drawn(points)
    x, y = points[LEFT_BROW[0][4], :2]
    cv2.line(right, (int(x), int(y)), (250, int(y)), classes.LEFT_BROW, 2)
    assert (put_right(confused(right, "swapped"), points) == right).all()


def test_a_mirrored_map_gives_the_mirrored_answer():
    points = head(25, 10)
    called = confused(drawn(points), "left")
    mirrored = put_right(classes.flip(called), flip_landmarks(points, 512))
    assert (mirrored == classes.flip(put_right(called, points))).all()


def test_other_classes_and_the_given_map_stay_as_they_are():
    parsing = np.random.default_rng(1).choice([0, 1, 6, 9, 10, 11, 12], (512, 512)).astype(np.uint8)
    assert (put_right(parsing, head()) == parsing).all()
    called = confused(drawn(head()), "left")
    kept = called.copy()
    put_right(called, head())
    assert (called == kept).all()


def test_sides_of_real_maps_are_those_of_the_picture(parsed_photographs):
    for _, numbers, landmarks in parsed_photographs:
        called = table("zllrunning")[numbers]
        fixed = put_right(called, landmarks)
        bridge = landmarks[168, 0]  # all four look at the camera, upright
        for left, right in PAIRS:
            assert (np.nonzero(fixed == left)[1] > bridge).all()
            assert (np.nonzero(fixed == right)[1] < bridge).all()
            assert (np.isin(fixed, (left, right)) == np.isin(called, (left, right))).all()
