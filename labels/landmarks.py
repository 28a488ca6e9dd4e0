"""Faces and their landmarks by MediaPipe 0.10.21, whose models lie in its wheel.

Detection is MediaPipe's full-range detector. The mesh networks are run directly, on square patches
of 192 x 192 that this module cuts itself: first around the detection, then around the landmarks
that came out, which places them better. Nothing is kept between pictures, so the same picture gives
the same landmarks whatever came before it.

All coordinates are frame pixels with pixel centres at +0.5, x to the right and y down.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from labels.boxes import area, bounds, overlap, within
from labels.patches import PATCH, cut_patch, patch_affine

MIN_SCORE = 0.5
MIN_OVERLAP = 0.3
"""A mesh whose box has a smaller overlap with the detection's box is elsewhere."""

SAME_FACE = 0.5
"""Two meshes whose boxes overlap by more are the same face, found twice."""

CUT_FACE = 0.6
"""In a search by pieces, also one that lies within another by more: a face cut by a seam."""

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263

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


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a picture.

    score: the detector's, 0.5 to 1; NaN where the place was given. box: x0, y0, x1, y1 of the
    detection, or as given, frame pixels.
    landmarks: (468, 3) float32, the plain mesh: x, y in frame pixels, z in the same unit, smaller
    is nearer, 0 near the head's centre. landmarks_refined: (478, 3) float32, the mesh that looks
    again at eyes and lips, with ten points for the irises: better for parsing, worse for depth.
    """

    score: float
    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    landmarks_refined: np.ndarray


class FaceMesh:
    """Finds faces and both their meshes. Use as a context manager, or call close().

    Making one takes about a second (MediaPipe's import and its graphs). Standard error is turned
    off meanwhile, for MediaPipe writes notices there that mean nothing to a user.
    """

    def __init__(self) -> None:
        with _quiet_stderr():
            from mediapipe.framework.formats import rect_pb2
            from mediapipe.python.solutions.face_detection import FaceDetection

            self._whole = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1)
            self._detector = FaceDetection(min_detection_confidence=MIN_SCORE, model_selection=1)
            self._plain = _mesh_graph(with_attention=False)
            self._refined = _mesh_graph(with_attention=True)
            blank = np.zeros((PATCH, PATCH, 3), np.uint8)
            self._detector.process(blank)
            self._run(self._plain, blank)
            self._run(self._refined, blank)

    def find(self, image: np.ndarray, faces: int | None = None) -> list[Face]:
        """All faces of a picture, best first.

        image: (H, W, 3) uint8 RGB. faces: stop when this many are found (None: all).
        Order: higher score, then larger box, then further left, then further up. A detection
        without a mesh, or whose mesh lies elsewhere, gives no face; so does one whose mesh lies on
        that of a better face. Where the whole picture shows no face, pieces of it are searched, so
        a picture without any takes longest.
        """
        if faces is not None and faces < 1:
            raise ValueError(f"faces must be at least 1, not {faces}")
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"image must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
        for windows in search_windows(*image.shape[:2]):
            found = self._faces(image, windows, faces)
            if found:
                return found
        return []

    def at(
        self,
        image: np.ndarray,
        box: tuple[float, float, float, float],
        eyes: np.ndarray | None = None,
    ) -> Face | None:
        """The face at a place known from elsewhere; None where the mesh network sees none.

        image: (H, W, 3) uint8 RGB. box: x0, y0, x1, y1 around the face, frame pixels. eyes: (2, 2)
        the subject's right and left eye, where known; they give the turn in the picture's plane.
        A mesh whose middle lies outside the box is somebody else's and gives None.
        """
        corners = np.array(box, np.float64)
        if not (np.isfinite(corners).all() and (corners[2:] > corners[:2]).all()):
            raise ValueError(f"box must be x0 < x1 and y0 < y1, not {box}")
        height, width = image.shape[:2]
        if (corners[2:] <= 0).any() or (corners[:2] >= (width, height)).any():
            return None
        level = np.array([(0.0, 0.0), (1.0, 0.0)]) if eyes is None else np.asarray(eyes)
        meshes = self._meshes(image, corners, level)
        if meshes is None:
            return None
        mesh_box = bounds(meshes[0])
        middle = (mesh_box[:2] + mesh_box[2:]) / 2
        if (middle < corners[:2]).any() or (middle > corners[2:]).any():
            return None
        return Face(float("nan"), _four(corners), *meshes)

    def close(self) -> None:
        """Free the graphs."""
        for graph in (self._detector, self._plain, self._refined):
            graph.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _faces(
        self, image: np.ndarray, windows: list[tuple[int, int, int, int]], faces: int | None
    ) -> list[Face]:
        detections = []
        for x0, y0, x1, y1 in windows:
            for score, box, eyes in self._detect(image[y0:y1, x0:x1]):
                detections.append((score, box + (x0, y0, x0, y0), eyes + (x0, y0)))
        detections.sort(key=lambda one: (-one[0], -area(one[1]), one[1][0], one[1][1]))
        found: list[Face] = []
        for score, box, eyes in detections:
            if len(found) == faces:
                break
            if any(overlap(box, bounds(other.landmarks)) > SAME_FACE for other in found):
                continue
            meshes = self._meshes(image, box, eyes)
            if meshes is None:
                continue
            mesh_box = bounds(meshes[0])
            if overlap(mesh_box, box) < MIN_OVERLAP:
                continue
            others = [bounds(other.landmarks) for other in found]
            if any(overlap(mesh_box, other) > SAME_FACE for other in others):
                continue
            if len(windows) > 1 and any(within(mesh_box, other) > CUT_FACE for other in others):
                continue
            found.append(Face(score, _four(box), *meshes))
        return found

    def _detect(self, image: np.ndarray) -> list[tuple[float, np.ndarray, np.ndarray]]:
        """(score, box (4,), eyes (2, 2): right and left) of each detection."""
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
            found.append((float(detection.score[0]), box * np.tile(frame, 2), eyes * frame))
        return found

    def _meshes(
        self, image: np.ndarray, box: np.ndarray, eyes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The plain and the refined mesh near a box, or None where the network sees no face."""
        first = self._mesh(self._plain, image, patch_affine(box, eyes))
        if first is None:
            return None
        again = patch_affine(bounds(first), first[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER], :2])
        plain = self._mesh(self._plain, image, again)
        refined = self._mesh(self._refined, image, again)
        if plain is None or refined is None:
            return None
        return plain, refined

    def _mesh(self, graph: Any, image: np.ndarray, affine: np.ndarray) -> np.ndarray | None:
        points = self._run(graph, cut_patch(image, affine))
        if points is None:
            return None
        scale = np.hypot(affine[0, 0], affine[1, 0])
        back = cv2.invertAffineTransform(affine)
        landmarks = np.empty_like(points)
        landmarks[:, :2] = points[:, :2] @ back[:, :2].T + back[:, 2]
        landmarks[:, 2] = points[:, 2] / scale
        return landmarks.astype(np.float32)

    def _run(self, graph: Any, patch: np.ndarray) -> np.ndarray | None:
        """Landmarks (N, 3) float64 in patch pixels, or None where the network sees no face."""
        landmarks = graph.process({"image": patch, "roi": self._whole}).landmarks
        if landmarks is None:
            return None
        # z too is in units of the picture's width.
        return PATCH * np.array([(p.x, p.y, p.z) for p in landmarks.landmark])


def search_windows(height: int, width: int) -> Iterator[list[tuple[int, int, int, int]]]:
    """Where to look for faces, in turn until one is found: lists of x0, y0, x1, y1.

    First the whole picture; then squares of half its longer side that overlap by half, and of a
    quarter, as long as they are larger than what the detector sees anyway.
    """
    yield [(0, 0, width, height)]
    for parts in (2, 4):
        side = max(height, width) // parts
        if side <= PATCH:
            return
        rows, columns = _starts(height, side), _starts(width, side)
        yield [(x, y, min(x + side, width), min(y + side, height)) for y in rows for x in columns]


def _starts(length: int, side: int) -> list[int]:
    count = max(1, -(-2 * (length - side) // side) + 1)
    return [round(i * max(0, length - side) / max(1, count - 1)) for i in range(count)]


def _four(box: np.ndarray) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(value) for value in box)
    return x0, y0, x1, y1


def _mesh_graph(with_attention: bool) -> Any:
    # These two modules register the messages that the graph's options are made of.
    from mediapipe.python.solution_base import SolutionBase

    return SolutionBase(
        graph_config=_MESH_GRAPH,
        side_inputs={"with_attention": with_attention},
        outputs=["landmarks"],
    )


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """File descriptor 2 goes nowhere meanwhile: MediaPipe's C++ writes there directly."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
