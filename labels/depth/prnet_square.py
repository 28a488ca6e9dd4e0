"""What PRNet sees of a picture: the authors' square around the face, and the affine to it."""

import cv2
import numpy as np

from labels.affines import scale_of
from labels.depth.position_map import SIDE
from labels.view import LabelError

REACH = 1.6
"""Side of the square that the network sees, in boxes of the face: the authors' value."""

# Of the face mesh, what bounds PRNet's own 68 landmarks: jaw from ear to ear, brows, nose tip.
BOX = [
    356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58,
    132, 93, 234, 127, 70, 63, 105, 66, 107, 300, 293, 334, 296, 336, 1, 4,
]  # fmt: skip


def square_affine(landmarks: np.ndarray) -> np.ndarray:
    """The affine (2, 3) float64 from a picture to what the network sees of it.

    landmarks: (468, 2 or more) in the picture's pixels, centres at +0.5. As the authors do it: the
    box around jaw, brows and nose; the square has its centre, and 1.6 times the mean of its sides
    lies between the centres of the first and the last of 256 pixels. LabelError where there is no
    box.
    """
    points = np.asarray(landmarks[BOX, :2], np.float64)
    low, high = points.min(0), points.max(0)
    side = REACH * float((high - low).mean())
    if not np.isfinite(side) or side < 1:
        raise LabelError("the landmarks span no box")
    scale = (SIDE - 1) / side
    return np.column_stack([np.eye(2) * scale, SIDE / 2 - scale * (low + high) / 2])


def cut_square(picture: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """What the network sees (3, 256, 256) float32 in [0, 1] of a picture (H, W, 3) uint8.

    Bilinear; where it shrinks, drawn at a whole multiple and averaged. Outside is black.
    """
    times = min(8, max(1, int(np.ceil(1 / scale_of(affine) - 1e-6))))
    large = affine * times
    large[:, 2] += large[:, :2].sum(1) / 2 - 0.5  # OpenCV counts from pixel centres
    drawn = cv2.warpAffine(
        picture.astype(np.float32), large, (SIDE * times, SIDE * times), flags=cv2.INTER_LINEAR
    )
    drawn = cv2.resize(drawn, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(drawn.transpose(2, 0, 1)) / np.float32(255)
