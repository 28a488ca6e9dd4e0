"""What is MediaPipe Tasks' own: here under 0.10.21, and in the second environment."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_faces import distance

from labels.landmarks import Face, load
from labels.landmarks.tasks import SIDE, FaceTasks
from pipeline.errors import UserError


@pytest.fixture(scope="module")
def tasks(weights_store: Path) -> Iterator[FaceTasks]:
    with FaceTasks() as made:
        yield made


@pytest.fixture(scope="module")
def face(tasks: FaceTasks, portrait: np.ndarray) -> Face:
    return tasks.find(portrait)[0]


def test_the_plain_mesh_is_the_first_part_of_the_refined_one(face: Face) -> None:
    assert np.array_equal(face.landmarks, face.landmarks_refined[:468])


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
        assert distance(again.landmarks, one.landmarks) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coffee", "moon", "rocket", "grass", "hubble_deep_field", "text"])
def test_pieces_of_a_picture_without_people_show_no_faces(tasks: FaceTasks, name: str) -> None:
    import skimage.data

    picture = getattr(skimage.data, name)()
    picture = np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture
    assert tasks.find(cv2.resize(np.ascontiguousarray(picture), (1920, 1080))) == []


@pytest.mark.slow
def test_both_runtimes_say_nearly_the_same(face: Face, portrait_face: Face) -> None:
    assert distance(face.landmarks, portrait_face.landmarks) < 0.015
    assert distance(face.landmarks_refined, portrait_face.landmarks_refined) < 0.015
    depths = face.landmarks[:, 2], portrait_face.landmarks[:, 2]
    assert np.corrcoef(*depths)[0, 1] > 0.99


def test_missing_weights_are_told_in_one_line(own_store: Path) -> None:
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
