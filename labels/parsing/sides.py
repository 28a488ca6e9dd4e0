"""Left and right of brows, eyes and ears from the landmarks, whatever a network called them.

Networks that were trained with mirrored pictures and unmirrored names cannot tell the sides: some
call both left. Where a face is, and how it is held, the landmarks know.
"""

import cv2
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

BEHIND = 0.35
"""What a landmark lies behind the nearest of its part counts as this much of the same distance in
the picture. So from 70 degrees of yaw on, where the far side is out of sight, all is the near one;
below it, the place in the picture decides."""

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
        ys, xs = np.nonzero(either)
        if not ys.size:
            continue
        front = points[of_left + of_right, 2].min()
        places = np.column_stack([xs, ys]) + 0.5
        to_left = _distance(places, points[of_left], front)
        is_left = to_left < _distance(places, points[of_right], front)
        _, pieces = cv2.connectedComponents(either, connectivity=8)
        piece = pieces[ys, xs]
        share = np.bincount(piece, is_left) / np.maximum(np.bincount(piece), 1)
        is_left = _whole(is_left, share[piece])
        fixed[ys, xs] = np.where(is_left, left, right)
    return fixed


def _whole(is_left: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Whether each pixel is left, by its own place or by the share (N,) of its piece that is."""
    return np.where(share >= WHOLE, True, np.where(share <= 1 - WHOLE, False, is_left))


def _distance(places: np.ndarray, points: np.ndarray, front: float) -> np.ndarray:
    """Squared, from places (N, 2) to the nearest of points (M, 3); depth behind front counts."""
    squared = ((places[:, None] - points[:, :2]) ** 2).sum(2)
    return (squared + (BEHIND * (points[:, 2] - front)) ** 2).min(1)
