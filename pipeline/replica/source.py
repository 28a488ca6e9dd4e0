"""The photograph behind all faces: landmarks, matte, painted classes and tint masks.

The photograph is scikit-image's astronaut (Eileen Collins, NASA, public domain). All coordinates
here are pixels of the picture enlarged by SCALE, pixel centres at +0.5.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from labels import classes, landmarks
from labels.canonical import VERTICES
from pipeline.crops import LEFT_EYE, RIGHT_EYE

SCALE = 2

# The outline of the person by eye; GrabCut settles the last pixels.
_OUTLINE = [
    (445, 28), (490, 30), (540, 58), (582, 100), (602, 150), (604, 190), (592, 225), (572, 250),
    (555, 258), (550, 270), (537, 276), (527, 290), (515, 330), (511, 345), (540, 362), (577, 400),
    (602, 440), (611, 472), (640, 485), (682, 520), (702, 570), (722, 620), (730, 690), (760, 689),
    (810, 685), (872, 700), (932, 760), (977, 840), (997, 910), (1022, 940), (1024, 1024),
    (36, 1024), (50, 980), (38, 800), (48, 680), (73, 590), (108, 520), (168, 460), (224, 415),
    (226, 375), (243, 340), (278, 310), (330, 296), (366, 296), (366, 272), (350, 262), (340, 240),
    (322, 225), (308, 180), (307, 130), (328, 100), (373, 78), (395, 50),
]  # fmt: skip

# Points that carry the picture around the face: x, y in pixels, z in cm (towards the viewer, as
# in the canonical model), and the share of the head's motion that they follow.
CARRIERS = np.array(
    [
        (445, 26, -1.0, 1), (502, 30, -1.0, 1), (560, 75, -3.0, 1), (601, 150, -4.0, 1),
        (603, 195, -4.0, 1), (588, 235, -3.5, 1), (553, 264, -2.0, 1), (536, 278, -2.0, 1),
        (307, 130, -4.0, 1), (309, 185, -4.0, 1), (328, 230, -3.5, 1), (350, 263, -2.0, 1),
        (335, 95, -3.5, 1), (388, 50, -2.0, 1), (430, 80, 2.5, 1), (500, 80, 2.5, 1),
        (374, 340, -1.5, 0.55), (512, 338, -1.5, 0.55), (440, 380, 1.5, 0.3),
        (365, 297, -6.0, 0), (250, 330, -2.0, 0), (228, 400, 0.0, 0), (300, 500, 4.0, 0),
        (400, 560, 8.0, 0), (500, 580, 9.0, 0), (590, 540, 6.0, 0), (609, 470, 2.0, 0),
        (560, 380, -2.0, 0), (520, 345, -5.0, 0), (110, 520, -5.0, 0), (700, 560, -5.0, 0),
        (40, 800, -3.0, 0), (728, 690, -3.0, 0), (1023, 1023, 6.0, 0), (40, 1023, 0.0, 0),
        (512, 1023, 6.0, 0), (480, 750, 6.0, 0), (1023, 700, 0.0, 0), (0, 400, -5.0, 0),
        (1023, 300, -5.0, 0),
    ],
    np.float64,
)  # fmt: skip

# What shows of the ears below the hair.
_RIGHT_EAR = [(340, 238), (352, 236), (362, 240), (364, 264), (352, 264), (344, 254)]
_LEFT_EAR = [(536, 256), (548, 252), (556, 254), (550, 270), (538, 276), (533, 272)]

OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip
_NOSE = [8, 193, 245, 174, 129, 240, 2, 460, 358, 399, 465, 417]
_RIGHT_BROW = ([70, 63, 105, 66, 107], [46, 53, 52, 65, 55])
_LEFT_BROW = ([300, 293, 334, 296, 336], [276, 283, 282, 295, 285])
_UPPER_LIP = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291]
_LOWER_LIP = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291]
_INNER_UPPER = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
_INNER_LOWER = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]


@dataclass(frozen=True, eq=False)
class Source:
    """The prepared photograph.

    picture (H, W, 3) uint8 RGB; matte (H, W) float32 in [0, 1]; landmarks (468, 3) float64 px, z
    away from the viewer; shape (468, 3) float64 cm in the canonical frame; carriers (E, 3) the
    same for CARRIERS; classes (H, W) uint8; skin, hair, cloth (H, W) float32 masks in [0, 1].
    """

    picture: np.ndarray
    matte: np.ndarray
    landmarks: np.ndarray
    shape: np.ndarray
    carriers: np.ndarray
    classes: np.ndarray
    skin: np.ndarray
    hair: np.ndarray
    cloth: np.ndarray


def _polygon(shape: tuple[int, int], points: np.ndarray | list[tuple[int, int]]) -> np.ndarray:
    """True where a pixel's centre lies in the polygon (within 1/16 of a pixel)."""
    fine = 4
    mask = np.zeros((shape[0] * fine, shape[1] * fine), np.uint8)
    corners = np.rint((np.asarray(points, np.float64)) * fine - 0.5).astype(np.int32)
    cv2.fillPoly(mask, [corners[:, None]], (1,))
    return mask[fine // 2 :: fine, fine // 2 :: fine] > 0


def _matte(small: np.ndarray) -> np.ndarray:
    outline = (np.array(_OUTLINE, np.float64) / SCALE).astype(np.int32)
    inside = np.zeros(small.shape[:2], np.uint8)
    cv2.fillPoly(inside, [outline[:, None]], (1,))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    mask = np.where(inside > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[cv2.erode(inside, disc, borderValue=1) > 0] = cv2.GC_FGD
    mask[cv2.dilate(inside, disc) == 0] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(small, mask, None, *models, 4, cv2.GC_INIT_WITH_MASK)
    sure = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(sure)
    sure = (parts == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])).astype(np.float32)
    size = (small.shape[1] * SCALE, small.shape[0] * SCALE)
    soft = cv2.resize(cv2.GaussianBlur(sure, (0, 0), 0.8), size, interpolation=cv2.INTER_CUBIC)
    # Drawn in by a pixel, since the outermost hairs carry the studio's pale wall with them.
    return np.clip((soft - 0.5) * 1.9, 0, 1).astype(np.float32)


def _landmarks(small: np.ndarray) -> np.ndarray:
    """All 478 refined landmarks (478, 3) of the small picture, in its pixels."""
    x, y, side, zoom = 110, 0, 240, 3
    region = cv2.resize(
        small[y : y + side, x : x + side], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC
    )
    with landmarks.load("embedded") as mesh:
        face = mesh.find(region)[0]
    return face.landmarks_refined.astype(np.float64) / zoom + (x, y, 0)


def _fit(moving: np.ndarray, fixed: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale s, rotation R, shift t with fixed ~ s * moving @ R.T + t (least squares, Umeyama)."""
    a, b = moving.mean(0), fixed.mean(0)
    u, d, vt = np.linalg.svd((fixed - b).T @ (moving - a))
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = float((d * sign).sum() / ((moving - a) ** 2).sum())
    return scale, rotation, b - scale * rotation @ a


def _brow(points: np.ndarray, upper: list[int], lower: list[int]) -> np.ndarray:
    top, bottom = points[upper], points[lower]
    gap = (bottom - top) / 5
    edge = np.concatenate([top - gap, (bottom + gap)[::-1]])
    middle = edge.mean(0)
    return middle + (edge - middle) * (0.92, 1.0)


def _paint(landmarks: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Classes (H, W) uint8, painted by polygons of the refined landmarks, as they are seen."""
    p = landmarks[:, :2]
    out = np.zeros(skin.shape, np.uint8)

    def paint(points: np.ndarray | list[tuple[int, int]], number: int) -> None:
        out[_polygon((skin.shape[0], skin.shape[1]), points)] = number

    oval = p[OVAL].copy()
    line = (p[33, 1] + p[263, 1]) / 2
    high = oval[:, 1] < line
    oval[high, 1] = line + (oval[high, 1] - line) * 1.3
    inside = _polygon((skin.shape[0], skin.shape[1]), oval)
    rows = np.arange(skin.shape[0])[:, None]
    # Below the cheekbones all of the oval is skin; above them the fringe hides some.
    out[inside & ((skin > 0.5) | (rows > p[1, 1]))] = classes.SKIN
    paint(_RIGHT_EAR, classes.RIGHT_EAR)
    paint(_LEFT_EAR, classes.LEFT_EAR)
    paint(p[_NOSE], classes.NOSE)
    paint(_brow(p, *_RIGHT_BROW), classes.RIGHT_BROW)
    paint(_brow(p, *_LEFT_BROW), classes.LEFT_BROW)
    paint(p[RIGHT_EYE], classes.RIGHT_EYE)
    paint(p[LEFT_EYE], classes.LEFT_EYE)
    paint(p[_INNER_UPPER + _INNER_LOWER[::-1]], classes.MOUTH)
    paint(p[_LOWER_LIP + _INNER_LOWER[::-1]], classes.LOWER_LIP)
    paint(p[_UPPER_LIP + _INNER_UPPER[::-1]], classes.UPPER_LIP)
    return out


def _masks(picture: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    height, width = picture.shape[:2]
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    rows, columns = np.mgrid[0:height, 0:width]
    head = (rows < 385) & (columns > 300) & (columns < 610)
    inner = lab[200:330, 385:515].reshape(-1, 3)
    inverse = np.linalg.inv(np.cov(inner.T) + np.diag([60.0, 6.0, 6.0]))
    offset = lab - inner.mean(0)
    distance = np.einsum("hwi,ij,hwj->hw", offset, inverse, offset)
    # The fringe is of nearly the skin's colour: above its edge nothing is skin.
    fringe = 150 + (columns - 365) * 0.16
    near_face = (columns > 338) & (columns < 558) & (rows > fringe)
    skin = head & near_face & (distance < 9)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    opened = cv2.morphologyEx(skin.astype(np.uint8), cv2.MORPH_OPEN, disc)
    _, parts = cv2.connectedComponents(opened)
    skin = parts == parts[int(landmarks[1, 1]), int(landmarks[1, 0])]
    # Eyes, brows, mouth and shadows of the face lie inside the skin for tinting's sake.
    oval = landmarks[OVAL, :2]
    middle = oval.mean(0)
    low = _polygon((height, width), middle + (oval - middle) * 0.97) & (rows > landmarks[9, 1])
    skin = (skin | low) & (rows < 378)
    hair = head & (rows < 275) & ~skin
    # The suit is the orange there is; grown by a little, so that no seam of it keeps its colour.
    orange = (hsv[..., 0] < 16) & (hsv[..., 1] > 110) & (hsv[..., 2] > 60) & (rows > 400)
    cloth = cv2.dilate(orange.astype(np.uint8), disc) > 0
    soft = [cv2.GaussianBlur(m.astype(np.float32), (0, 0), 2.0) for m in (skin, hair, cloth)]
    return soft[0], soft[1], soft[2]


@lru_cache(maxsize=1)
def load_source() -> Source:
    """Prepare the photograph once in a process (about two seconds, most of it mediapipe).

    Sets OpenCV to one thread, so that the bytes do not depend on the cores.
    """
    import skimage.data

    cv2.setNumThreads(1)
    small = skimage.data.astronaut()
    picture = cv2.resize(small, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    refined = _landmarks(small) * SCALE
    points = refined[:468]
    # Into the canonical frame: y up, z towards the viewer, centimetres. The mesh's own z is only
    # half trusted: its mixture with the canonical shape gives a natural, well-proportioned head.
    scale, rotation, shift = _fit(points * (1, -1, -1), VERTICES.astype(np.float64))
    own = scale * (points * (1, -1, -1)) @ rotation.T + shift
    shape = VERTICES + (own - VERTICES) * (0.6, 0.6, 0.5)
    # Carriers: x, y as in the picture (un-rotated at the depth they are given).
    flat = np.column_stack([CARRIERS[:, :2] * (1, -1), np.zeros(len(CARRIERS))])
    placed = scale * flat @ rotation.T + shift
    axis = rotation @ np.array([0, 0, 1.0])
    placed += ((CARRIERS[:, 2] - placed[:, 2]) / axis[2])[:, None] * axis
    skin, hair, cloth = _masks(picture, points)
    return Source(
        picture=picture,
        matte=_matte(small),
        landmarks=points,
        shape=shape,
        carriers=placed,
        classes=_paint(refined, skin),
        skin=skin,
        hair=hair,
        cloth=cloth,
    )
