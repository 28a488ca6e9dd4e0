"""What networks see of a frame: all of it, reduced, or an upright square around one face."""

import cv2
import numpy as np

PATCH = 192
"""Side in pixels of what the mesh networks see."""

REACH = 1.5
"""The patch's side over the longer side of the face's box; MediaPipe's own value."""


def fitted_size(image: np.ndarray, side: int) -> tuple[int, int]:
    """Width and height in pixels, at least 1, of a picture (H, W, 3) with `side` the longer one."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """A picture (H, W, 3), reduced by area to `side` where its longer side is longer than that."""
    if max(image.shape[:2]) <= side:
        return image
    return cv2.resize(image, fitted_size(image, side), interpolation=cv2.INTER_AREA)


def patch_affine(
    box: np.ndarray, eyes: np.ndarray, side: int = PATCH, reach: float = REACH
) -> np.ndarray:
    """The 2 x 3 affine from frame to patch: box (4,) in the middle, eyes (2, 2) level.

    side: of the patch, pixels. The box's longer side fills 1 / reach of it; no mirroring.
    """
    centre = np.array([box[0] + box[2], box[1] + box[3]], np.float64) / 2
    scale = side / (reach * max(box[2] - box[0], box[3] - box[1]))
    along = (eyes[1] - eyes[0]).astype(np.float64)
    length = np.hypot(*along)
    cos, sin = along / length if length > 0 else (1.0, 0.0)
    turn = scale * np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([turn, side / 2 - turn @ centre])


def cut_patch(image: np.ndarray, affine: np.ndarray, side: int = PATCH) -> np.ndarray:
    """The patch (side, side, 3) uint8 of an affine; outside the picture its border is repeated.

    Large faces are first shrunk by whole factors by the mean of the area: bilinear sampling alone
    would skip most of their pixels.
    """
    back = cv2.invertAffineTransform(affine)
    corners = np.array([(0, 0), (side, 0), (0, side), (side, side)]) @ back[:, :2].T
    corners += back[:, 2]
    factor = int(max(1.0, np.hypot(back[0, 0], back[1, 0])))
    height, width = image.shape[:2]
    margin = 2 * factor
    low = np.clip(np.floor(corners.min(0)) - margin, 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + margin, low + 1, [width, height]).astype(int)
    block = image[low[1] : high[1], low[0] : high[0]]
    if factor > 1:
        down, right = (-(high - low) % factor)[::-1]
        block = cv2.copyMakeBorder(block, 0, int(down), 0, int(right), cv2.BORDER_REPLICATE)
        size = (block.shape[1] // factor, block.shape[0] // factor)
        block = cv2.resize(block, size, interpolation=cv2.INTER_AREA)
    # block pixel p stands at frame place low + factor * p; OpenCV counts from pixel centres.
    turn = affine[:, :2] * factor
    shift = affine[:, :2] @ low + affine[:, 2] + turn @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(
        np.ascontiguousarray(block),
        np.column_stack([turn, shift]),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def to_frame(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Points (N, 3) in patch pixels as float32 frame pixels; z is scaled alike.

    affine: (2, 3) frame to patch, without shear.
    """
    back = cv2.invertAffineTransform(affine)
    landmarks = np.empty_like(points)
    landmarks[:, :2] = points[:, :2] @ back[:, :2].T + back[:, 2]
    landmarks[:, 2] = points[:, 2] / np.hypot(affine[0, 0], affine[1, 0])
    return landmarks.astype(np.float32)
