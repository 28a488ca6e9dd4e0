"""Face and eye positions that datasets ship beside their videos.

Positions come out in frame pixels with pixel centres at +0.5, as everywhere here: the files name
whole pixels, so eyes get half a pixel added; a box is the edges of the pixels that it names.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.crops import eye_centres, face_square
from pipeline.files.records import shown

BOX_SIDE = 2.795
"""Side of the square around the whole face mesh, in distances between the eye centres."""
BOX_BELOW = 0.5085
"""How far its centre lies below the middle of the eyes, in the same unit. Both are measured on
MediaPipe's canonical face, seen from the front without perspective."""
MAX_LINES = 1_000_000
_LONGEST_LINE = 1000
_SEPARATOR = re.compile(r"\s*,\s*|\s+")
_FRAME = re.compile(r"[0-9]{1,9}(\.0{1,9})?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,7}(\.[0-9]{0,9})?")


class Shipped(NamedTuple):
    """Where the face is in one frame, as the dataset says: one of the two, the other is None.

    box: x0, y0, x1, y1, frame pixels. eyes: 2 x 2 float64, the centres (x, y) of the subject's
    right eye, which is the left one in the picture, and of the left eye.
    """

    box: tuple[float, float, float, float] | None
    eyes: np.ndarray | None


class ShippedError(ValueError):
    """A file of positions that cannot be read: its name, the line and what is wrong."""


def read_shipped(path: Path) -> dict[int, Shipped]:
    """The positions of a file by the frame numbers in it; frames without a face are left out.

    `.txt`: OULU-NPU's eyes, a line `frame,x1,y1,x2,y2` a frame. `.face`: Replay-Attack's boxes, a
    line `frame x y width height` a frame; or MSU-MFSD's, a line of the frame, the four edges of a
    box and the eyes' x, y, x, y, of which the eyes are taken. Four zeros: none was found. Raises
    ShippedError where the file cannot be read, or a line is none of these.
    """
    suffix = path.suffix.lower()
    if suffix not in (".txt", ".face"):
        raise ShippedError(f"{path.name}: positions are called .txt (eyes) or .face (boxes)")
    found: dict[int, Shipped] = {}
    seen: dict[int, int] = {}
    for line, text in _lines(path):
        where = f"{path.name}: line {line}"
        words = _SEPARATOR.split(text)
        counts = (5, 9) if suffix == ".face" else (5,)
        if len(words) not in counts or not _FRAME.fullmatch(words[0]):
            raise ShippedError(f"{where}: {shown(text)} is not a frame number and four numbers")
        if not all(_NUMBER.fullmatch(word) for word in words[1:]):
            raise ShippedError(f"{where}: {shown(text)}: the position is not all numbers")
        frame = int(float(words[0]))
        first = seen.setdefault(frame, line)
        if first != line:
            raise ShippedError(f"{where}: frame {frame} stands in line {first} already")
        values = [float(word) for word in words[-4:]]
        if any(values):
            read = _box if suffix == ".face" and len(words) == 5 else _eyes
            found[frame] = read(where, values)
    return found


def face_box_of(shipped: Shipped) -> tuple[float, float, float, float]:
    """The box in which to look for the mesh: x0, y0, x1, y1, frame pixels.

    A shipped box as it is; around shipped eyes the square that holds the mesh of a face seen from
    the front. "Below" follows the line of the eyes.
    """
    if shipped.box is not None:
        return shipped.box
    if shipped.eyes is None:
        raise ValueError("neither a box nor eyes are given")
    right, left = shipped.eyes
    across = left - right
    down = np.array([-across[1], across[0]])  # a quarter turn from the right to the left eye
    x, y = (right + left) / 2 + BOX_BELOW * down
    half = BOX_SIDE * float(np.hypot(*across)) / 2
    return float(x - half), float(y - half), float(x + half), float(y + half)


def turned(shipped: Shipped, degrees: int, size: tuple[int, int]) -> Shipped:
    """The same position after the frame was turned anticlockwise by 0, 90, 180 or 270 degrees.

    size: (width, height) of the turned frame.
    """
    quarters, (width, height) = degrees // 90 % 4, size
    turn = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), quarters)
    shift = np.array([(0, 0), (0, height), (width, height), (width, 0)][quarters], np.float64)
    if shipped.box is not None:
        corners = np.array(shipped.box).reshape(2, 2) @ turn.T + shift
        (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        return Shipped((x0, y0, x1, y1), None)
    if shipped.eyes is None:
        raise ValueError("neither a box nor eyes are given")
    return Shipped(None, right_first(shipped.eyes @ turn.T + shift))


def distance(shipped: Shipped, landmarks: np.ndarray) -> float:
    """How far a mesh lies from the shipped position, in sides of its face square; 0 is perfect.

    landmarks: 468 x 3, frame pixels. Of eyes: the mean distance of the two eye centres. Of a box:
    the distance of its centre from that of the mesh's bounding box.
    """
    x, y, side = face_square(landmarks)
    if shipped.eyes is not None:
        off = eye_centres(landmarks) - shipped.eyes
        return float(np.hypot(off[:, 0], off[:, 1]).mean() / side)
    if shipped.box is None:
        raise ValueError("neither a box nor eyes are given")
    x0, y0, x1, y1 = shipped.box
    return float(np.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y) / side)


def _eyes(where: str, values: list[float]) -> Shipped:
    eyes = np.array(values).reshape(2, 2) + 0.5
    if (eyes[0] == eyes[1]).all():
        raise ShippedError(f"{where}: both eyes are at one place")
    return Shipped(None, right_first(eyes))


def right_first(eyes: np.ndarray) -> np.ndarray:
    """Eyes (2, 2) in order: the subject's right one is further left; files differ in theirs."""
    return eyes[np.argsort(eyes[:, 0], kind="stable")]


def _box(where: str, values: list[float]) -> Shipped:
    x, y, width, height = values
    if width <= 0 or height <= 0:
        raise ShippedError(f"{where}: the box is {width:g} wide and {height:g} high")
    return Shipped((x, y, x + width, y + height), None)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if number > MAX_LINES:
                    raise ShippedError(f"{path.name}: line {number}: more than {MAX_LINES} lines")
                if len(line) == _LONGEST_LINE or not line.isascii():
                    raise ShippedError(f"{path.name}: line {number}: this is no line of numbers")
                text = line.decode("ascii").strip()
                if text:
                    yield number, text
    except OSError as error:
        raise ShippedError(f"{path.name}: cannot read these positions: {error.strerror}") from None
