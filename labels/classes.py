"""The thirteen face-parsing classes of the paper, in one table.

Left is the subject's own left, which lies at the right of an unmirrored picture.
"""

import numpy as np

BACKGROUND, SKIN, LEFT_BROW, RIGHT_BROW, LEFT_EYE, RIGHT_EYE, EYEGLASSES = range(7)
LEFT_EAR, RIGHT_EAR, NOSE, MOUTH, UPPER_LIP, LOWER_LIP = range(7, 13)

_TABLE = (
    ("background", (0, 0, 0)),
    ("skin", (236, 188, 160)),
    ("left brow", (92, 64, 160)),
    ("right brow", (160, 64, 92)),
    ("left eye", (64, 160, 236)),
    ("right eye", (64, 236, 160)),
    ("eyeglasses", (128, 128, 128)),
    ("left ear", (236, 128, 64)),
    ("right ear", (236, 64, 128)),
    ("nose", (200, 200, 64)),
    ("mouth", (96, 0, 0)),
    ("upper lip", (220, 40, 60)),
    ("lower lip", (240, 110, 130)),
)

NAMES = tuple(name for name, _ in _TABLE)
"""The names of the classes, by number."""

COLOURS = np.array([colour for _, colour in _TABLE], np.uint8)
"""The palette of parsing pictures: (13, 3) RGB by class."""

FLIP = np.array([0, 1, 3, 2, 5, 4, 6, 8, 7, 9, 10, 11, 12], np.uint8)
"""FLIP[c] is the class of c's pixels after a horizontal flip: 2/3, 4/5 and 7/8 change places."""


def flip(parsing: np.ndarray) -> np.ndarray:
    """Mirror class maps (..., H, W) uint8 left to right, left and right classes swapped.

    Raises IndexError for a class above 12.
    """
    return FLIP[parsing[..., ::-1]]
