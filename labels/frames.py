"""The part of a picture that its frame covers: outside nothing was seen, and no label stands."""

import numpy as np

from labels.affines import scale_of


def frame_mask(
    affine: np.ndarray, frame_size: tuple[int, int], height: int, width: int, margin: float = 0
) -> np.ndarray:
    """(height, width) bool: the pixels of a picture whose centres lie in the frame.

    affine: (2, 3) frame to picture, any that has an inverse. frame_size: (width, height) in pixels.
    A centre on the frame's left or upper edge is inside, on its right or lower edge outside.
    margin: so many frame pixels along its border count as outside too. Raises LinAlgError for an
    affine without an inverse, as all here do.
    """
    slopes, start = _back(affine)
    across = np.arange(width) + 0.5
    down = (np.arange(height) + 0.5)[:, None]
    inside = np.ones((height, width), bool)
    for (by_column, by_row), first, side in zip(slopes, start, frame_size, strict=True):
        # In an upright crop one of the two is 0, and a row or a column says it for all.
        place = first + (by_column * across if by_column else 0.0)
        place = place + (by_row * down if by_row else 0.0)
        inside &= (place >= margin) & (place < side - margin)
    return inside


def drawn_mask(
    affine: np.ndarray, frame_size: tuple[int, int], height: int, width: int
) -> np.ndarray | None:
    """(height, width) bool: the pixels of a picture that are drawn from the frame alone; None: all.

    Those along the frame's border have some of the black outside in them, where the picture is
    drawn by interpolation (as far as half a frame pixel inside) or by area (half a pixel of its
    own). affine: as for frame_mask, without shear.
    """
    margin = 0.5 + 0.5 / scale_of(affine)
    if covers(affine, frame_size, height, width, margin):
        return None
    return frame_mask(affine, frame_size, height, width, margin)


def clear_outside(
    labels: np.ndarray, affine: np.ndarray, frame_size: tuple[int, int], value: float = 0
) -> None:
    """Set the labels (H, W) outside of the frame to a value, in place; see frame_mask.

    Costs next to nothing where the frame covers the whole picture.
    """
    height, width = labels.shape
    if not covers(affine, frame_size, height, width):
        labels[~frame_mask(affine, frame_size, height, width)] = value


def covers(
    affine: np.ndarray, frame_size: tuple[int, int], height: int, width: int, margin: float = 0
) -> bool:
    """Whether frame_mask of the same arguments is True everywhere, at the cost of four points."""
    slopes, start = _back(affine)
    # The frame is convex: it holds all when it holds the four at the corners.
    columns, rows = np.array([0.5, width - 0.5]), np.array([0.5, height - 0.5])
    ends = np.array([(x, y) for x in columns for y in rows]) @ slopes.T + start
    return bool((ends >= margin).all() and (ends < np.array(frame_size) - margin).all())


def _back(affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Linear part (2, 2) and shift (2,) of the way from picture to frame."""
    affine = np.asarray(affine, np.float64)
    slopes = np.linalg.inv(affine[:, :2])
    return slopes, -slopes @ affine[:, 2]
