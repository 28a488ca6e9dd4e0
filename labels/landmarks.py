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

PATCH = 192
"""Side in pixels of what the mesh networks see."""

REACH = 1.5
"""The patch's side over the longer side of the face's box; MediaPipe's own value."""

MIN_SCORE = 0.5
MIN_OVERLAP = 0.3
"""A mesh whose box has a smaller intersection over union with the detection's box is elsewhere."""

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
        bounds = _bounds(meshes[0])
        middle = (bounds[:2] + bounds[2:]) / 2
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
        detections.sort(key=lambda one: (-one[0], -_area(one[1]), one[1][0], one[1][1]))
        found: list[Face] = []
        for score, box, eyes in detections:
            if len(found) == faces:
                break
            if any(_overlap(box, _bounds(other.landmarks)) > SAME_FACE for other in found):
                continue
            meshes = self._meshes(image, box, eyes)
            if meshes is None:
                continue
            mesh_box = _bounds(meshes[0])
            if _overlap(mesh_box, box) < MIN_OVERLAP:
                continue
            if len(windows) > 1 and any(
                _within(mesh_box, _bounds(other.landmarks)) > CUT_FACE for other in found
            ):
                continue
            if any(_overlap(mesh_box, _bounds(other.landmarks)) > SAME_FACE for other in found):
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
        again = patch_affine(_bounds(first), first[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER], :2])
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


def patch_affine(box: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """The 2 x 3 affine from frame to patch: box (4,) in the middle, eyes (2, 2) level.

    The box's longer side fills 1 / REACH of the patch; no mirroring.
    """
    centre = np.array([box[0] + box[2], box[1] + box[3]], np.float64) / 2
    scale = PATCH / (REACH * max(box[2] - box[0], box[3] - box[1]))
    along = (eyes[1] - eyes[0]).astype(np.float64)
    length = np.hypot(*along)
    cos, sin = along / length if length > 0 else (1.0, 0.0)
    turn = scale * np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([turn, PATCH / 2 - turn @ centre])


def cut_patch(image: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The patch (192, 192, 3) uint8 of an affine; outside the picture its border is repeated.

    Large faces are first shrunk by whole factors by the mean of the area: bilinear sampling alone
    would skip most of their pixels.
    """
    back = cv2.invertAffineTransform(affine)
    corners = np.array([(0, 0), (PATCH, 0), (0, PATCH), (PATCH, PATCH)]) @ back[:, :2].T
    corners += back[:, 2]
    factor = int(max(1.0, np.hypot(back[0, 0], back[1, 0])))
    height, width = image.shape[:2]
    margin = 2 * factor
    low = np.clip(np.floor(corners.min(0)) - margin, 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + margin, low + 1, [width, height]).astype(int)
    block = image[low[1] : high[1], low[0] : high[0]]
    if factor > 1:
        down, right = (-(high - low) % factor)[::-1]
        block = cv2.copyMakeBorder(block, 0, int(down), 0, int(right), cv2.BORDER_REPLICATE)
        size = (block.shape[1] // factor, block.shape[0] // factor)
        block = cv2.resize(block, size, interpolation=cv2.INTER_AREA)
    # block pixel p stands at frame place low + factor * p; OpenCV counts from pixel centres.
    turn = affine[:, :2] * factor
    shift = affine[:, :2] @ low + affine[:, 2] + turn @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(
        np.ascontiguousarray(block),
        np.column_stack([turn, shift]),
        (PATCH, PATCH),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


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


def _bounds(landmarks: np.ndarray) -> np.ndarray:
    return np.concatenate([landmarks[:, :2].min(0), landmarks[:, :2].max(0)])


def _area(box: np.ndarray) -> float:
    return float(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]))


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    both = _area(np.concatenate([np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])]))
    union = _area(one) + _area(other) - both
    return both / union if union > 0 else 0.0


def _within(one: np.ndarray, other: np.ndarray) -> float:
    """The share of the smaller box that lies in the other."""
    both = _area(np.concatenate([np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])]))
    smaller = min(_area(one), _area(other))
    return both / smaller if smaller > 0 else 0.0


def _four(box: np.ndarray) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(value) for value in box)
    return x0, y0, x1, y1
