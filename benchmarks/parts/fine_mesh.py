"""A made surface with as many vertices as PRNet's position map has."""

import numpy as np

SIDE = 256
VALID = 0.8522
"""Squared radius of the disc that holds as many of 256 x 256 points as PRNet's map has valid."""


def fine_mesh() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (43,8xx, 3) and triangles (86,9xx, 3) like those of PRNet's position map.

    The front of an ellipsoid, wound so far round that its sides lie behind its front.
    """
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5 - SIDE / 2) / (SIDE / 2)
    valid = x * x + y * y < VALID
    numbers = np.full(valid.shape, -1)
    numbers[valid] = np.arange(valid.sum())
    around = 1.35 * x
    surface = (
        128 + 80 * np.sin(around) * np.cos(y / 2),
        130 + 95 * y,
        80 * np.cos(around) * np.cos(y),
    )
    corners = numbers[:-1, :-1], numbers[:-1, 1:], numbers[1:, :-1], numbers[1:, 1:]
    a, b, c, d = (corner.ravel() for corner in corners)
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    triangles = triangles[(triangles >= 0).all(1)].astype(np.int32)
    return np.stack([part[valid] for part in surface], axis=1), triangles
