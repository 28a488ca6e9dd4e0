"""The geometry of crops: one affine a frame, pure and invertible. Nobody crops elsewhere.

Points are in pixels with pixel centres at +0.5: pixel i covers [i, i + 1). An affine is a 2 x 3
float64 matrix that takes frame points (x, y, 1) to crop points.
"""

import numpy as np


def face_square(landmarks: np.ndarray) -> tuple[float, float, float]:
    """Centre x, centre y and side of the square around the mesh.

    landmarks: N x 2 or more, frame pixels. The centre is that of the landmarks' bounding box, the
    side its longer extent.
    """
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    centre = (low.astype(np.float64) + high) / 2
    return float(centre[0]), float(centre[1]), float((high - low).max())


def box_affine(landmarks: np.ndarray, margin: float, shift: float, size: int) -> np.ndarray:
    """Frame-to-crop affine of an upright square crop of `size` pixels.

    margin: side of the crop in face squares. shift: how far the crop's centre lies below the face
    square's, in face squares.
    """
    x, y, side = face_square(landmarks)
    scale = size / (margin * side)
    centre = np.array([x, y + shift * side])
    return np.hstack([np.eye(2) * scale, (size / 2 - scale * centre)[:, None]])


def inverse(affine: np.ndarray) -> np.ndarray:
    """The affine that leads back: inverse(A) after A is the identity."""
    linear = np.linalg.inv(affine[:, :2])
    return np.hstack([linear, -linear @ affine[:, 2:]])


def transform(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply an affine to N x 2 points."""
    return points @ affine[:, :2].T + affine[:, 2]


def scale_of(affine: np.ndarray) -> float:
    """Crop pixels a frame pixel."""
    return float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))


def warp(
    image: np.ndarray, affine: np.ndarray, size: tuple[int, int], nearest: bool = False
) -> np.ndarray:
    """Draw `image` through `affine` on a picture of size (width, height); outside is zero (black).

    image: H x W or H x W x C, uint8 or float32. Bilinear, and where the picture shrinks, drawn at
    a whole multiple of its size and averaged, so that fine texture does not alias. `nearest` is
    for class maps: the value at each pixel's centre, never averaged.
    """
    import cv2

    def draw(matrix: np.ndarray, width: int, height: int, flag: int) -> np.ndarray:
        # OpenCV puts pixel centres at whole numbers: shift by half a pixel on both sides.
        moved = matrix.copy()
        moved[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
        return cv2.warpAffine(
            image, moved, (width, height), flags=flag, borderMode=cv2.BORDER_CONSTANT
        )

    width, height = size
    if nearest:
        return draw(affine, width, height, cv2.INTER_NEAREST)
    times = min(8, max(1, int(np.ceil(1 / scale_of(affine) - 1e-6))))
    drawn = draw(affine * times, width * times, height * times, cv2.INTER_LINEAR)
    if times == 1:
        return drawn
    return cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)


def padding(affine: np.ndarray, frame_size: tuple[int, int], size: int) -> float:
    """Share of an upright size x size crop that lies outside the frame (width, height), 0 to 1."""
    corners = transform(inverse(affine), np.array([[0.0, 0.0], [size, size]]))
    low = np.clip(corners[0], 0, frame_size)
    high = np.clip(corners[1], 0, frame_size)
    inside = float(np.prod(high - low) / np.prod(corners[1] - corners[0]))
    return 1.0 - inside
