"""Faces and landmarks of real photographs, by the embedded runtime."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from labels.canonical import LEFT_EYE_OUTER, RIGHT_EYE_OUTER, VERTICES
from labels.landmarks import Face
from labels.landmarks.embedded import FaceMesh, points_of
from labels.landmarks.search import search_windows
from labels.patches import PATCH, cut_patch, patch_affine

PUPILS = np.array([(123.5, 101.0), (166.5, 103.5)])
"""Right and left of the fixture `portrait`, in its pixels."""


@pytest.fixture(scope="module")
def mesh() -> Iterator[FaceMesh]:
    with FaceMesh() as made:
        yield made


@pytest.fixture(scope="module")
def face(mesh: FaceMesh, portrait: np.ndarray) -> Face:
    return mesh.find(portrait)[0]


def test_a_portrait_has_one_face_in_the_right_place(mesh: FaceMesh, portrait: np.ndarray) -> None:
    found = mesh.find(portrait)
    assert len(found) == 1
    face = found[0]
    assert 0.5 <= face.score <= 1
    assert face.landmarks.shape == (468, 3)
    assert face.landmarks_refined.shape == (478, 3)
    assert face.landmarks.dtype == face.landmarks_refined.dtype == np.float32
    # Read off the photograph by eye.
    right, left, nose = face.landmarks_refined[[468, 473, 4], :2]
    assert np.abs(right - PUPILS[0]).max() < 2
    assert np.abs(left - PUPILS[1]).max() < 2
    assert np.abs(nose - (144.5, 126)).max() < 4


def test_the_nose_is_nearest_and_z_is_in_pixels(face: Face) -> None:
    # Smaller is nearer. A nose stands out from the eyes' corners by about a third to two thirds
    # of the distance between these.
    points = face.landmarks
    corners = points[[33, 263]]
    out = (corners[:, 2].mean() - points[4, 2]) / np.hypot(*(corners[1] - corners[0])[:2])
    assert points[:, 2].argmin() in (1, 4, 5, 19, 44, 45, 274, 275)
    assert 0.2 < out < 0.8


def test_the_same_picture_gives_the_same_landmarks_whatever_came_before(
    mesh: FaceMesh, portrait: np.ndarray, face: Face
) -> None:
    mesh.find(np.ascontiguousarray(portrait[:, ::-1]))
    mesh.find(np.zeros((50, 70, 3), np.uint8))
    again = mesh.find(portrait)[0]
    assert np.array_equal(again.landmarks, face.landmarks)
    assert np.array_equal(again.landmarks_refined, face.landmarks_refined)


def test_landmarks_follow_a_shift_of_the_picture(
    mesh: FaceMesh, portrait: np.ndarray, face: Face
) -> None:
    padded = cv2.copyMakeBorder(portrait, 30, 0, 40, 0, cv2.BORDER_REPLICATE)
    moved = mesh.find(padded)[0].landmarks - (40, 30, 0)
    assert np.abs(moved[:, :2] - face.landmarks[:, :2]).mean() < 0.5


def test_landmarks_and_z_follow_the_scale_of_the_picture(
    mesh: FaceMesh, portrait: np.ndarray, face: Face
) -> None:
    # On a picture much taller than wide, so that a z in units of another side would show.
    tall = cv2.copyMakeBorder(portrait, 0, 500, 0, 0, cv2.BORDER_REPLICATE)
    double = cv2.resize(tall, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    landmarks = mesh.find(double)[0].landmarks
    extent = np.ptp(face.landmarks, axis=0)
    assert np.abs(landmarks / 2 - face.landmarks).mean(0).max() < 0.02 * extent.max()
    assert abs(np.ptp(landmarks[:, 2]) / (2 * extent[2]) - 1) < 0.1


def test_a_mirrored_picture_gives_mirrored_landmarks(
    mesh: FaceMesh, portrait: np.ndarray, face: Face
) -> None:
    # The canonical face is symmetric: each vertex has its partner. A bias to one side, such as half
    # a pixel lost in the patch, would stay when the two are averaged.
    other = np.abs(VERTICES[:, None] * (-1, 1, 1) - VERTICES).sum(2).argmin(1)
    mirrored = mesh.find(np.ascontiguousarray(portrait[:, ::-1]))[0].landmarks_refined[other]
    difference = face.landmarks_refined[:468, 0] - (portrait.shape[1] - mirrored[:, 0])
    patch_pixel = 1.5 * np.ptp(face.landmarks[:, :2], axis=0).max() / PATCH
    assert abs(difference.mean()) < patch_pixel


def test_small_faces_are_found_in_large_frames(mesh: FaceMesh, portrait: np.ndarray) -> None:
    # A face of some 60 pixels in an upright full-HD frame.
    frame = np.full((1920, 1080, 3), 120, np.uint8)
    small = cv2.resize(portrait, None, fx=0.55, fy=0.55, interpolation=cv2.INTER_AREA)
    frame[700 : 700 + small.shape[0], 500 : 500 + small.shape[1]] = small
    found = mesh.find(frame)
    assert len(found) == 1
    pupils = found[0].landmarks_refined[[468, 473], :2]
    assert np.abs(pupils - (PUPILS * 0.55 + (500, 700))).max() < 3


def test_faces_come_best_first_and_as_many_as_asked(mesh: FaceMesh, portrait: np.ndarray) -> None:
    frame = np.concatenate([portrait, cv2.GaussianBlur(portrait[:, ::-1], (0, 0), 3)], 1)
    found = mesh.find(frame)
    assert len(found) == 2
    assert found[0].score >= found[1].score
    one = mesh.find(frame, faces=1)
    assert len(one) == 1
    assert np.array_equal(one[0].landmarks, found[0].landmarks)


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (300, 5), (600, 400)])
def test_pictures_without_a_face_give_none(mesh: FaceMesh, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert mesh.find(noise) == []


def test_what_is_no_colour_picture_is_refused(mesh: FaceMesh) -> None:
    with pytest.raises(ValueError, match="uint8"):
        mesh.find(np.zeros((10, 10), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        mesh.find(np.zeros((10, 10, 3), np.float32))


@pytest.mark.slow
def test_nothing_is_written_to_standard_error() -> None:
    code = (
        "import numpy as np, skimage.data\n"
        "from labels.landmarks import load\n"
        "with load('embedded') as mesh: print(len(mesh.find(skimage.data.astronaut())))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    assert run.stdout.strip() == "1"
    assert run.stderr == ""


def test_pieces_of_a_picture_cover_it() -> None:
    levels = list(search_windows(1920, 1080, PATCH, (2, 4)))
    assert levels[0] == [(0, 0, 1080, 1920)]
    assert len(levels) == 3
    for windows in levels:
        seen = np.zeros((1920, 1080), bool)
        for x0, y0, x1, y1 in windows:
            assert 0 <= x0 < x1 <= 1080
            assert 0 <= y0 < y1 <= 1920
            seen[y0:y1, x0:x1] = True
        assert seen.all()


def test_small_pictures_are_not_cut_to_pieces() -> None:
    assert len(list(search_windows(240, 320, PATCH, (2, 4)))) == 1


def test_at_the_place_of_a_detection_the_same_mesh_is_found(
    mesh: FaceMesh, portrait: np.ndarray, face: Face
) -> None:
    # Without the eyes the first look is not turned level; the second is, so little remains.
    found = mesh.at(portrait, face.box)
    assert found is not None
    assert np.isnan(found.score) and found.box == face.box
    side = np.ptp(face.landmarks[:, :2], axis=0).max()
    off = np.linalg.norm(found.landmarks[:, :2] - face.landmarks[:, :2], axis=1)
    assert off.mean() < 0.02 * side


def test_at_a_place_the_turn_of_the_eyes_is_taken(mesh: FaceMesh, portrait: np.ndarray) -> None:
    turned = np.ascontiguousarray(np.rot90(portrait))  # anticlockwise: (x, y) comes to (y, 320 - x)
    (upright,) = mesh.find(portrait)
    x, y = upright.landmarks[:, 0], upright.landmarks[:, 1]
    places = np.stack([y, portrait.shape[1] - x], axis=1)
    x0, y0 = places.min(axis=0)
    x1, y1 = places.max(axis=0)
    found = mesh.at(turned, (x0, y0, x1, y1), places[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER]])
    assert found is not None
    side = np.ptp(upright.landmarks[:, :2], axis=0).max()
    off = np.linalg.norm(found.landmarks[:, :2] - places, axis=1)
    assert off.mean() < 0.02 * side


@pytest.mark.parametrize("box", [(5, 320, 60, 390), (-90, -90, -10, -10), (900, 20, 990, 120)])
def test_at_a_place_without_a_face_there_is_none(
    mesh: FaceMesh, portrait: np.ndarray, box: tuple[float, float, float, float]
) -> None:
    assert mesh.at(portrait, box) is None


@pytest.mark.parametrize("box", [(9, 9, 9, 20), (9, 20, 30, 9), (float("nan"), 0, 9, 9)])
def test_at_needs_a_box(
    mesh: FaceMesh, portrait: np.ndarray, box: tuple[float, float, float, float]
) -> None:
    with pytest.raises(ValueError, match="box must be"):
        mesh.at(portrait, box)


@pytest.mark.parametrize("scale", [0.2, 0.35, 0.7, 1.0])
def test_detections_are_those_of_mediapipes_own_way(
    mesh: FaceMesh, portrait: np.ndarray, scale: float
) -> None:
    # Its solution API: other threads, and a threshold of 0.6 whatever it is asked for.
    from mediapipe.python.solutions.face_detection import FaceDetection

    size = (round(PATCH * scale),) * 2
    frame = np.full((PATCH, PATCH, 3), 90, np.uint8)
    frame[: size[1], : size[0]] = cv2.resize(portrait, size, interpolation=cv2.INTER_AREA)
    frame[:, ::-1][: size[1] // 2, : size[0] // 2] = frame[: size[1] // 2, : size[0] // 2]
    with FaceDetection(min_detection_confidence=0.5, model_selection=1) as own:
        expected = own.process(frame).detections
    assert expected
    found = mesh.detect(frame)
    assert [one.score for one in found] == [float(one.score[0]) for one in expected]
    for one, other in zip(found, expected, strict=True):
        box = other.location_data.relative_bounding_box
        low = PATCH * np.array([box.xmin, box.ymin])
        size_of = PATCH * np.array([box.width, box.height])
        assert np.allclose(one.box, [*low, *(low + size_of)], rtol=0, atol=1e-9)
        eyes = [(eye.x, eye.y) for eye in other.location_data.relative_keypoints[:2]]
        assert np.allclose(one.eyes, PATCH * np.array(eyes), rtol=0, atol=1e-9)


MEDIAPIPES_OWN = """
input_stream: "IMAGE:image"
input_stream: "ROI:roi"
input_side_packet: "WITH_ATTENTION:with_attention"
output_stream: "LANDMARKS:landmarks"
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:roi"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
"""


@pytest.mark.parametrize("refined", [False, True])
def test_a_patch_gives_the_points_of_mediapipes_own_way(
    mesh: FaceMesh, portrait: np.ndarray, face: Face, refined: bool
) -> None:
    # Its solution API: other threads, and the message's points read one by one. The plain network
    # runs by OpenVINO here, which rounds elsewhere.
    from mediapipe.framework.formats import rect_pb2
    from mediapipe.python.solution_base import SolutionBase

    affine = patch_affine(np.array(face.box), face.landmarks[[33, 263], :2])
    patch = cut_patch(portrait, affine)
    whole = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1)
    with SolutionBase(
        graph_config=MEDIAPIPES_OWN,
        side_inputs={"with_attention": refined},
        outputs=["landmarks"],
    ) as own:
        message = own.process({"image": patch, "roi": whole}).landmarks
    expected = PATCH * np.array([(point.x, point.y, point.z) for point in message.landmark])
    found = (mesh._refined if refined else mesh._plain).run(patch)
    assert found is not None
    assert len(found) == (478 if refined else 468)
    assert np.abs(found - expected).max() <= (0 if refined else 1e-3)


def test_neither_mesh_network_sees_a_face_in_a_wall(mesh: FaceMesh) -> None:
    wall = np.full((PATCH, PATCH, 3), 127, np.uint8)
    assert mesh._plain.run(wall) is None
    assert mesh._refined.run(wall) is None


def test_landmarks_of_another_layout_are_refused() -> None:
    from mediapipe.framework.formats import landmark_pb2

    point = landmark_pb2.NormalizedLandmark(x=0.25, y=-0.0, z=1.5)
    assert (
        points_of(
            landmark_pb2.NormalizedLandmarkList(landmark=[point] * 2).SerializeToString()
        ).tolist()
        == [[0.25, 0.0, 1.5]] * 2
    )
    more = landmark_pb2.NormalizedLandmark(x=0.25, y=0.5, z=1.5, visibility=1)
    for points in ([more], [more] * 17, [point, more]):
        message = landmark_pb2.NormalizedLandmarkList(landmark=points).SerializeToString()
        with pytest.raises(ValueError):
            points_of(message)


def test_another_mediapipe_without_models_is_told_in_one_line(extra_python: Path) -> None:
    code = (
        "from importlib.metadata import version\n"
        "from labels.landmarks import load\n"
        "from pipeline.errors import UserError\n"
        "try: load('embedded')\n"
        "except UserError as error: print(version('mediapipe')); print(error)"
    )
    run = subprocess.run([extra_python, "-c", code], capture_output=True, text=True, check=True)
    number, *message = run.stdout.splitlines()
    assert number.startswith("1.")
    assert message == [
        f"mediapipe {number} has no embedded face mesh; "
        "set crop.landmarks to tasks, or install mediapipe 0.10.21"
    ]
    assert run.stderr == ""
