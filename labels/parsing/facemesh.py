"""Face parsing from the refined face mesh: polygons, and a colour rule for the forehead.

No weights beyond the mesh's own. Ears and eyeglasses cannot be told from a mesh: never given.
"""

from collections.abc import Sequence

import numpy as np

from labels import classes
from labels.affines import scale_of
from labels.canonical import TRIANGLES
from labels.frames import clear_outside, drawn_mask
from labels.parsing.polygons import (
    NOSE_TRIANGLES,
    Axes,
    face_axes,
    fill,
    outlines,
    raise_forehead,
)
from labels.parsing.skin import RULES, clear_hair
from labels.view import LabelError, View
from labels.zbuffer import zbuffer

# Lengths in distances between the outer corners of the eyes.
BEHIND_NOSE = 0.03
"""A part is hidden where the nose lies nearer than the part's own plane by more."""
BEHIND_FACE = 0.3
"""The same for the whole face, on brows and eyes: brows are bent, so it lets more through."""
BROWS_AND_EYES = (classes.LEFT_BROW, classes.RIGHT_BROW, classes.LEFT_EYE, classes.RIGHT_EYE)


class Parser:
    """Views in, classes out; made_on says what its bytes depend on beside the program."""

    made_on = "cpu"

    def __init__(self, hair: str) -> None:
        self._hair = hair

    def __call__(self, views: Sequence[View]) -> list[np.ndarray | LabelError]:
        """Classes (H, W) uint8 of each view's picture, or why there are none."""
        return [self._one(view) for view in views]

    def _one(self, view: View) -> np.ndarray | LabelError:
        try:
            parsing = parse(
                view.picture, view.landmarks_refined, view.affine, view.frame_size, self._hair
            )
        except LabelError as error:
            return error
        return parsing if parsing.any() else LabelError("the face lies outside of the frame")


def load(hair: str = "colour") -> Parser:
    """The back end. hair: the rule that tells hair from skin, `colour` or `grabcut`.

    Raises ValueError for another rule.
    """
    if hair not in RULES:
        raise ValueError(f"hair must be one of {', '.join(RULES)}, not {hair!r}")
    return Parser(hair)


def parse(
    image: np.ndarray,
    landmarks_refined: np.ndarray,
    affine: np.ndarray,
    frame_size: tuple[int, int] | None = None,
    hair: str = "colour",
) -> np.ndarray:
    """Classes (H, W) uint8 of labels.classes of one face in a picture.

    image: (H, W, 3) uint8 RGB, a crop or a whole frame. landmarks_refined: (478, 3) frame pixels.
    affine: (2, 3) frame to picture, without shear (the identity for a whole frame). frame_size:
    (width, height); outside of the frame all is background (None: the frame covers the picture).
    hair: how hair over the skin is found, see labels.parsing.skin.
    Left and right are the subject's own. Parts of the face that lie behind others are not seen.
    Raises LabelError where the landmarks are no face, ValueError for other shapes, dtypes or rules.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
    if landmarks_refined.shape != (478, 3):
        raise ValueError(f"landmarks must be (478, 3), not {landmarks_refined.shape}")
    if not np.isfinite(landmarks_refined).all():
        raise LabelError("the landmarks are not finite")
    affine = np.asarray(affine, np.float64)
    points = landmarks_refined[:, :2] @ affine[:, :2].T + affine[:, 2]
    nearness = -landmarks_refined[:, 2] * scale_of(affine)
    axes = face_axes(points)
    height, width = image.shape[:2]
    if axes.length > height + width:  # filters grow with it, and would never end
        raise LabelError("the corners of the eyes lie too far apart for a face")
    parsing = _draw(points, nearness, axes, height, width)
    known = None
    if frame_size is not None:
        clear_outside(parsing, affine, frame_size)
        known = drawn_mask(affine, frame_size, height, width)
    clear_hair(parsing, image, points, axes, known, hair)
    return parsing


def _draw(
    points: np.ndarray, nearness: np.ndarray, axes: Axes, height: int, width: int
) -> np.ndarray:
    """Classes (height, width) uint8 by the mesh alone."""
    skin = zbuffer(_vertices(raise_forehead(points), nearness), TRIANGLES, height, width)
    nose = zbuffer(_vertices(points, nearness), NOSE_TRIANGLES, height, width)
    nose -= np.float32(BEHIND_NOSE * axes.length)
    before_eyes = np.fmax(nose, skin - np.float32(BEHIND_FACE * axes.length))

    parsing = np.where(np.isfinite(skin), np.uint8(classes.SKIN), np.uint8(classes.BACKGROUND))
    for part in outlines(points):
        if part.value == classes.NOSE:
            fill(parsing, part.polygon, part.value)
            continue
        # Lips are too bent for a plane: only the nose can hide them.
        surface = before_eyes if part.value in BROWS_AND_EYES else nose
        plane = fit_plane(points[part.landmarks], nearness[part.landmarks])
        fill(parsing, part.polygon, part.value, surface, plane)
    return parsing


def _vertices(points: np.ndarray, nearness: np.ndarray) -> np.ndarray:
    return np.column_stack([points, nearness])[:468]


def fit_plane(points: np.ndarray, nearness: np.ndarray) -> np.ndarray:
    """(3,) a, b, c of the plane a x + b y + c closest to nearness (N,) at points (N, 2).

    Points on one line, as of a part seen edge-on, leave the slope across it at 0.
    """
    middle, level = points.mean(0), nearness.mean()
    away = points - middle
    xx, xy, yy = (float(away[:, i] @ away[:, j]) for i, j in ((0, 0), (0, 1), (1, 1)))
    x, y = away.T @ (nearness - level)
    little = 1e-9 * (1 + xx + yy)
    xx, yy = xx + little, yy + little
    area = xx * yy - xy * xy
    slope = np.array([yy * x - xy * y, xx * y - xy * x]) / area
    return np.array([*slope, level - middle @ slope])
