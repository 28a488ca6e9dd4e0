"""Mirroring left to right: picture, classes, depth and landmarks together, none forgotten.

The subject's left becomes their right. For users of bundles and labels (docs/labels.md); nothing
else here calls it. train/, which runs without labels/, mirrors its batches by
train/batches/augment.py, and tests hold that both do the same.
"""

import numpy as np

from labels import classes
from labels.canonical import VERTICES
from labels.view import View

_IRISES = {468: 473, 469: 476, 470: 475, 471: 474, 472: 477}
"""Centre, point towards the subject's left, upper, towards their right, lower: of the right iris
468 to 472 and of the left one 473 to 477, both in this order."""


def _mirror() -> np.ndarray:
    across = VERTICES * np.array([-1, 1, 1], np.float32)
    away = ((across[:, None] - VERTICES) ** 2).sum(2)
    numbers = np.arange(478)
    numbers[:468] = away.argmin(1)
    for right, left in _IRISES.items():
        numbers[right], numbers[left] = left, right
    numbers.setflags(write=False)
    return numbers


MIRROR = _mirror()
"""(478,) the landmark at the same place of the face's other half; the plain mesh has 468."""


def flip_landmarks(landmarks: np.ndarray, width: float) -> np.ndarray:
    """Landmarks (..., 468 or 478, 3) of the mirrored picture, which is `width` pixels wide.

    x, y and z in its pixels; the dtype stays. Raises ValueError for another number of landmarks.
    """
    count = landmarks.shape[-2]
    if count not in (468, 478) or landmarks.shape[-1] != 3:
        raise ValueError(f"landmarks must be (..., 468 or 478, 3), not {landmarks.shape}")
    flipped = landmarks[..., MIRROR[:count], :]
    flipped[..., 0] = width - flipped[..., 0]
    return flipped


def flip_affine(affine: np.ndarray, frame_width: float, width: float) -> np.ndarray:
    """The (2, 3) float64 affine from the mirrored frame to the mirrored picture.

    affine: (2, 3), frame to picture; frame_width, width: of frame and picture, pixels.
    """
    flipped = np.array(affine, np.float64)
    flipped[:, 2] += flipped[:, 0] * frame_width
    flipped[:, 0] *= -1
    flipped[0] *= -1
    flipped[0, 2] += width
    return flipped


def flip_view(view: View) -> View:
    """The view of the mirrored frame: its labels are those of `view`, mirrored."""
    frame_width = view.frame_size[0]
    loose, loose_affine = view.loose, view.loose_affine
    if loose is not None:
        loose = flip_picture(loose)
    if loose_affine is not None:
        side = 512 if loose is None else loose.shape[1]
        loose_affine = flip_affine(loose_affine, frame_width, side)
    return view._replace(
        picture=flip_picture(view.picture),
        affine=flip_affine(view.affine, frame_width, view.picture.shape[1]),
        landmarks=flip_landmarks(view.landmarks, frame_width),
        landmarks_refined=flip_landmarks(view.landmarks_refined, frame_width),
        loose=loose,
        loose_affine=loose_affine,
    )


def flip_sample(
    image: np.ndarray, depth: np.ndarray, parsing: np.ndarray, landmarks: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All of one sample, mirrored.

    image: (H, W, 3). depth: (h, w). parsing: (H, W) uint8 classes. landmarks: (468 or 478, 3) in
    pixels of the image (a bundle's are in frame pixels: take them through its affine first). Raises
    ValueError as flip_landmarks.
    """
    return (
        flip_picture(image),
        np.ascontiguousarray(depth[..., ::-1]),
        classes.flip(parsing),
        flip_landmarks(landmarks, image.shape[1]),
    )


def flip_picture(image: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3), mirrored."""
    return np.ascontiguousarray(image[:, ::-1])
