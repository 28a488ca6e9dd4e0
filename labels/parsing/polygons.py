"""Outlines of the face's parts as polygons over the refined mesh, and their filling.

The numbers name landmarks; the widenings make the mesh's outlines agree with what a trained face
parser calls skin, brow, eye and lip (docs/labels.md gives the figures). Lengths and directions are
the face's own: along its eyes, across them, and the distance between their outer corners.

What a face parser draws has no corners where the mesh has: outlines are rounded by cutting their
corners twice (Chaikin), which nears the quadratic B-spline over the landmarks.
"""

from dataclasses import dataclass
from functools import cache

import numba
import numpy as np

from labels import classes
from labels.canonical import LEFT_EYE_OUTER, RIGHT_EYE_OUTER, TRIANGLES, VERTICES
from labels.view import LabelError

OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377]
OVAL += [152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]
RIDGE = [94, 19, 1, 4, 5, 195, 197, 6, 168]  # of the nose, upwards
BRIDGE = 168, 8  # the nose's upper end lies between them
NOSE_TIP = 2  # its lower end
RIGHT_NOSE = [193, 245, 174, 129, 240]
LEFT_NOSE = [417, 465, 399, 358, 460]
RIGHT_BROW = [70, 63, 105, 66, 107], [46, 53, 52, 65, 55]
LEFT_BROW = [300, 293, 334, 296, 336], [276, 283, 282, 295, 285]
RIGHT_EYE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246]
LEFT_EYE = [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466]
OUTER_UPPER_LIP = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291]
OUTER_LOWER_LIP = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291]
INNER_UPPER_LIP = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
INNER_LOWER_LIP = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]

LOWER = 0.004
"""Everything lies this much lower than the network says, in distances of the eyes' corners."""
FOREHEAD = 1.45
"""The mesh ends below the hair: its height over the line of the eyes is stretched by this."""
NOSE_TOP = 0.22
"""The nose ends level with this share of the way from the first point of BRIDGE to the second."""
BROW_HEIGHT = np.array([0.0, 0.2, 0.2, 0.2, 0.2])[:, None]
"""Each edge of a brow is moved out by this share of its height, from the outer end inwards."""
BROW_LENGTH = 0.92
EYE_LENGTH, EYE_ABOVE, EYE_BELOW = 0.95, 1.05, 1.0
LIP_ABOVE, LIP_BELOW = 1.2, 1.02
MOUTH_LENGTH = 0.93
"""Where the lips part, along the line of their corners: close to these they are seen to touch."""


@dataclass(frozen=True)
class Axes:
    """The face's own axes in the picture, in pixels.

    middle: (2,) half way between the outer corners of the eyes. along: (2,) unit vector towards the
    subject's left. down: (2,) unit vector at right angles, towards the chin. length: the distance
    between the corners.
    """

    middle: np.ndarray
    along: np.ndarray
    down: np.ndarray
    length: float

    def stretch(
        self, points: np.ndarray, centre: np.ndarray, along: float, above: float, below: float
    ) -> np.ndarray:
        """Points (N, 2) scaled about a centre, with factors along, above and below it."""
        away = points - centre
        across = away @ self.down
        across = across * np.where(across < 0, above, below)
        return (
            centre + along * np.outer(away @ self.along, self.along) + np.outer(across, self.down)
        )


def face_axes(points: np.ndarray) -> Axes:
    """The axes of a mesh's points (468 or 478, 2) in pixels.

    Raises LabelError where the corners of the eyes fall together, as all do that call it.
    """
    right, left = points[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER]]
    length = float(np.hypot(*(left - right)))
    if not length > 0:
        raise LabelError("the corners of the eyes fall together")
    along = (left - right) / length
    return Axes((left + right) / 2, along, np.array([-along[1], along[0]]), length)


@dataclass(frozen=True)
class Part:
    """One polygon (N, 2) of a class, and the landmarks it is drawn from."""

    value: int
    polygon: np.ndarray
    landmarks: list[int]


def raise_forehead(points: np.ndarray) -> np.ndarray:
    """The mesh's points (N, 2) with all above the eyes moved up: they then cover the skin."""
    axes = face_axes(points)
    return axes.stretch(points + LOWER * axes.length * axes.down, axes.middle, 1, FOREHEAD, 1)


def outlines(points: np.ndarray) -> list[Part]:
    """The parts that lie on the skin in the order of drawing: later ones lie on top.

    points: (478, 2) of the refined mesh, pixels of the picture.
    """
    axes = face_axes(points)
    points = points + LOWER * axes.length * axes.down
    return [
        *_nose(points, axes),
        _brow(classes.RIGHT_BROW, points, *RIGHT_BROW, axes),
        _brow(classes.LEFT_BROW, points, *LEFT_BROW, axes),
        _eye(classes.RIGHT_EYE, points, RIGHT_EYE, axes),
        _eye(classes.LEFT_EYE, points, LEFT_EYE, axes),
        *_mouth(points, axes),
    ]


def _nose(points: np.ndarray, axes: Axes) -> list[Part]:
    """In halves that meet at the ridge, so that the ridge is the outline when the head turns."""
    low, high = points[list(BRIDGE)]
    top = low + NOSE_TOP * (high - low)
    sides = []
    for side in (RIGHT_NOSE, LEFT_NOSE):
        corner = points[side[0]]
        corner = corner + ((top - corner) @ axes.down) * axes.down  # the upper end is level
        sides.append(np.concatenate([[corner], points[side]]))
    curve = rounded(np.concatenate([[top], sides[0], points[[NOSE_TIP]], sides[1][::-1]]))
    half = len(curve) // 2  # the ring's two halves have as many corners
    right, left = curve[:half], curve[: half - 1 : -1]
    ends = (right[[0, -1]] + left[[0, -1]]) / 2
    return [
        Part(
            classes.NOSE,
            np.concatenate([ends[:1], outline, ends[1:], points[RIDGE]]),
            [*side, NOSE_TIP, *RIDGE],
        )
        for outline, side in ((right, RIGHT_NOSE), (left, LEFT_NOSE))
    ]


def _brow(value: int, points: np.ndarray, upper: list[int], lower: list[int], axes: Axes) -> Part:
    high, low = points[upper], points[lower]
    out = BROW_HEIGHT * (high - low)
    ring = _ring(high + out, low - out)
    ring = axes.stretch(ring, ring.mean(0), BROW_LENGTH, 1, 1)
    return Part(value, rounded(ring), upper + lower)


def _eye(value: int, points: np.ndarray, numbers: list[int], axes: Axes) -> Part:
    ring = points[numbers]
    corners = ring[[0, 8]].mean(0)
    ring = axes.stretch(ring, corners, EYE_LENGTH, EYE_ABOVE, EYE_BELOW)
    return Part(value, rounded(ring), numbers)


def _mouth(points: np.ndarray, axes: Axes) -> list[Part]:
    corners = points[[OUTER_UPPER_LIP[0], OUTER_UPPER_LIP[-1]]].mean(0)
    over = axes.stretch(points[OUTER_UPPER_LIP], corners, 1, LIP_ABOVE, 1)
    under = axes.stretch(points[OUTER_LOWER_LIP], corners, 1, 1, LIP_BELOW)
    corners = points[[INNER_UPPER_LIP[0], INNER_UPPER_LIP[-1]]].mean(0)
    upper, lower = (
        axes.stretch(points[line], corners, MOUTH_LENGTH, 1, 1)
        for line in (INNER_UPPER_LIP, INNER_LOWER_LIP)
    )
    # Each line by itself: the corners of the mouth stay sharp.
    over, under, upper, lower = (rounded(line, False) for line in (over, under, upper, lower))
    return [
        Part(classes.MOUTH, _ring(upper, lower), INNER_UPPER_LIP + INNER_LOWER_LIP),
        Part(classes.LOWER_LIP, _ring(under, lower), OUTER_LOWER_LIP + INNER_LOWER_LIP),
        Part(classes.UPPER_LIP, _ring(over, upper), OUTER_UPPER_LIP + INNER_UPPER_LIP),
    ]


def _ring(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The polygon between two lines that run the same way."""
    return np.concatenate([one, other[::-1]])


def rounded(line: np.ndarray, closed: bool = True) -> np.ndarray:
    """A polygon, or a line that keeps its ends, (N, 2) with its corners cut twice (M, 2).

    Each cut puts two points on every edge, a quarter and three quarters along, for the corners.
    A closed one, of 4 N points, begins with the first that belongs to the edge after corner 0.
    """
    return _cuts(len(line), closed) @ line


@cache
def _cuts(count: int, closed: bool) -> np.ndarray:
    """What rounded is multiplied by: both cuts are linear in the points."""
    line = np.eye(count)
    for _ in range(2):
        after = np.roll(line, -1, 0)
        new = np.stack([0.75 * line + 0.25 * after, 0.25 * line + 0.75 * after], 1)
        if closed:
            line = new.reshape(-1, count)
        else:
            line = np.concatenate([line[:1], new[:-1].reshape(-1, count), line[-1:]])
    # The second cut's last point lies on what the first cut put in place of corner 0.
    return np.roll(line, 1, 0) if closed else line


def fill(
    mask: np.ndarray,
    polygon: np.ndarray,
    value: int,
    surface: np.ndarray | None = None,
    plane: np.ndarray | None = None,
) -> None:
    """Write value into the pixels of mask (H, W) uint8 whose centres a polygon (N, 2) holds.

    Pixel i covers [i, i + 1). The polygon closes by itself; where it crosses itself, what it winds
    round at all is inside. A centre on an edge belongs to what lies right of it or below it.
    surface (H, W) and plane (3,): leave out pixels where the surface is nearer than the plane
    plane[0] * x + plane[1] * y + plane[2]; NaN is never nearer.
    """
    if surface is None or plane is None:
        surface, plane = np.empty((0, 0), np.float32), np.zeros(3)
    _fill(mask, np.ascontiguousarray(polygon, np.float64), value, surface, plane)


@numba.njit(cache=True)
def _fill(
    mask: np.ndarray, polygon: np.ndarray, value: int, surface: np.ndarray, plane: np.ndarray
) -> None:
    height, width = mask.shape
    count = len(polygon)
    first = max(0.0, min(polygon[:, 1].min(), float(height)) - 0.5)
    last = min(float(height), max(polygon[:, 1].max(), 0.0)) - 0.5
    crossings = np.empty(count)
    turns = np.empty(count, np.int64)
    for row in range(int(np.ceil(first)), min(int(np.floor(last)), height - 1) + 1):
        y = row + 0.5
        found = 0
        for i in range(count):
            ax, ay = polygon[i]
            bx, by = polygon[(i + 1) % count]
            if (ay <= y) != (by <= y):
                x = ax + (y - ay) * (bx - ax) / (by - ay)
                place = found
                while place > 0 and crossings[place - 1] > x:  # kept sorted
                    crossings[place] = crossings[place - 1]
                    turns[place] = turns[place - 1]
                    place -= 1
                crossings[place] = x
                turns[place] = 1 if by > ay else -1
                found += 1
        winding = 0
        for i in range(found - 1):
            winding += turns[i]
            if winding == 0:
                continue
            start = int(np.ceil(min(max(crossings[i], 0.0), float(width)) - 0.5))
            stop = int(np.ceil(min(max(crossings[i + 1], 0.0), float(width)) - 0.5))
            for column in range(start, stop):
                if surface.size:
                    own = plane[0] * (column + 0.5) + plane[1] * y + plane[2]
                    if surface[row, column] > own:
                        continue
                mask[row, column] = value


def _nose_triangles() -> np.ndarray:
    """The triangles of the mesh whose middles the nose's outline holds, seen from the front."""
    front = VERTICES[:, :2].astype(np.float64) * (1, -1)
    middles = front[TRIANGLES].mean(1)
    outline = front[[BRIDGE[1], *RIGHT_NOSE, NOSE_TIP, *LEFT_NOSE[::-1]]]
    start, end = outline, np.roll(outline, -1, 0)
    x, y = middles[:, None, 0], middles[:, None, 1]
    spans = (start[:, 1] <= y) != (end[:, 1] <= y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = start[:, 0] + (y - start[:, 1]) * (end - start)[:, 0] / (end - start)[:, 1]
    inside = (spans & (x < crossing)).sum(1) % 2 == 1
    return TRIANGLES[inside]


NOSE_TRIANGLES = _nose_triangles()
"""(T, 3) int32: the nose's part of the mesh, the one that hides others when the head turns."""
