"""What every depth map has in common, whatever made it: its range, and how it is reduced."""

import numba
import numpy as np

FLOOR = 1 / 255
"""Depth of the farthest face pixel: above the background's 0, also as 8-bit grey."""


def normalise(nearness: np.ndarray) -> np.ndarray:
    """Nearness (H, W), NaN for background, to depth float32: farthest FLOOR, nearest 1, else 0.

    The range is that of the pixels seen. That of all vertices would not depend on the size of the
    picture, but from 30 degrees of yaw on a third of it is behind the face.
    """
    depth = np.array(nearness, np.float32)
    _normalise(depth)
    return depth


@numba.njit(cache=True)
def _normalise(depth: np.ndarray) -> None:
    """Nearness to depth in place."""
    low, high = np.inf, -np.inf
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            seen = depth[row, column]
            if np.isfinite(seen):
                low = seen if seen < low else low
                high = seen if seen > high else high
    span = high - low if high > low else 1.0
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            seen = np.float64(depth[row, column])  # in float32 the nearest may exceed 1
            depth[row, column] = (
                FLOOR + (1 - FLOOR) * (seen - low) / span if np.isfinite(seen) else 0
            )


def reduce_depth(depth: np.ndarray, side: int, method: str = "area") -> np.ndarray:
    """A square depth map (S, S) reduced to (side, side) float32 in [0, 1].

    area: the mean over S / side pixels each way, which must be a whole number. bicubic: as
    RFMetaFAS does it, Pillow's filter on 8-bit greys, which reaches over four cells, makes edges
    steeper, and clips what it takes out of [0, 1]. Raises ValueError for another method, or a map
    that is no square of a multiple of side.
    """
    size = len(depth)
    if depth.shape != (size, size) or size % side:
        raise ValueError(f"{depth.shape} is no square of a multiple of {side}")
    if method == "area":
        step = size // side
        blocks = depth.reshape(side, step, side, step)
        return blocks.mean((1, 3), dtype=np.float64).astype(np.float32)
    if method != "bicubic":
        raise ValueError(f"method must be area or bicubic, not {method!r}")
    from PIL import Image

    picture = Image.fromarray(np.rint(depth * 255).astype(np.uint8))
    reduced = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC))
    return reduced.astype(np.float32) / np.float32(255)
