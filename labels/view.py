"""What a depth or parsing back end is given: one face, and the picture its labels are drawn on."""

from typing import NamedTuple

import numpy as np


class LabelError(ValueError):
    """A face that a back end can give no label; the text says why."""


class View(NamedTuple):
    """One face of a frame.

    picture: (H, W, 3) uint8 RGB, a crop or the whole frame; labels have its size and geometry.
    affine: (2, 3) float64, frame to picture, without shear (the identity for the frame itself).
    landmarks: (468, 3) float32, the plain mesh; landmarks_refined: (478, 3) float32. Both in frame
    pixels with pixel centres at +0.5, z in the same unit, smaller is nearer.
    frame_size: (width, height) of the frame. loose: (512, 512, 3) uint8 RGB, the looser picture,
    black outside of the frame, and loose_affine: (2, 3) float64, frame to it; None where the back
    end does not read them.
    """

    picture: np.ndarray
    affine: np.ndarray
    landmarks: np.ndarray
    landmarks_refined: np.ndarray
    frame_size: tuple[int, int]
    loose: np.ndarray | None = None
    loose_affine: np.ndarray | None = None
