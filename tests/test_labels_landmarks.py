"""Faces and landmarks of real photographs, by each of MediaPipe's two runtimes."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from made_faces import distance

from labels.canonical import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from labels.flip import flip_landmarks
from labels.landmarks import Face, FaceFinder, load
from labels.landmarks.embedded import FaceMesh
from labels.patches import PATCH

PUPILS = np.array([(123.5, 101.0), (166.5, 103.5)])
"""Right and left of the fixture `portrait`, in its pixels, read off by eye."""


@pytest.fixture(scope="module", params=["embedded", "tasks"])
def finder(request: pytest.FixtureRequest) -> Iterator[FaceFinder]:
    if request.param == "tasks":
        request.getfixturevalue("weights_store")
    with load(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def face(finder: FaceFinder, portrait: np.ndarray) -> Face:
    return finder.find(portrait)[0]


def test_a_portrait_has_one_face_in_the_right_place(
    finder: FaceFinder, portrait: np.ndarray
) -> None:
    (face,) = finder.find(portrait)
    assert 0.5 <= face.score <= 1
    assert face.landmarks.shape == (468, 3)
    assert face.landmarks_refined.shape == (478, 3)
    assert face.landmarks.dtype == face.landmarks_refined.dtype == np.float32
    assert np.abs(face.landmarks_refined[[468, 473], :2] - PUPILS).max() < 2
    assert np.abs(face.landmarks_refined[4, :2] - (144.5, 126)).max() < 4  # the nose, by eye too
    x0, y0, x1, y1 = face.box
    assert (x0, y0) < tuple(PUPILS[0]) and tuple(PUPILS[1]) < (x1, y1)


def test_the_nose_is_nearest_and_z_is_in_pixels(face: Face) -> None:
    # Smaller is nearer. A nose stands out from the eyes' corners by about a third to two thirds
    # of the distance between these.
    points = face.landmarks
    corners = points[[33, 263]]
    out = (corners[:, 2].mean() - points[4, 2]) / np.hypot(*(corners[1] - corners[0])[:2])
    assert points[:, 2].argmin() in (1, 4, 5, 19, 44, 45, 274, 275)
    assert 0.2 < out < 0.8


def test_the_same_picture_gives_the_same_landmarks_whatever_came_before(
    finder: FaceFinder, portrait: np.ndarray, face: Face
) -> None:
    finder.find(np.ascontiguousarray(portrait[:, ::-1]))
    finder.find(np.zeros((50, 70, 3), np.uint8))
    again = finder.find(portrait)[0]
    assert np.array_equal(again.landmarks, face.landmarks)
    assert np.array_equal(again.landmarks_refined, face.landmarks_refined)
    assert again.score == face.score and again.box == face.box


def test_landmarks_follow_a_shift_of_the_picture(
    finder: FaceFinder, portrait: np.ndarray, face: Face
) -> None:
    padded = cv2.copyMakeBorder(portrait, 30, 0, 40, 0, cv2.BORDER_REPLICATE)
    moved = finder.find(padded)[0].landmarks - (40, 30, 0)
    assert np.abs(moved[:, :2] - face.landmarks[:, :2]).mean() < 0.5


def test_landmarks_and_z_follow_the_scale_of_the_picture(
    finder: FaceFinder, portrait: np.ndarray, face: Face
) -> None:
    # On a picture much taller than wide, so that a z in units of another side would show.
    tall = cv2.copyMakeBorder(portrait, 0, 500, 0, 0, cv2.BORDER_REPLICATE)
    double = cv2.resize(tall, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    landmarks = finder.find(double)[0].landmarks
    extent = np.ptp(face.landmarks, axis=0)
    assert np.abs(landmarks / 2 - face.landmarks).mean(0).max() < 0.02 * extent.max()
    assert abs(np.ptp(landmarks[:, 2]) / (2 * extent[2]) - 1) < 0.1


def test_a_mirrored_picture_gives_mirrored_landmarks(
    finder: FaceFinder, portrait: np.ndarray, face: Face
) -> None:
    # A bias to one side, such as half a pixel lost in the patch, would stay in the mean.
    mirrored = finder.find(np.ascontiguousarray(portrait[:, ::-1]))[0].landmarks_refined
    expected = flip_landmarks(mirrored, portrait.shape[1])
    difference = (face.landmarks_refined - expected)[:468, 0]
    network_side = PATCH if isinstance(finder, FaceMesh) else 256
    patch_pixel = 1.5 * np.ptp(face.landmarks[:, :2], axis=0).max() / network_side
    assert abs(difference.mean()) < patch_pixel


def test_small_faces_are_found_in_large_frames(finder: FaceFinder, portrait: np.ndarray) -> None:
    # A face of some 60 pixels in an upright full-HD frame.
    frame = np.full((1920, 1080, 3), 120, np.uint8)
    small = cv2.resize(portrait, None, fx=0.55, fy=0.55, interpolation=cv2.INTER_AREA)
    frame[700 : 700 + small.shape[0], 500 : 500 + small.shape[1]] = small
    found = finder.find(frame)
    assert len(found) == 1
    pupils = found[0].landmarks_refined[[468, 473], :2]
    assert np.abs(pupils - (PUPILS * 0.55 + (500, 700))).max() < 3


def test_faces_come_best_first_and_as_many_as_asked(
    finder: FaceFinder, portrait: np.ndarray
) -> None:
    frame = np.concatenate([portrait, cv2.GaussianBlur(portrait[:, ::-1], (0, 0), 3)], 1)
    found = finder.find(frame)
    assert len(found) == 2
    assert found[0].score >= found[1].score
    one = finder.find(frame, faces=1)
    assert len(one) == 1
    assert np.array_equal(one[0].landmarks, found[0].landmarks)


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (300, 5), (600, 400)])
def test_pictures_without_a_face_give_none(finder: FaceFinder, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert finder.find(noise) == []


def test_at_the_place_of_a_detection_the_same_mesh_is_found(
    finder: FaceFinder, portrait: np.ndarray, face: Face
) -> None:
    # Without the eyes the first look is not turned level; the second is, so little remains.
    found = finder.at(portrait, face.box)
    assert found is not None
    assert np.isnan(found.score) and found.box == face.box
    assert distance(found.landmarks, face.landmarks) < 0.02


def test_at_a_place_the_turn_of_the_eyes_is_taken(
    finder: FaceFinder, portrait: np.ndarray, face: Face
) -> None:
    turned = np.ascontiguousarray(np.rot90(portrait))  # anticlockwise: (x, y) comes to (y, 320 - x)
    x, y = face.landmarks[:, 0], face.landmarks[:, 1]
    places = np.stack([y, portrait.shape[1] - x], axis=1)
    box = (*places.min(axis=0).tolist(), *places.max(axis=0).tolist())
    found = finder.at(turned, box, places[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER]])
    assert found is not None and np.isnan(found.score)
    assert distance(found.landmarks, places) < 0.02


@pytest.mark.parametrize("box", [(5, 320, 60, 390), (-90, -90, -10, -10), (900, 20, 990, 120)])
def test_at_a_place_without_a_face_there_is_none(
    finder: FaceFinder, portrait: np.ndarray, box: tuple[float, float, float, float]
) -> None:
    assert finder.at(portrait, box) is None
