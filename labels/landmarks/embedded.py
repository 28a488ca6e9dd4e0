"""Faces and their landmarks by MediaPipe 0.10.21, whose models lie in its wheel.

Detection is MediaPipe's full-range detector. The mesh networks are run directly, on square patches
of 192 x 192 that are cut here: first around the detection, then around the landmarks that came
out, which places them better. The plain one runs by OpenVINO, which is faster; the refined one has
operations that only MediaPipe knows.
"""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from labels.boxes import bounds
from labels.canonical import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from labels.landmarks.graph import Graph
from labels.landmarks.quiet import quiet_stderr
from labels.landmarks.search import Detection, FaceFinder
from labels.patches import PATCH, cut_patch, patch_affine, shrink, to_frame
from pipeline.errors import UserError

MIN_SCORE = 0.6
"""What MediaPipe's own FaceDetection uses for this detector, whatever it is asked for."""

_DETECTOR_GRAPH = f"""
input_stream: "IMAGE:image"
output_stream: "DETECTIONS:detections"
node {{
  calculator: "FaceDetectionFullRange"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
  node_options: {{
    [type.googleapis.com/mediapipe.FaceDetectionOptions] {{
      min_score_thresh: {MIN_SCORE} delegate {{ xnnpack {{ }} }}
    }}
  }}
}}
"""

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


class FaceMesh(FaceFinder):
    """Finds faces and both their meshes. Use as a context manager, or call close().

    Making one takes about a second (MediaPipe's import and its graphs). Standard error is turned
    off meanwhile, for MediaPipe writes notices there that mean nothing to a user. UserError under a
    MediaPipe that has no models.
    """

    reach = PATCH
    pieces = (2, 4)

    def __init__(self) -> None:
        model = _model()
        if model is None:
            raise UserError(
                f"mediapipe {version('mediapipe')} has no embedded face mesh; "
                "set crop.landmarks to tasks, or install mediapipe 0.10.21"
            )
        with quiet_stderr():
            from mediapipe.python import packet_getter

            from labels.landmarks.plain_mesh import PlainMesh

            self._list = packet_getter.get_proto_list
            self._detector = Graph(_DETECTOR_GRAPH, "detections")
            self._plain = PlainMesh(model)
            self._refined = RefinedMesh()
            blank = np.zeros((PATCH, PATCH, 3), np.uint8)
            self._detector.run(blank)
            self._plain.run(blank)
            self._refined.run(blank)

    def close(self) -> None:
        """Free the graphs."""
        self._detector.close()
        self._refined.close()

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces that the full-range detector sees."""
        frame = np.array(image.shape[1::-1], np.float64)
        packet = self._detector.run(np.ascontiguousarray(shrink(image, PATCH)))
        found = []
        for detection in self._list(packet) if packet is not None else ():
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
        from mediapipe.framework.formats import rect_pb2
        from mediapipe.python import packet_getter

        self._get = packet_getter.get_proto
        self._whole = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1)
        self._graph = Graph(_MESH_GRAPH, "landmarks", {"with_attention": True})

    def run(self, patch: np.ndarray) -> np.ndarray | None:
        """Landmarks (478, 3) float64 in patch pixels, or None where the network sees no face.

        patch: (192, 192, 3) uint8 RGB.
        """
        packet = self._graph.run(patch, roi=self._whole)
        if packet is None:
            return None
        # z too is in units of the picture's width.
        return PATCH * points_of(self._get(packet).SerializeToString())

    def close(self) -> None:
        """Free the graph."""
        self._graph.close()


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
