"""Affines: (2, 3) matrices that take a place (x, y, 1) of one picture to its place in another.

All of them turn, scale alike in x and y, and shift; pixel i covers [i, i + 1) in both pictures.
"""

import numpy as np


def scale_of(affine: np.ndarray) -> float:
    """How many pixels of the second picture one of the first becomes."""
    return np.sqrt(abs(np.linalg.det(np.asarray(affine, np.float64)[:, :2])))


def moved(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Points (N, 3) of the first picture in the second, float64; z is in pixels and scaled too."""
    affine = np.asarray(affine, np.float64)
    flat = points[:, :2] @ affine[:, :2].T + affine[:, 2]
    return np.column_stack([flat, points[:, 2].astype(np.float64) * scale_of(affine)])


def after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The affine that does `first`, then `second`."""
    linear = second[:, :2] @ first[:, :2]
    return np.column_stack([linear, second[:, :2] @ first[:, 2] + second[:, 2]])
