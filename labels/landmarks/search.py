"""Finding all faces of a picture: the part that is the same in every runtime."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from labels.boxes import area, bounds, overlap, within

MIN_OVERLAP = 0.3
"""A mesh whose box has a smaller overlap with the detection's box is elsewhere."""

SAME_FACE = 0.5
"""Two meshes whose boxes overlap by more are the same face, found twice."""

CUT_FACE = 0.6
"""In a search by pieces, also one that lies within another by more: a face cut by a seam."""


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


class Detection(NamedTuple):
    """What a detector says of one face, in pixels of its picture.

    score: 0.5 to 1. box: (4,) x0, y0, x1, y1. eyes: (2, 2) the subject's right and left.
    """

    score: float
    box: np.ndarray
    eyes: np.ndarray


class FaceFinder(ABC):
    """Finds faces and both their meshes. Use as a context manager, or call close().

    A runtime supplies `detect`, `meshes` and `close`, and says what its detector needs by `reach`
    and `pieces`.
    """

    made_on = "cpu"
    """Where its networks run, and in which precision where that may differ."""

    reach: int
    """Side in pixels of what the detector sees of a picture; pieces are not cut smaller."""

    pieces: tuple[int, ...]
    """Where the whole picture shows no face: parts of its longer side, in turn."""

    @abstractmethod
    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces that the detector sees in a picture (H, W, 3) uint8 RGB."""

    @abstractmethod
    def meshes(
        self, image: np.ndarray, box: np.ndarray, eyes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The plain (468, 3) and the refined (478, 3) mesh near a box, or None: no face there.

        box: (4,) and eyes: (2, 2), as in Detection, frame pixels; the eyes give the turn alone.
        """

    def seen_again(self, image: np.ndarray, landmarks: np.ndarray) -> bool:
        """Whether a face that was found in a piece is one; here, always.

        For a detector that takes much in small pieces for faces. landmarks: the plain mesh.
        """
        return True

    @abstractmethod
    def close(self) -> None:
        """Free what it holds."""

    def find(self, image: np.ndarray, faces: int | None = None) -> list[Face]:
        """All faces of a picture, best first.

        image: (H, W, 3) uint8 RGB. faces: stop when this many are found (None: all).
        Order: higher score, then larger box, then further left, then further up. A detection
        without a mesh, or whose mesh lies elsewhere, gives no face; so does one whose mesh lies on
        that of a better face. Where the whole picture shows no face, pieces of it are searched, so
        a picture without any takes longest. Raises ValueError for another shape or dtype, or faces
        below 1.
        """
        if faces is not None and faces < 1:
            raise ValueError(f"faces must be at least 1, not {faces}")
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"image must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
        height, width = image.shape[:2]
        for windows in search_windows(height, width, self.reach, self.pieces):
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
        A mesh whose middle lies outside the box is somebody else's and gives None. Raises
        ValueError for a box without area, or with numbers that are not finite.
        """
        corners = np.array(box, np.float64)
        if not (np.isfinite(corners).all() and (corners[2:] > corners[:2]).all()):
            raise ValueError(f"box must be x0 < x1 and y0 < y1, not {box}")
        height, width = image.shape[:2]
        if (corners[2:] <= 0).any() or (corners[:2] >= (width, height)).any():
            return None
        level = np.array([(0.0, 0.0), (1.0, 0.0)]) if eyes is None else np.asarray(eyes)
        meshes = self.meshes(image, corners, level)
        if meshes is None:
            return None
        mesh_box = bounds(meshes[0])
        middle = (mesh_box[:2] + mesh_box[2:]) / 2
        if (middle < corners[:2]).any() or (middle > corners[2:]).any():
            return None
        return Face(float("nan"), _four(corners), *meshes)

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
            for score, box, eyes in self.detect(image[y0:y1, x0:x1]):
                detections.append((score, box + (x0, y0, x0, y0), eyes + (x0, y0)))
        detections.sort(key=lambda seen: (-seen[0], -area(seen[1]), seen[1][0], seen[1][1]))
        found: list[Face] = []
        for score, box, eyes in detections:
            if len(found) == faces:
                break
            if any(overlap(box, bounds(other.landmarks)) > SAME_FACE for other in found):
                continue
            meshes = self.meshes(image, box, eyes)
            if meshes is None:
                continue
            mesh_box = bounds(meshes[0])
            if overlap(mesh_box, box) < MIN_OVERLAP:
                continue
            others = [bounds(other.landmarks) for other in found]
            if any(overlap(mesh_box, other) > SAME_FACE for other in others):
                continue
            if len(windows) > 1 and (
                any(within(mesh_box, other) > CUT_FACE for other in others)
                or not self.seen_again(image, meshes[0])
            ):
                continue
            found.append(Face(score, _four(box), *meshes))
        return found


def search_windows(
    height: int, width: int, reach: int, pieces: Sequence[int]
) -> Iterator[list[tuple[int, int, int, int]]]:
    """Where to look for faces, in turn until one is found: lists of x0, y0, x1, y1.

    First the whole picture; then, for each of `pieces`, squares of that part of its longer side
    (half, a quarter) that overlap by half, as long as they are larger than what the detector sees
    anyway (reach, pixels).
    """
    yield [(0, 0, width, height)]
    for parts in pieces:
        side = max(height, width) // parts
        if side <= reach:
            return
        rows, columns = _starts(height, side), _starts(width, side)
        yield [(x, y, min(x + side, width), min(y + side, height)) for y in rows for x in columns]


def _starts(length: int, side: int) -> list[int]:
    count = max(1, -(-2 * (length - side) // side) + 1)
    return [round(i * max(0, length - side) / max(1, count - 1)) for i in range(count)]


def _four(box: np.ndarray) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(value) for value in box)
    return x0, y0, x1, y1
