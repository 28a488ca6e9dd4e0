"""Faces and their landmarks by MediaPipe 0.10.21, whose models lie in its wheel.

Detection is MediaPipe's full-range detector. The mesh networks are run directly, on square patches
of 192 x 192 that are cut here: first around the detection, then around the landmarks that came
out, which places them better. The plain one runs by OpenVINO, which is faster; the refined one has
operations that only MediaPipe knows.
"""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from labels.boxes import bounds
from labels.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from labels.landmarks.quiet import quiet_stderr
from labels.landmarks.search import Detection, Search
from labels.patches import PATCH, cut_patch, patch_affine, to_frame
from pipeline.errors import UserError

MIN_SCORE = 0.5

# On the calling thread: handing five calculators to others costs more than they take.
_MESH_GRAPH = """
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
executor { type: "ApplicationThreadExecutor" }
"""

_POINT = np.dtype(
    [("head", "V2")] + [field for axis in "xyz" for field in ((f"tag_{axis}", "V1"), (axis, "<f4"))]
)
_TAGS, _TAG_PLACES = (10, 15, 13, 21, 29), (0, 1, 2, 7, 12)


def load() -> "FaceMesh":
    """The runtime, ready to find faces."""
    return FaceMesh()


def _model() -> Path | None:
    """The plain mesh network's file in MediaPipe's wheel, without importing that."""
    spec = find_spec("mediapipe")
    places = (spec and spec.submodule_search_locations) or []
    model = Path("modules", "face_landmark", "face_landmark.tflite")
    return next((Path(place) / model for place in places if (Path(place) / model).is_file()), None)


class FaceMesh(Search):
    """Finds faces and both their meshes. Use as a context manager, or call close().

    Making one takes about a second (MediaPipe's import and its graphs). Standard error is turned
    off meanwhile, for MediaPipe writes notices there that mean nothing to a user. UserError under a
    MediaPipe that has no models.
    """

    def __init__(self) -> None:
        model = _model()
        if model is None:
            raise UserError(
                f"mediapipe {version('mediapipe')} has no embedded face mesh; "
                "set crop.landmarks to tasks, or install mediapipe 0.10.21"
            )
        with quiet_stderr():
            from mediapipe.python.solutions.face_detection import FaceDetection

            from labels.landmarks.plain_mesh import PlainMesh

            self._detector = FaceDetection(min_detection_confidence=MIN_SCORE, model_selection=1)
            self._plain = PlainMesh(model)
            self._refined = RefinedMesh()
            blank = np.zeros((PATCH, PATCH, 3), np.uint8)
            self._detector.process(blank)
            self._plain.run(blank)
            self._refined.run(blank)

    def close(self) -> None:
        """Free the graphs."""
        self._detector.close()
        self._refined.close()

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces that the full-range detector sees."""
        height, width = image.shape[:2]
        scale = PATCH / max(height, width)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        detections = self._detector.process(np.ascontiguousarray(image)).detections or []
        frame = np.array([width, height], np.float64)
        found = []
        for detection in detections:
            place = detection.location_data
            relative = place.relative_bounding_box
            corner = np.array([relative.xmin, relative.ymin])
            box = np.concatenate([corner, corner + (relative.width, relative.height)])
            eyes = np.array([(point.x, point.y) for point in place.relative_keypoints[:2]])
            found.append(
                Detection(float(detection.score[0]), box * np.tile(frame, 2), eyes * frame)
            )
        return found

    def meshes(
        self, image: np.ndarray, box: np.ndarray, eyes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The plain and the refined mesh near a box, or None where the network sees no face."""
        found = self.plain(image, box, eyes)
        if found is None:
            return None
        plain, patch, affine = found
        refined = self._refined.run(patch)
        return None if refined is None else (plain, to_frame(refined, affine))

    def plain(
        self, image: np.ndarray, box: np.ndarray, eyes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """The plain mesh near a box, with the patch (192, 192, 3) and the affine (2, 3) from frame
        to patch that it was seen through; None where the network sees no face.
        """
        affine = patch_affine(box, eyes)
        points = self._plain.run(cut_patch(image, affine))
        if points is None:
            return None
        first = to_frame(points, affine)
        affine = patch_affine(bounds(first), first[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER], :2])
        patch = cut_patch(image, affine)
        points = self._plain.run(patch)
        return None if points is None else (to_frame(points, affine), patch, affine)


class RefinedMesh:
    """The mesh network with attention to eyes and lips, on whole patches, by MediaPipe's graph."""

    def __init__(self) -> None:
        # Importing solution_base registers the messages that the graph's options are made of.
        from mediapipe.framework.formats import rect_pb2
        from mediapipe.python import CalculatorGraph, ImageFormat, packet_creator, packet_getter
        from mediapipe.python import solution_base as solution_base

        self._rgb, self._create, self._get = ImageFormat.SRGB, packet_creator, packet_getter
        self._whole = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1)
        self._landmarks: list[bytes] = []
        self._time = 0
        self._graph = CalculatorGraph(graph_config=_MESH_GRAPH)
        self._graph.observe_output_stream("landmarks", self._keep)
        self._graph.start_run({"with_attention": packet_creator.create_bool(True)})

    def run(self, patch: np.ndarray) -> np.ndarray | None:
        """Landmarks (478, 3) float64 in patch pixels, or None where the network sees no face.

        patch: (192, 192, 3) uint8 RGB.
        """
        self._time += 1
        self._landmarks.clear()
        image = self._create.create_image_frame(patch, image_format=self._rgb)
        self._graph.add_packet_to_input_stream("image", image.at(self._time))
        whole = self._create.create_proto(self._whole)
        self._graph.add_packet_to_input_stream("roi", whole.at(self._time))
        self._graph.wait_until_idle()
        # z too is in units of the picture's width.
        return PATCH * points_of(self._landmarks[0]) if self._landmarks else None

    def close(self) -> None:
        """Free the graph."""
        self._graph.close()

    def _keep(self, stream: str, packet: object) -> None:
        self._landmarks.append(self._get.get_proto(packet).SerializeToString())


def points_of(message: bytes) -> np.ndarray:
    """The points (N, 3) float64 of a serialised NormalizedLandmarkList.

    One by one from the message's objects they take ten times as long. Each is 17 bytes: its tag
    and length, then tag and float of x, y and z. Raises ValueError where anything else is in it.
    """
    points = np.frombuffer(message, _POINT)
    tags = points.view(np.uint8).reshape(-1, _POINT.itemsize)[:, _TAG_PLACES]
    if (tags != _TAGS).any():
        raise ValueError("MediaPipe's landmarks are not laid out as expected")
    return np.stack([points[axis] for axis in "xyz"], axis=1).astype(np.float64)
