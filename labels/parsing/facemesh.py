"""Face parsing from the refined face mesh: polygons, and a colour rule for the forehead.

No weights beyond the mesh's own. Ears and eyeglasses cannot be told from a mesh: never given.
"""

import cv2
import numba
import numpy as np

from labels import classes
from labels.canonical import TRIANGLES
from labels.parsing.polygons import (
    NOSE_TRIANGLES,
    OVAL,
    Axes,
    face_axes,
    fill,
    outlines,
    raise_forehead,
)
from labels.zbuffer import zbuffer

# Lengths in distances between the outer corners of the eyes.
BEHIND_NOSE = 0.03
"""A part is hidden where the nose lies nearer than the part's own plane by more."""
BEHIND_FACE = 0.3
"""The same for the whole face, on brows and eyes: brows are bent, so it lets more through."""
BROWS_AND_EYES = (classes.LEFT_BROW, classes.RIGHT_BROW, classes.LEFT_EYE, classes.RIGHT_EYE)
COLOUR_ABOVE = -0.15
"""The colour rule acts on all that lies this far under the line of the eyes, or higher,"""
COLOUR_BESIDE = 0.5
"""and near the oval's edge from this far under it."""
SKIN_BELOW = 0.1
"""The skin's colour is taken from this far under it: there is no hair, and no shadow of a cap."""
SKIN_INNER = 0.85
"""and from the oval shrunk by this, clear of neck and background."""
STRAND = 0.075
"""Half the width of the strands that are cut off: skin has none, hair lit like skin has."""
SMOOTH = 0.015
"""Deviation of the blur before colours are compared: pores and camera noise tell nothing."""
COLOUR_FAR = 16.0
"""Squared Mahalanobis distance from which a colour is not the skin's."""
COLOUR_SPREAD = np.diag([100.0, 5.0, 5.0])
"""Added to the covariance in Lab (8 bit): a forehead may be lit otherwise than cheeks."""


def parse(image: np.ndarray, landmarks_refined: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Classes (H, W) uint8 of labels.classes of one face in a picture.

    image: (H, W, 3) uint8 RGB, a crop or a whole frame. landmarks_refined: (478, 3) frame pixels.
    affine: (2, 3) frame to picture, without shear (the identity for a whole frame).
    Left and right are the subject's own. Parts of the face that lie behind others are not seen.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
    if landmarks_refined.shape != (478, 3):
        raise ValueError(f"landmarks must be (478, 3), not {landmarks_refined.shape}")
    affine = np.asarray(affine, np.float64)
    points = landmarks_refined[:, :2] @ affine[:, :2].T + affine[:, 2]
    nearness = -landmarks_refined[:, 2] * np.sqrt(abs(np.linalg.det(affine[:, :2])))
    axes = face_axes(points)
    height, width = image.shape[:2]
    skin = zbuffer(_vertices(raise_forehead(points), nearness), TRIANGLES, height, width)
    nose = zbuffer(_vertices(points, nearness), NOSE_TRIANGLES, height, width)
    nose -= np.float32(BEHIND_NOSE * axes.length)
    before_eyes = np.fmax(nose, skin - np.float32(BEHIND_FACE * axes.length))

    parsing = np.where(np.isfinite(skin), np.uint8(classes.SKIN), np.uint8(classes.BACKGROUND))
    for part in outlines(points):
        plane = fit_plane(points[part.landmarks], nearness[part.landmarks])
        if part.value == classes.NOSE:
            fill(parsing, part.polygon, part.value)
        elif part.value in BROWS_AND_EYES:
            fill(parsing, part.polygon, part.value, before_eyes, plane)
        else:  # lips are too bent for a plane: only the nose can hide them
            fill(parsing, part.polygon, part.value, nose, plane)
    _clear_hair(parsing, image, points, axes)
    return parsing


def _vertices(points: np.ndarray, nearness: np.ndarray) -> np.ndarray:
    return np.column_stack([points, nearness])[:468]


def fit_plane(points: np.ndarray, nearness: np.ndarray) -> np.ndarray:
    """(3,) a, b, c of the plane a x + b y + c closest to nearness (N,) at points (N, 2)."""
    known = np.column_stack([points, np.ones(len(points))])
    return np.linalg.lstsq(known, nearness, rcond=None)[0]


def _clear_hair(parsing: np.ndarray, image: np.ndarray, points: np.ndarray, axes: Axes) -> None:
    """Skin above and beside the eyes without the colour of cheeks becomes background, in place.

    The same goes for strands that this leaves, and for skin that it cuts off from the nose.
    """
    rows, columns = parsing.any(1).nonzero()[0], parsing.any(0).nonzero()[0]
    if not rows.size:
        return
    corner = np.array([columns[0], rows[0]])
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part = parsing[window]
    lab = cv2.cvtColor(np.ascontiguousarray(image[window]), cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), SMOOTH * axes.length)

    # Height under the line of the eyes of pixel (x, y): slope . (x, y) + start.
    slope = axes.down / axes.length
    start = float((corner + 0.5 - axes.middle) @ slope)
    oval = points[OVAL] - corner
    inner = np.zeros_like(part)
    fill(inner, oval.mean(0) + SKIN_INNER * (oval - oval.mean(0)), 1)
    count, total, squares = _sums(part, inner, lab, slope, start)
    if count < 3:  # too small or cut off: no colour to go by
        return
    mean = total / count
    spread = (squares - np.outer(total, total) / count) / (count - 1) + COLOUR_SPREAD
    asked = np.zeros(part.shape, bool)
    _remove_far(part, asked, inner, lab, slope, start, mean, np.linalg.inv(spread))
    opened = _open((part != 0).astype(np.uint8), STRAND * axes.length)
    part[asked & ~opened] = classes.BACKGROUND

    _, pieces = cv2.connectedComponents((part != 0).astype(np.uint8), connectivity=4)
    nose = pieces[part == classes.NOSE]
    if nose.size:
        part[pieces != np.bincount(nose).argmax()] = classes.BACKGROUND


def _open(mask: np.ndarray, radius: float) -> np.ndarray:
    """The union (H, W) bool of the discs that a mask (H, W) of 0 and 1 holds."""
    core = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > radius
    if not core.any():
        return core
    away = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return away <= radius


@numba.njit(cache=True)
def _sums(
    part: np.ndarray, inner: np.ndarray, lab: np.ndarray, slope: np.ndarray, start: float
) -> tuple[int, np.ndarray, np.ndarray]:
    """Number, sum (3,) and sum of products (3, 3) of the colours of surely seen skin.

    Whole numbers, so that the result depends on no order.
    """
    count = 0
    total = np.zeros(3, np.int64)
    squares = np.zeros((3, 3), np.int64)
    for y in range(part.shape[0]):
        for x in range(part.shape[1]):
            if not inner[y, x] or part[y, x] not in (classes.SKIN, classes.NOSE):
                continue
            if slope[0] * x + slope[1] * y + start <= SKIN_BELOW:
                continue
            count += 1
            for i in range(3):
                total[i] += lab[y, x, i]
                for j in range(3):
                    squares[i, j] += np.int64(lab[y, x, i]) * np.int64(lab[y, x, j])
    return count, total, squares


@numba.njit(cache=True)
def _remove_far(
    part: np.ndarray,
    asked: np.ndarray,
    inner: np.ndarray,
    lab: np.ndarray,
    slope: np.ndarray,
    start: float,
    mean: np.ndarray,
    inverse: np.ndarray,
) -> None:
    """Skin whose colour is far from the mean becomes background, in place.

    asked (H, W) bool is set where the rule was asked at all.
    """
    for y in range(part.shape[0]):
        for x in range(part.shape[1]):
            under = slope[0] * x + slope[1] * y + start
            asked[y, x] = part[y, x] == classes.SKIN and (
                under < COLOUR_ABOVE or (under < COLOUR_BESIDE and not inner[y, x])
            )
            if not asked[y, x]:
                continue
            distance = 0.0
            for i in range(3):
                for j in range(3):
                    distance += (lab[y, x, i] - mean[i]) * inverse[i, j] * (lab[y, x, j] - mean[j])
            if distance >= COLOUR_FAR:
                part[y, x] = classes.BACKGROUND
