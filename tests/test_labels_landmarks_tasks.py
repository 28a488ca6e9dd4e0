"""Faces and landmarks by MediaPipe Tasks: here under 0.10.21, and in the second environment."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from labels.canonical import VERTICES
from labels.landmarks import Face, load
from labels.landmarks.tasks import SIDE, FaceTasks
from pipeline.errors import UserError

PUPILS = np.array([(123.5, 101.0), (166.5, 103.5)])
"""Right and left of the fixture `portrait`, in its pixels, read off by eye."""


@pytest.fixture(scope="module")
def tasks(weights_store: Path) -> Iterator[FaceTasks]:
    with FaceTasks() as made:
        yield made


@pytest.fixture(scope="module")
def face(tasks: FaceTasks, portrait: np.ndarray) -> Face:
    return tasks.find(portrait)[0]


def off(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance in the picture, over the longer extent of the second."""
    distances = np.linalg.norm(one[:, :2] - other[:, :2], axis=1)
    return float(distances.mean() / np.ptp(other[:, :2], axis=0).max())


def test_a_portrait_has_one_face_in_the_right_place(tasks: FaceTasks, portrait: np.ndarray) -> None:
    (face,) = tasks.find(portrait)
    assert 0.5 <= face.score <= 1
    assert face.landmarks.shape == (468, 3)
    assert face.landmarks_refined.shape == (478, 3)
    assert face.landmarks.dtype == face.landmarks_refined.dtype == np.float32
    assert np.array_equal(face.landmarks, face.landmarks_refined[:468])
    assert np.abs(face.landmarks_refined[[468, 473], :2] - PUPILS).max() < 2
    x0, y0, x1, y1 = face.box
    assert (x0, y0) < tuple(PUPILS[0]) and tuple(PUPILS[1]) < (x1, y1)


def test_the_nose_is_nearest_and_z_is_in_pixels(face: Face) -> None:
    points = face.landmarks
    corners = points[[33, 263]]
    out = (corners[:, 2].mean() - points[4, 2]) / np.hypot(*(corners[1] - corners[0])[:2])
    assert points[:, 2].argmin() in (1, 4, 5, 19, 44, 45, 274, 275)
    assert 0.2 < out < 0.8


def test_the_same_picture_gives_the_same_landmarks_whatever_came_before(
    tasks: FaceTasks, portrait: np.ndarray, face: Face
) -> None:
    tasks.find(np.ascontiguousarray(portrait[:, ::-1]))
    tasks.find(np.zeros((50, 70, 3), np.uint8))
    again = tasks.find(portrait)[0]
    assert np.array_equal(again.landmarks_refined, face.landmarks_refined)
    assert again.score == face.score and again.box == face.box


def test_landmarks_and_z_follow_the_scale_of_the_picture(
    tasks: FaceTasks, portrait: np.ndarray, face: Face
) -> None:
    # On a picture much taller than wide, so that a z in units of another side would show.
    tall = cv2.copyMakeBorder(portrait, 0, 500, 0, 0, cv2.BORDER_REPLICATE)
    double = cv2.resize(tall, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    landmarks = tasks.find(double)[0].landmarks
    extent = np.ptp(face.landmarks, axis=0)
    assert np.abs(landmarks / 2 - face.landmarks).mean(0).max() < 0.02 * extent.max()
    assert abs(np.ptp(landmarks[:, 2]) / (2 * extent[2]) - 1) < 0.1


def test_a_mirrored_picture_gives_mirrored_landmarks(
    tasks: FaceTasks, portrait: np.ndarray, face: Face
) -> None:
    # A bias to one side, such as half a pixel lost in a patch, would stay in their mean.
    other = np.abs(VERTICES[:, None] * (-1, 1, 1) - VERTICES).sum(2).argmin(1)
    mirrored = tasks.find(np.ascontiguousarray(portrait[:, ::-1]))[0].landmarks[other]
    difference = face.landmarks[:, 0] - (portrait.shape[1] - mirrored[:, 0])
    patch_pixel = 1.5 * np.ptp(face.landmarks[:, :2], axis=0).max() / 256
    assert abs(difference.mean()) < patch_pixel


def test_small_faces_are_found_in_large_frames(tasks: FaceTasks, portrait: np.ndarray) -> None:
    # A face of some 60 pixels in an upright full-HD frame.
    frame = np.full((1920, 1080, 3), 120, np.uint8)
    small = cv2.resize(portrait, None, fx=0.55, fy=0.55, interpolation=cv2.INTER_AREA)
    frame[700 : 700 + small.shape[0], 500 : 500 + small.shape[1]] = small
    (found,) = tasks.find(frame)
    pupils = found.landmarks_refined[[468, 473], :2]
    assert np.abs(pupils - (PUPILS * 0.55 + (500, 700))).max() < 3


def test_of_two_faces_in_a_patch_the_one_at_the_place_is_meant(
    tasks: FaceTasks, portrait: np.ndarray, face: Face
) -> None:
    x0, y0, x1, y1 = (round(value) for value in face.box)
    margin = (x1 - x0) // 2
    head = portrait[max(0, y0 - margin) : y1 + margin, x0 - margin // 3 : x1 + margin // 3]
    row = np.ascontiguousarray(np.concatenate([head, head[:, ::-1]], 1))
    found = sorted(tasks.find(row), key=lambda one: one.box[0])
    assert len(found) == 2
    for one in found:
        again = tasks.at(row, one.box)
        assert again is not None
        assert off(again.landmarks, one.landmarks) < 0.02


def test_faces_come_best_first_and_as_many_as_asked(tasks: FaceTasks, portrait: np.ndarray) -> None:
    frame = np.concatenate([portrait, cv2.GaussianBlur(portrait[:, ::-1], (0, 0), 3)], 1)
    found = tasks.find(frame)
    assert len(found) == 2
    assert found[0].score >= found[1].score
    (one,) = tasks.find(frame, faces=1)
    assert np.array_equal(one.landmarks, found[0].landmarks)


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (300, 5), (600, 400)])
def test_pictures_without_a_face_give_none(tasks: FaceTasks, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert tasks.find(noise) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coffee", "moon", "rocket", "grass", "hubble_deep_field", "text"])
def test_pieces_of_a_picture_without_people_show_no_faces(tasks: FaceTasks, name: str) -> None:
    import skimage.data

    picture = getattr(skimage.data, name)()
    picture = np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture
    assert tasks.find(cv2.resize(np.ascontiguousarray(picture), (1920, 1080))) == []


def test_at_a_place_the_turn_of_the_eyes_is_taken(
    tasks: FaceTasks, portrait: np.ndarray, face: Face
) -> None:
    turned = np.ascontiguousarray(np.rot90(portrait))  # anticlockwise: (x, y) comes to (y, 320 - x)
    x, y = face.landmarks[:, 0], face.landmarks[:, 1]
    places = np.stack([y, portrait.shape[1] - x], axis=1)
    box = (*places.min(axis=0).tolist(), *places.max(axis=0).tolist())
    found = tasks.at(turned, box, places[[33, 263]])
    assert found is not None and np.isnan(found.score)
    assert off(found.landmarks, places) < 0.02


@pytest.mark.parametrize("box", [(5, 320, 60, 390), (-90, -90, -10, -10), (900, 20, 990, 120)])
def test_at_a_place_without_a_face_there_is_none(
    tasks: FaceTasks, portrait: np.ndarray, box: tuple[float, float, float, float]
) -> None:
    assert tasks.at(portrait, box) is None


@pytest.mark.slow
def test_both_runtimes_say_nearly_the_same(portrait: np.ndarray, face: Face) -> None:
    with load("embedded") as embedded:
        (other,) = embedded.find(portrait)
    assert off(face.landmarks, other.landmarks) < 0.015
    assert off(face.landmarks_refined, other.landmarks_refined) < 0.015
    depths = face.landmarks[:, 2], other.landmarks[:, 2]
    assert np.corrcoef(*depths)[0, 1] > 0.99


def test_missing_weights_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCIM_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match=r"run: ocim weights fetch face-landmarker$"):
        load("tasks")


SCRIPT = """
import sys
import numpy as np
from labels.landmarks import load
with load("tasks") as tasks:
    (face,) = tasks.find(np.load(sys.argv[1]))
assert "tensorflow" not in sys.modules
np.save(sys.argv[2], face.landmarks_refined)
"""


def landmarks_by(python: Path | str, portrait: np.ndarray, folder: Path) -> np.ndarray:
    np.save(folder / "picture.npy", portrait)
    command = [python, "-c", SCRIPT, folder / "picture.npy", folder / "landmarks.npy"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    return np.load(folder / "landmarks.npy")


@pytest.mark.slow
def test_nothing_is_written_to_standard_error(
    weights_store: Path, portrait: np.ndarray, face: Face, tmp_path: Path
) -> None:
    landmarks = landmarks_by(sys.executable, portrait, tmp_path)
    assert np.array_equal(landmarks, face.landmarks_refined)


@pytest.mark.slow
def test_the_second_mediapipe_gives_the_same_landmarks(
    weights_store: Path, extra_python: Path, portrait: np.ndarray, face: Face, tmp_path: Path
) -> None:
    # The same networks by other versions of their library: far less than a pixel of the patch.
    landmarks = landmarks_by(extra_python, portrait, tmp_path)
    patch_pixel = 2.1 * np.ptp(face.landmarks[:, :2], axis=0).max() / SIDE
    assert np.abs(landmarks - face.landmarks_refined).max() < 0.1 * patch_pixel


@pytest.mark.slow
def test_a_picture_is_labelled_in_the_second_environment(
    weights_store: Path, extra_python: Path, portrait: np.ndarray, tmp_path: Path
) -> None:
    picture, settings = tmp_path / "face.png", tmp_path / "tasks.yaml"
    cv2.imwrite(str(picture), portrait[:, :, ::-1])
    settings.write_text("crop: {landmarks: tasks}\n")
    command = [extra_python.with_name("ocim"), "label", picture, "-o", tmp_path / "out"]
    run = subprocess.run([*command, "--config", settings], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    depth = cv2.imread(str(tmp_path / "out" / "face_depth.png"), cv2.IMREAD_UNCHANGED)
    assert depth.max() == 255 and depth.min() == 0
