"""The face mesh through 68 points in space, the annotation of the iBUG group that FAN was taught.

MediaPipe's canonical face is taken by an affine map to the points and bent towards them by a
biharmonic spline. Both are linear in the points, so the whole is one matrix, made once.
"""

from functools import cache

import numpy as np
from scipy.interpolate import RBFInterpolator

from labels.canonical import VERTICES
from labels.pose import similarity
from labels.view import LabelError

# Each of the 68 points as one vertex of the mesh, or the middle between two: jaw from the subject's
# right ear to the left, right brow, left brow, nose ridge, nostrils, right eye, left eye, outer
# lips, inner lips. From tables that several projects use for the way from the mesh to the 68
# points (P. Yan, "Mediapipe_2_Dlib_Landmarks"), each checked to be the vertex next to where the
# mean face of such points lies; the jaw, where the tables differ, was set by that alone.
_PLACES: tuple[tuple[int, ...], ...] = (
    (127, 234), (234, 93), (93, 132), (132, 58), (58, 172), (172, 136), (150,), (176,), (152,),
    (400,), (379,), (365, 397), (397, 288), (288, 361), (361, 323), (323, 454), (454, 356),
    (70,), (63,), (105,), (66,), (107,), (336,), (296,), (334,), (293,), (300,),
    (168, 6), (197,), (5,), (4,), (98,), (97,), (2,), (326,), (327,),
    (33,), (160,), (158,), (133,), (153,), (144,), (362,), (385,), (387,), (263,), (373,), (380,),
    (61,), (40,), (37,), (0,), (267,), (270,), (291,), (321,), (314,), (17,), (84,), (91,),
    (78,), (82,), (13,), (312,), (308,), (317,), (14,), (87,),
)  # fmt: skip

SMOOTHING = 1.0
"""How far the spline may miss the points, in centimetres of the canonical face.

In kriging with a linear variogram it is the points' noise over the variogram's slope. On six
photographs the faces' difference from the canonical one has a slope of 0.022 cm; a heatmap of 64
cells, read to half a cell, has 0.07 cm of noise, and the networks' own comes on top: 0.15 cm is
assumed. With that noise those six faces come out best at 1; at 0, half of it folds triangles."""

MAX_MISFIT = 0.12
"""Mean distance of the points from the canonical face's, turned, moved and scaled onto them, over
their extent, from which they are no face. Real ones have 0.02 to 0.04, one inside out 0.26."""

IRIS = 0.2
"""An iris's radius over the distance of its eye's corners, as the refined mesh draws it."""

# Corners from the subject's right to the left, then the lids from corner to corner.
_EYES = (
    ((33, 133), (246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155)),
    ((362, 263), (398, 384, 385, 386, 387, 388, 466), (382, 381, 380, 374, 373, 390, 249)),
)


def points68(mesh: np.ndarray) -> np.ndarray:
    """The 68 points (68, D) float64 of a mesh (468 or 478, D): jaw, brows, nose, eyes, lips."""
    mesh = np.asarray(mesh, np.float64)
    return np.stack([mesh[list(places)].mean(0) for places in _PLACES])


def fit_mesh(points: np.ndarray) -> np.ndarray:
    """The face mesh (468, 3) float64 through 68 points (68, 3), in their unit and axes.

    The axes must be right-handed, as a picture's are: x right, y down, z away from the viewer.
    Points that are a turned, moved and scaled canonical face give exactly that face. Raises
    LabelError where the points are no face: not finite, or misfit is MAX_MISFIT or more; ValueError
    for another shape.
    """
    points = np.asarray(points, np.float64)
    if points.shape != (68, 3):
        raise ValueError(f"points must be (68, 3), not {points.shape}")
    if not np.isfinite(points).all():
        raise LabelError("the landmarks are not finite")
    if not misfit(points) < MAX_MISFIT:
        raise LabelError("the landmarks have not the shape of a face")
    return _spline() @ points


def misfit(points: np.ndarray) -> float:
    """How far 68 points (68, 3) are from a face: see MAX_MISFIT. Infinite where they coincide."""
    extent = np.ptp(points, axis=0).max()
    if extent == 0:
        return float("inf")
    return float(np.linalg.norm(similarity(_sources(), points) - points, axis=1).mean() / extent)


def with_irises(mesh: np.ndarray) -> np.ndarray:
    """A mesh (468, 3) with ten points more, (478, 3): the irises, as the refined mesh has them.

    Of the right eye, then of the left: the middle, then four around it at the picture's right, top,
    left and bottom of an upright face. The middle is that of the eye's outline and the four lie
    IRIS of the eye's width from it, in the plane of its corners and lids: where an eye looks, the
    68 points do not tell.
    """
    irises = []
    for (start, end), upper, lower in _EYES:
        middle = mesh[[start, end, *upper, *lower]].mean(0)
        across = mesh[end] - mesh[start]
        width = np.linalg.norm(across)
        along = across / max(width, np.finfo(np.float32).tiny)
        down = mesh[list(lower)].mean(0) - mesh[list(upper)].mean(0)
        down = down - (down @ along) * along
        down = down / max(np.linalg.norm(down), np.finfo(np.float32).tiny)
        around = np.stack([along, -down, -along, down]) * IRIS * width
        irises += [middle[None], middle + around]
    return np.concatenate([mesh, *irises])


@cache
def _sources() -> np.ndarray:
    """The canonical face's own 68 points, centimetres, in the axes of a picture."""
    return points68(VERTICES.astype(np.float64) * (1, -1, -1))


@cache
def _spline() -> np.ndarray:
    """The matrix (468, 68) from 68 points to the mesh.

    In space, minus the distance is the kernel of the spline that bends least (Duchon, "Splines
    minimizing rotation-invariant semi-norms in Sobolev spaces", 1977); degree 1 leaves affine maps
    unbent.
    """
    model = VERTICES.astype(np.float64) * (1, -1, -1)
    spline = RBFInterpolator(_sources(), np.eye(68), kernel="linear", degree=1, smoothing=SMOOTHING)
    return np.asarray(spline(model))
