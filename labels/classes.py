"""The thirteen face-parsing classes of the paper, in one table.

Left is the subject's own left, which lies at the right of an unmirrored picture.
"""

import numpy as np

NAMES = (
    "background",
    "skin",
    "left brow",
    "right brow",
    "left eye",
    "right eye",
    "eyeglasses",
    "left ear",
    "right ear",
    "nose",
    "mouth",
    "upper lip",
    "lower lip",
)
(
    BACKGROUND,
    SKIN,
    LEFT_BROW,
    RIGHT_BROW,
    LEFT_EYE,
    RIGHT_EYE,
    EYEGLASSES,
    LEFT_EAR,
    RIGHT_EAR,
    NOSE,
    MOUTH,
    UPPER_LIP,
    LOWER_LIP,
) = range(13)

FLIP = np.array([0, 1, 3, 2, 5, 4, 6, 8, 7, 9, 10, 11, 12], np.uint8)
"""FLIP[c] is the class of c's pixels after a horizontal flip: 2/3, 4/5 and 7/8 change places."""

COLOURS = np.array(
    [
        (0, 0, 0),
        (236, 188, 160),
        (92, 64, 160),
        (160, 64, 92),
        (64, 160, 236),
        (64, 236, 160),
        (128, 128, 128),
        (236, 128, 64),
        (236, 64, 128),
        (200, 200, 64),
        (96, 0, 0),
        (220, 40, 60),
        (240, 110, 130),
    ],
    np.uint8,
)
"""The palette of parsing pictures: RGB by class."""


def flip(parsing: np.ndarray) -> np.ndarray:
    """Mirror class maps (..., H, W) uint8 left to right, left and right classes swapped."""
    return FLIP[parsing[..., ::-1]]
