"""The embedded runtime beside MediaPipe's own ways to the same networks, and what it tells."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from labels.landmarks import Face
from labels.landmarks.embedded import FaceMesh, points_of
from labels.patches import PATCH, cut_patch, patch_affine


@pytest.mark.slow
def test_nothing_is_written_to_standard_error() -> None:
    code = (
        "import skimage.data\n"
        "from labels.landmarks import load\n"
        "with load('embedded') as mesh: print(len(mesh.find(skimage.data.astronaut())))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "1"
    assert run.stderr == ""


@pytest.mark.parametrize("scale", [0.2, 0.35, 0.7, 1.0])
def test_detections_are_those_of_mediapipes_own_way(
    embedded: FaceMesh, portrait: np.ndarray, scale: float
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
    found = embedded.detect(frame)
    assert [one.score for one in found] == [float(one.score[0]) for one in expected]
    for one, other in zip(found, expected, strict=True):
        box = other.location_data.relative_bounding_box
        low = PATCH * np.array([box.xmin, box.ymin])
        size_of = PATCH * np.array([box.width, box.height])
        assert np.allclose(one.box, [*low, *(low + size_of)], rtol=0, atol=1e-9)
        eyes = [(eye.x, eye.y) for eye in other.location_data.relative_keypoints[:2]]
        assert np.allclose(one.eyes, PATCH * np.array(eyes), rtol=0, atol=1e-9)


STREAMS = """
input_stream: "IMAGE:image"
input_stream: "ROI:roi"
input_side_packet: "WITH_ATTENTION:with_attention"
output_stream: "LANDMARKS:landmarks"
"""
MEDIAPIPES_OWN = f'{STREAMS} node {{ calculator: "FaceLandmarkCpu" {STREAMS} }}'


@pytest.mark.parametrize("refined", [False, True])
def test_a_patch_gives_the_points_of_mediapipes_own_way(
    embedded: FaceMesh, portrait: np.ndarray, portrait_face: Face, refined: bool
) -> None:
    # Its solution API: other threads, and the message's points read one by one. The plain network
    # runs by OpenVINO here, which rounds elsewhere.
    from mediapipe.framework.formats import rect_pb2
    from mediapipe.python.solution_base import SolutionBase

    affine = patch_affine(np.array(portrait_face.box), portrait_face.landmarks[[33, 263], :2])
    patch = cut_patch(portrait, affine)
    whole = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1)
    with SolutionBase(
        graph_config=MEDIAPIPES_OWN,
        side_inputs={"with_attention": refined},
        outputs=["landmarks"],
    ) as own:
        message = own.process({"image": patch, "roi": whole}).landmarks
    expected = PATCH * np.array([(point.x, point.y, point.z) for point in message.landmark])
    found = (embedded._refined if refined else embedded._plain).run(patch)
    assert found is not None
    assert len(found) == (478 if refined else 468)
    assert np.abs(found - expected).max() <= (0 if refined else 1e-3)


def test_neither_mesh_network_sees_a_face_in_a_wall(embedded: FaceMesh) -> None:
    wall = np.full((PATCH, PATCH, 3), 127, np.uint8)
    assert embedded._plain.run(wall) is None
    assert embedded._refined.run(wall) is None


def test_landmarks_of_another_layout_are_refused() -> None:
    from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmark, NormalizedLandmarkList

    def message(*points: NormalizedLandmark) -> bytes:
        return NormalizedLandmarkList(landmark=points).SerializeToString()

    point = NormalizedLandmark(x=0.25, y=-0.0, z=1.5)
    assert points_of(message(point, point)).tolist() == [[0.25, 0.0, 1.5]] * 2
    more = NormalizedLandmark(x=0.25, y=0.5, z=1.5, visibility=1)
    for points in ([more], [more] * 17, [point, more]):
        with pytest.raises(ValueError):
            points_of(message(*points))


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
