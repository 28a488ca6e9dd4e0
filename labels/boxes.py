"""Boxes around faces: (4,) floats x0, y0, x1, y1 in frame pixels; how two of them lie together."""

import numpy as np


def bounds(landmarks: np.ndarray) -> np.ndarray:
    """The smallest box around points (N, 2 or more), whose first two columns are x and y."""
    return np.concatenate([landmarks[:, :2].min(0), landmarks[:, :2].max(0)])


def area(box: np.ndarray) -> float:
    """In square pixels; 0 where a side is turned round, as in what two distant boxes share."""
    return float(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]))


def shared_area(one: np.ndarray, other: np.ndarray) -> float:
    """The area in square pixels that lies in both."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    return area(np.concatenate([low, high]))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union, 0 to 1; 0 where both are empty."""
    shared = shared_area(one, other)
    union = area(one) + area(other) - shared
    return shared / union if union > 0 else 0.0


def within(one: np.ndarray, other: np.ndarray) -> float:
    """The share of the smaller box that lies in the other, 0 to 1; 0 where one is empty."""
    smaller = min(area(one), area(other))
    return shared_area(one, other) / smaller if smaller > 0 else 0.0
