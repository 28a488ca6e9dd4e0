"""Skin and hair told apart by colour, where the mesh's outline cannot: two rules for it.

Both take away skin and nothing else, and only where hair can be: above the eyes and beside them.
"""

from typing import NamedTuple

import cv2
import numba
import numpy as np

from labels import classes
from labels.parsing.polygons import OVAL, Axes, fill

RULES = "colour", "grabcut"

# Lengths in distances between the outer corners of the eyes.
HAIR_ABOVE = -0.15
"""Hair is looked for in all that lies this far under the line of the eyes, or higher,"""
HAIR_BESIDE = 0.5, 1.0
"""and near the oval's edge, in a band that narrows to nothing between these."""
SKIN_BELOW = 0.1
"""The skin's colour is taken from this far under it: there is no hair, and no shadow of a cap."""
SKIN_INNER = 0.85
"""and from the oval shrunk by this, clear of neck and background; the band is what it leaves."""
STRAND = 0.075
"""Half the width of the strands that are cut off: skin has none, hair lit like skin has."""
SMOOTH = 0.015
"""Deviation of the blur before colours are compared: pores and camera noise tell nothing."""
COLOUR_FAR = 16.0
"""Squared Mahalanobis distance from which a colour is not the skin's."""
COLOUR_SPREAD = np.diag([100.0, 5.0, 5.0])
"""Added to the covariance in Lab (8 bit): a forehead may be lit otherwise than cheeks."""
AROUND = 0.35
"""GrabCut learns what is not skin from the picture this far around the face."""
GRABCUT_SIDE = 192
"""It sees the face in at most so many pixels, so that its time is bounded."""
GRABCUT_STEPS = 2


class Face(NamedTuple):
    """The part of a picture that a face takes, seen from its own axes.

    part: (h, w) uint8 classes, a view that is written to. image: (h, w, 3) uint8 RGB. nearest:
    (h, w) the nearest pixel with a known colour, counted row by row, or None where all are known;
    the image shows its colour. inner, band: (h, w) uint8, 1 inside the shrunk oval, and inside what
    the band leaves. slope . (column, row) + start is a pixel's height under the line of the eyes.
    length: the distance between the outer corners of the eyes in pixels.
    """

    part: np.ndarray
    image: np.ndarray
    nearest: np.ndarray | None
    inner: np.ndarray
    band: np.ndarray
    slope: np.ndarray
    start: float
    length: float


def clear_hair(
    parsing: np.ndarray,
    image: np.ndarray,
    points: np.ndarray,
    axes: Axes,
    known: np.ndarray | None = None,
    rule: str = "colour",
) -> None:
    """Skin that has not the colour of skin becomes background, in place.

    parsing: (H, W) uint8 classes. image: (H, W, 3) uint8 RGB. points: (478, 2) pixels. known:
    (H, W) bool, where the image shows the frame and not the black outside (None: everywhere); the
    nearest colour known stands for the others. rule: `colour` compares with the colour of cheeks
    and nose, and cuts strands; `grabcut` separates the face from what surrounds it. What is no
    longer joined to the nose then is background too. Raises ValueError for another rule.
    """
    if rule not in RULES:
        raise ValueError(f"hair must be one of {', '.join(RULES)}, not {rule!r}")
    face = _face(parsing, image, points, axes, known, AROUND if rule == "grabcut" else 0)
    if face is None or not (_by_grabcut(face) if rule == "grabcut" else _by_colour(face)):
        return
    part = face.part
    _, pieces = cv2.connectedComponents((part != 0).astype(np.uint8), connectivity=4)
    nose = pieces[part == classes.NOSE]
    if nose.size:
        part[pieces != np.bincount(nose).argmax()] = classes.BACKGROUND


def _face(
    parsing: np.ndarray,
    image: np.ndarray,
    points: np.ndarray,
    axes: Axes,
    known: np.ndarray | None,
    around: float,
) -> Face | None:
    """The face and so much around it; None where the picture shows nothing of it."""
    rows, columns = parsing.any(1).nonzero()[0], parsing.any(0).nonzero()[0]
    if not rows.size:
        return None
    more = int(around * axes.length)
    top, left = max(rows[0] - more, 0), max(columns[0] - more, 0)
    window = np.s_[top : rows[-1] + 1 + more, left : columns[-1] + 1 + more]
    part = parsing[window]
    corner = np.array([left, top])
    oval = points[OVAL] - corner
    away = oval - oval.mean(0)
    slope = axes.down / axes.length
    start = float((corner + 0.5 - axes.middle) @ slope)
    inner, band = np.zeros_like(part), np.zeros_like(part)
    fill(inner, oval.mean(0) + SKIN_INNER * away, 1)
    under = (oval - 0.5) @ slope + start
    share = np.interp(under, HAIR_BESIDE, (SKIN_INNER, 1.0))
    fill(band, oval.mean(0) + share[:, None] * away, 1)
    image, nearest = image[window], None
    if known is not None and not known[window].all():
        if not known[window].any():
            return None
        nearest = _nearest(known[window])
        image = image.reshape(-1, 3)[nearest]
    return Face(part, image, nearest, inner, band, slope, start, axes.length)


def _nearest(known: np.ndarray) -> np.ndarray:
    """The nearest pixel (h, w) of a mask (h, w) bool, counted row by row."""
    # Every pixel of the mask has a number, and every other one gets that of the nearest.
    _, number = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.zeros(number.max() + 1, np.intp)
    places[number[known]] = np.flatnonzero(known)
    return places[number]


def _by_colour(face: Face) -> bool:
    """Takes away what is far from the mean colour of cheeks and nose; False where too few."""
    part = face.part
    lab = cv2.cvtColor(np.ascontiguousarray(face.image), cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), SMOOTH * face.length)
    count, total, squares = _sums(part, face.inner, lab, face.slope, face.start)
    if count < 3:  # too small or cut off: no colour to go by
        return False
    mean = total / count
    spread = (squares - np.outer(total, total) / count) / (count - 1) + COLOUR_SPREAD
    judged = np.zeros(part.shape, bool)
    _remove_far(part, judged, face.band, lab, face.slope, face.start, mean, np.linalg.inv(spread))
    left = part != 0
    if face.nearest is not None:  # what the frame's border cuts goes on behind it
        left = left.ravel()[face.nearest]
    part[judged & ~_open(left.astype(np.uint8), STRAND * face.length)] = classes.BACKGROUND
    return True


def _open(mask: np.ndarray, radius: float) -> np.ndarray:
    """The union (H, W) bool of the discs that a mask (H, W) of 0 and 1 holds, within 2%."""
    core = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_5) > radius
    if not core.any():
        return core
    away = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return away <= radius


def _by_grabcut(face: Face) -> bool:
    """Takes away what GrabCut gives to the surroundings; False where no skin is sure."""
    part = face.part
    height, width = part.shape
    under = face.slope[0] * np.arange(width) + face.slope[1] * np.arange(height)[:, None]
    under += face.start
    skin = (part == classes.SKIN) | (part == classes.NOSE)
    sure = skin & (face.inner > 0) & (under > SKIN_BELOW)
    seeds = np.where(part > 0, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_BGD))
    seeds[sure] = cv2.GC_FGD
    # Brows, eyes and mouth would teach it that a face is dark too: they are painted over.
    image = face.image.copy()
    if sure.any():
        image[(part > 0) & ~skin] = face.image[sure].mean(0)
    if face.nearest is not None:
        seeds, image = seeds.ravel()[face.nearest], image.reshape(-1, 3)[face.nearest]
    size = np.array([width, height])
    if size.max() > GRABCUT_SIDE:
        size = np.maximum(1, np.rint(size * GRABCUT_SIDE / size.max()).astype(int))
        image = cv2.resize(image, size.tolist(), interpolation=cv2.INTER_AREA)
        seeds = cv2.resize(seeds, size.tolist(), interpolation=cv2.INTER_NEAREST_EXACT)
    if not (seeds == cv2.GC_FGD).any() or not (seeds == cv2.GC_BGD).any():
        return False
    own = (seeds != cv2.GC_BGD).astype(np.float32)
    cv2.setRNGSeed(0)  # its k-means draws: each face alike, whatever came before
    outside, inside = np.zeros((2, 1, 65))
    cv2.grabCut(image, seeds, None, outside, inside, GRABCUT_STEPS, cv2.GC_INIT_WITH_MASK)
    kept = np.isin(seeds, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    if kept.shape != part.shape:
        # The share of the face's own pixels, so that its outline stays the mesh's.
        own = cv2.resize(own, (width, height), interpolation=cv2.INTER_LINEAR)
        kept = cv2.resize(kept, (width, height), interpolation=cv2.INTER_LINEAR)
        kept /= np.maximum(own, 1e-6)
    judged = (part == classes.SKIN) & ((under < HAIR_ABOVE) | (face.band == 0))
    part[judged & (kept < 0.5)] = classes.BACKGROUND
    return True


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
    judged: np.ndarray,
    band: np.ndarray,
    lab: np.ndarray,
    slope: np.ndarray,
    start: float,
    mean: np.ndarray,
    inverse: np.ndarray,
) -> None:
    """Skin whose colour is far from the mean becomes background, in place.

    judged (H, W) bool is set where hair can be, and the rule is applied.
    """
    for y in range(part.shape[0]):
        for x in range(part.shape[1]):
            judged[y, x] = part[y, x] == classes.SKIN and (
                not band[y, x] or slope[0] * x + slope[1] * y + start < HAIR_ABOVE
            )
            if not judged[y, x]:
                continue
            distance = 0.0
            for i in range(3):
                for j in range(3):
                    distance += (lab[y, x, i] - mean[i]) * inverse[i, j] * (lab[y, x, j] - mean[j])
            if distance >= COLOUR_FAR:
                part[y, x] = classes.BACKGROUND
