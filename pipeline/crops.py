"""The geometry of a crop, arrays in and arrays out: one affine a frame, and drawing through it.

The crop stage itself is `crop.py`. Everything that cuts a picture out of a frame does it here.
Points are in pixels with pixel centres at +0.5: pixel i covers [i, i + 1). An affine is a 2 x 3
float64 matrix that takes frame points (x, y, 1) to crop points. All that are made here are
similarities: a turn, one scale and a shift; never a mirror, never two scales.
"""

import numpy as np

RIGHT_EYE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246]
LEFT_EYE = [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466]

# MediaPipe's canonical face seen from the front, in its face squares.
EYE_DISTANCE = 0.3577761
"""From the centre of one eye to that of the other."""
EYE_RAISE = 0.1819355
"""How far the middle between them lies above the square's centre."""

TURNED_AWAY = 0.25
"""The share of the mesh's own face square from which on the one that the eyes give is believed.
Below it (75 degrees of yaw) the line between the eyes says little of how the head is held."""

FINEST = 8
"""The most drawn pixels a crop pixel, each way; frames that shrink by more are reduced first."""
COARSEST = 4.0
"""The largest scale for OpenCV: it takes frame places in steps of 1/32, so up to 1/64 too far."""
OPENCV_SIDE = 32766
"""The longest side of a frame that OpenCV's warpAffine takes."""


class CropError(ValueError):
    """The landmarks or eyes give no crop."""


def face_square(landmarks: np.ndarray) -> tuple[float, float, float]:
    """Centre x, centre y and side of the square around the mesh.

    landmarks: N x 2 or more, frame pixels. The centre is that of the landmarks' bounding box, the
    side its longer extent. Raises CropError where they are not finite or span less than a pixel.
    """
    if not len(landmarks):
        raise CropError("there are no landmarks")
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    centre = (low.astype(np.float64) + high) / 2
    side = float((high - low).max())
    if not np.isfinite([*centre, side]).all():
        raise CropError("the landmarks are not finite")
    if side < 1:
        raise CropError("the face is smaller than a pixel")
    return float(centre[0]), float(centre[1]), side


def eye_centres(landmarks: np.ndarray) -> np.ndarray:
    """Centres (2, 2) float64 of the subject's right eye, then of the left: means of their rings.

    landmarks: 468 x 2 or more, the face mesh in frame pixels. In an unmirrored picture of an
    upright head the right eye lies left.
    """
    points = np.asarray(landmarks[:, :2], np.float64)
    return np.stack([points[RIGHT_EYE].mean(axis=0), points[LEFT_EYE].mean(axis=0)])


def crop_affine(
    landmarks: np.ndarray, mode: str, margin: float, shift: float, size: int
) -> np.ndarray:
    """Frame-to-crop affine of a square crop of `size` pixels around a face mesh.

    landmarks: 468 x 2 or more, frame pixels. mode: `box`, upright around the mesh, or `aligned`,
    eyes level and at fixed places. margin and shift: see box_affine and aligned_affine. The
    affine is (2, 3) float64. Raises CropError where the landmarks give no crop, which `aligned`
    also says of heads turned so far away that their eyes nearly coincide; ValueError for another
    mode.
    """
    if mode == "box":
        return box_affine(landmarks, margin, shift, size)
    if mode != "aligned":
        raise ValueError(f"mode must be box or aligned, not {mode!r}")
    side = face_square(landmarks)[2]
    eyes = eye_centres(landmarks)
    if np.hypot(*(eyes[1] - eyes[0])) < TURNED_AWAY * EYE_DISTANCE * side:
        raise CropError("the eyes are too close together to align by: the head is turned away")
    return aligned_affine(eyes, margin, shift, size)


def box_affine(landmarks: np.ndarray, margin: float, shift: float, size: int) -> np.ndarray:
    """Frame-to-crop affine of an upright square crop of `size` pixels.

    margin: side of the crop in face squares. shift: how far the crop's centre lies below the face
    square's, in face squares. Raises CropError as face_square does.
    """
    x, y, side = face_square(landmarks)
    scale = size / (margin * side)
    centre = np.array([x, y + shift * side])
    return np.hstack([np.eye(2) * scale, (size / 2 - scale * centre)[:, None]])


def aligned_affine(eyes: np.ndarray, margin: float, shift: float, size: int) -> np.ndarray:
    """Frame-to-crop affine of a square crop of `size` pixels in which the eyes are level.

    eyes: (2, 2) centres in frame pixels, the subject's right eye first; it comes to lie left. The
    face square is the one that MediaPipe's canonical face has for these eyes when seen from the
    front, turned with them. margin and shift: as for box_affine, down being the face's own.
    Raises CropError where the eyes are not finite or (nearly) coincide.
    """
    right, left = np.asarray(eyes, np.float64)
    if not (np.isfinite(right).all() and np.isfinite(left).all()):
        raise CropError("the eyes are not finite")
    distance = float(np.hypot(*(left - right)))
    side = distance / EYE_DISTANCE
    if side < 1:
        raise CropError("the eyes coincide")
    along = (left - right) / distance
    down = np.array([-along[1], along[0]])
    centre = (right + left) / 2 + (EYE_RAISE + shift) * side * down
    linear = size / (margin * side) * np.stack([along, down])
    return np.hstack([linear, (size / 2 - linear @ centre)[:, None]])


def inverse(affine: np.ndarray) -> np.ndarray:
    """The affine (2, 3) that leads back: inverse(A) after A is the identity. LinAlgError for one
    that cannot be inverted.
    """
    linear = np.linalg.inv(affine[:, :2])
    return np.hstack([linear, -linear @ affine[:, 2:]])


def transform(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply an affine to points (..., 2) in (x, y); the same shape."""
    return points @ affine[:, :2].T + affine[:, 2]


def corners(affine: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The corners (4, 2) of a crop in frame pixels, going around it. size: (width, height)."""
    return transform(inverse(affine), _square(*size))


def scale_of(affine: np.ndarray) -> float:
    """The scale of an affine: how long a frame pixel is in the crop, in crop pixels."""
    return float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))


def warp(
    image: np.ndarray, affine: np.ndarray, size: tuple[int, int], nearest: bool = False
) -> np.ndarray:
    """Draw `image` through `affine` on a picture of size (width, height); outside is zero (black).

    image: (H, W) or (H, W, C), uint8 or float32. affine: a similarity. Returns (height, width) or
    (height, width, C) of the same dtype. Bilinear, and where the picture shrinks, drawn at a whole
    multiple of its size and averaged, so that fine texture does not alias. `nearest` is for class
    maps: the value at each pixel's centre, never averaged.
    """
    import cv2

    affine = np.asarray(affine, np.float64)
    width, height = size
    shape = (height, width, *image.shape[2:])
    too_long = max(image.shape[:2]) > OPENCV_SIDE
    scale = scale_of(affine)
    if nearest:
        if too_long:
            return _at_places(image, affine, size)
        return _draw(image, affine, size, cv2.INTER_NEAREST).reshape(shape)
    if scale - 1e-6 > COARSEST:
        image, affine = _enlarge(image, affine, size)
    elif too_long or 1 / scale - 1e-6 > FINEST:
        image, affine = _reduce(image, affine, size)
    if not image.size:
        return np.zeros(shape, image.dtype)
    times = min(FINEST, max(1, int(np.ceil(1 / scale_of(affine) - 1e-6))))
    drawn = _draw(image, affine * times, (width * times, height * times), cv2.INTER_LINEAR)
    if times > 1:
        drawn = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
    return drawn.reshape(shape)


def _draw(image: np.ndarray, affine: np.ndarray, size: tuple[int, int], flag: int) -> np.ndarray:
    import cv2

    # OpenCV puts pixel centres at whole numbers: shift by half a pixel on both sides.
    moved = affine.copy()
    moved[:, 2] += affine[:, :2] @ [0.5, 0.5] - 0.5
    return cv2.warpAffine(image, moved, size, flags=flag, borderMode=cv2.BORDER_CONSTANT)


def _window(
    image: np.ndarray, affine: np.ndarray, size: tuple[int, int], step: int
) -> tuple[np.ndarray, np.ndarray]:
    """The part of a frame that a crop shows, in whole blocks of `step` pixels, and its corner.

    The frame goes on in black, by one block at most. Empty where the crop lies wholly outside.
    """
    import cv2

    frame = np.array(image.shape[1::-1])
    shown = corners(affine, size) / step
    # Two blocks more on all sides: bilinear drawing looks at one.
    low = np.clip(np.floor(shown.min(axis=0)) - 2, -1, frame // step + 1).astype(int) * step
    high = np.clip(np.ceil(shown.max(axis=0)) + 2, -1, frame // step + 1).astype(int) * step
    start, stop = np.clip(low, 0, frame), np.clip(high, 0, frame)
    block = image[start[1] : stop[1], start[0] : stop[0]]
    if not block.size:
        return block, low
    left, above = (int(missing) for missing in start - low)
    right, below = (int(missing) for missing in high - stop)
    return cv2.copyMakeBorder(block, above, below, left, right, cv2.BORDER_CONSTANT), low


def _reduce(
    image: np.ndarray, affine: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """What a crop shows of a frame, reduced by a whole factor (by area), and the affine for it.

    The factor is the smallest that leaves FINEST times to shrink.
    """
    import cv2

    shrink = min(1 / scale_of(affine), FINEST * max(image.shape[:2]))
    factor = max(1, int(np.ceil((shrink - 1e-6) / FINEST)))
    block, low = _window(image, affine, size, factor)
    if factor > 1 and block.size:
        reduced = (block.shape[1] // factor, block.shape[0] // factor)
        block = cv2.resize(block, reduced, interpolation=cv2.INTER_AREA)
    # Block pixel p covers frame pixels from low + factor * p on.
    return block, np.column_stack([affine[:, :2] * factor, transform(affine, low)])


def _enlarge(
    image: np.ndarray, affine: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """What a crop shows of a frame, enlarged by a whole factor, and the affine for it.

    The factor leaves at most COARSEST. It is odd: frame pixels then keep a centre among the new
    ones, and bilinear drawing of these is bilinear drawing of the frame.
    """
    import cv2

    # No face of a pixel or more asks for a larger factor; a stray one would fill the memory.
    factor = min(255, int(np.ceil(scale_of(affine) / COARSEST)) // 2 * 2 + 1)
    block, low = _window(image, affine, size, 1)
    if block.size:
        enlarged = (block.shape[1] * factor, block.shape[0] * factor)
        block = cv2.resize(block, enlarged, interpolation=cv2.INTER_LINEAR_EXACT)
    return block, np.column_stack([affine[:, :2] / factor, transform(affine, low)])


def _at_places(image: np.ndarray, affine: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The values at the crop's pixel centres, for frames that are too long for OpenCV."""
    rows, columns = np.indices(size[::-1]) + 0.5
    places = transform(inverse(affine), np.stack([columns, rows], axis=-1))
    x, y = np.moveaxis(np.floor(places), -1, 0)
    height, width = image.shape[:2]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    drawn = np.zeros((*x.shape, *image.shape[2:]), image.dtype)
    drawn[inside] = image[y[inside].astype(int), x[inside].astype(int)]
    return drawn


def padding(affine: np.ndarray, frame_size: tuple[int, int], size: int) -> float:
    """Share of a size x size crop that lies outside the frame, 0 to 1. frame_size: (width, height).

    Exact for any affine: the frame's outline as the crop sees it, cut to the crop. 0.0 where the
    crop lies inside the frame, 1.0 where it lies outside.
    """
    outline = list(transform(np.asarray(affine, np.float64), _square(*frame_size)))
    for axis in (0, 1):
        for edge, inwards in ((0.0, 1.0), (float(size), -1.0)):
            outline = _cut(outline, axis, edge, inwards)
    if len(outline) < 3:
        return 1.0
    x, y = (np.array(outline) - outline[0]).T
    inside = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    return min(1.0, max(0.0, 1.0 - inside / size**2))


def _square(width: float, height: float) -> np.ndarray:
    """The corners (4, 2) of a picture, around it."""
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)


def _cut(outline: list[np.ndarray], axis: int, edge: float, inwards: float) -> list[np.ndarray]:
    """The part of a convex outline on one side of a line along an axis (Sutherland-Hodgman)."""
    kept = []
    for i, point in enumerate(outline):
        before = outline[i - 1]
        depth, depth_before = (inwards * (corner[axis] - edge) for corner in (point, before))
        if (depth < 0) != (depth_before < 0):
            crossing = before + (point - before) * (depth_before / (depth_before - depth))
            crossing[axis] = edge
            kept.append(crossing)
        if depth >= 0:
            kept.append(point)
    return kept
