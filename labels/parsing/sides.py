"""Left and right of brows, eyes and ears from the landmarks, whatever a network called them.

Networks that were trained with mirrored pictures and unmirrored names cannot tell the sides: some
call both left. Where a face is, and how it is held, the landmarks know.
"""

import cv2
import numba
import numpy as np

from labels import classes
from labels.parsing.polygons import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE

RIGHT_EDGE = [127, 234, 93, 132, 162]
LEFT_EDGE = [356, 454, 323, 361, 389]
"""The mesh ends before the ears: these are its points beside them."""

_PAIRS = (
    (
        classes.LEFT_BROW,
        classes.RIGHT_BROW,
        LEFT_BROW[0] + LEFT_BROW[1],
        RIGHT_BROW[0] + RIGHT_BROW[1],
    ),
    (classes.LEFT_EYE, classes.RIGHT_EYE, LEFT_EYE, RIGHT_EYE),
    (classes.LEFT_EAR, classes.RIGHT_EAR, LEFT_EDGE, RIGHT_EDGE),
)

BEHIND = 0.25
"""What a landmark lies behind the nearest of its part counts as this much of the same distance in
the picture. So from 76 degrees of yaw on (less where the mesh is too steep, as it is then), where
the far side is out of sight, all is the near one; below it, the place in the picture decides."""

WHOLE = 0.9
"""A connected piece of which this share lies nearer to one side belongs to it as a whole."""


def put_right(parsing: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A copy of a map (H, W) uint8 of labels.classes with the sides as the landmarks say.

    landmarks: (468 or more, 3) in pixels of the map, z in the same unit, smaller is nearer. A pixel
    of a brow, an eye or an ear belongs to the side whose landmarks of that part are nearer; a piece
    that hangs together is given whole to a side where that is so for most of it, and cut only where
    two parts have grown together. Left is the subject's own. What is brow, eye or ear stays so.
    """
    points = np.asarray(landmarks, np.float64)
    fixed = parsing.copy()
    for left, right, of_left, of_right in _PAIRS:
        either = ((parsing == left) | (parsing == right)).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(either)
        if not width:
            continue
        window = np.s_[y : y + height, x : x + width]
        front = points[of_left + of_right, 2].min()
        seen = points - (x, y, front)
        _give(fixed[window], either[window], left, right, seen[of_left], seen[of_right])
    return fixed


def _give(
    parsing: np.ndarray,
    either: np.ndarray,
    left: int,
    right: int,
    of_left: np.ndarray,
    of_right: np.ndarray,
) -> None:
    """Give the pixels of a part (either, 0 and 1) to their sides, in place.

    of_left, of_right: (M, 3), their landmarks in this window, z behind the nearest of all.
    """
    count, pieces = cv2.connectedComponents(either, connectivity=8)
    is_left = _nearer(either, of_left, of_right)
    ys, xs = np.nonzero(either)
    piece, mine = pieces[ys, xs], is_left[ys, xs]
    share = (np.bincount(piece, mine, count) / np.maximum(np.bincount(piece, None, count), 1))[
        piece
    ]
    mine = np.where(share >= WHOLE, True, np.where(share <= 1 - WHOLE, False, mine))
    parsing[ys, xs] = np.where(mine, left, right)


@numba.njit(cache=True)
def _nearer(either: np.ndarray, of_left: np.ndarray, of_right: np.ndarray) -> np.ndarray:
    """(H, W) bool: where either is set, whether the nearest landmark is one of the left."""
    is_left = np.zeros(either.shape, np.bool_)
    for y in range(either.shape[0]):
        for x in range(either.shape[1]):
            if either[y, x]:
                is_left[y, x] = _distance(x, y, of_left) < _distance(x, y, of_right)
    return is_left


@numba.njit(cache=True)
def _distance(x: int, y: int, points: np.ndarray) -> float:
    """Squared, from a pixel's centre to the nearest of points (M, 3); z counts by BEHIND."""
    nearest = np.inf
    for k in range(points.shape[0]):
        across, down = points[k, 0] - x - 0.5, points[k, 1] - y - 0.5
        behind = BEHIND * points[k, 2]
        nearest = min(nearest, across * across + down * down + behind * behind)
    return nearest
