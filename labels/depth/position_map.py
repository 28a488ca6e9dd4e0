"""PRNet's position map as a surface: which of its pixels are face, and the triangles between them.

A position map is a picture whose pixels are points of the face in a fixed order: neighbours in the
map are neighbours on the skin. So its surface needs no interpolation between scattered points.
"""

from pathlib import Path

import numba
import numpy as np

from labels.affines import scale_of
from labels.zbuffer import zbuffer
from pipeline.errors import UserError

SIDE = 256
"""Side in pixels of PRNet's map, and of what the network sees."""


def read_face_index(path: Path, side: int = SIDE) -> np.ndarray:
    """The map's pixels that are face, (side, side) bool, from PRNet's face_ind.txt.

    The file holds their numbers, row by row from the top left, in any order; they may be written as
    1.0e+03. UserError where it holds anything else, or no triangle lies between the pixels.
    """
    try:
        numbers = np.array(path.read_text("utf-8").split(), np.float64)
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not a list of pixel numbers: {error}") from error
    if not (numbers == np.floor(numbers)).all():
        raise UserError(f"{path}: not a list of pixel numbers: some are not whole")
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < side * side:
        raise UserError(
            f"{path}: pixel numbers go from {numbers.min():.0f} to {numbers.max():.0f}, "
            f"and a map of {side} x {side} has 0 to {side * side - 1}"
        )
    valid = np.zeros(side * side, bool)
    valid[numbers.astype(np.int64)] = True
    if valid.sum() != numbers.size:
        raise UserError(f"{path}: {numbers.size - valid.sum()} pixel numbers stand there twice")
    if not len(grid_triangles(valid.reshape(side, side))):
        raise UserError(f"{path}: {numbers.size} pixels of the map, and no triangle between them")
    return valid.reshape(side, side)


def grid_triangles(valid: np.ndarray) -> np.ndarray:
    """Triangles (T, 3) int32 between neighbouring valid pixels of a map, valid (H, W) bool.

    They number the valid pixels row by row, as in `positions[valid]`. Four valid pixels in a square
    give two triangles, three give one, so that the outline has no teeth.
    """
    numbers = np.where(valid, np.cumsum(valid).reshape(valid.shape) - 1, -1).astype(np.int32)
    corners = (numbers[:-1, :-1], numbers[:-1, 1:], numbers[1:, :-1], numbers[1:, 1:])
    a, b, c, d = (corner.ravel() for corner in corners)
    # Squares are cut from b to c; where one of these is missing, the other way.
    pieces = [
        np.stack([a, b, c], -1),
        np.stack([b, d, c], -1),
        np.stack([a, d, c], -1)[b < 0],
        np.stack([a, b, d], -1)[c < 0],
    ]
    triangles = np.concatenate(pieces)
    return np.ascontiguousarray(triangles[(triangles >= 0).all(-1)])


def nearness(
    positions: np.ndarray,
    valid: np.ndarray,
    triangles: np.ndarray,
    affine: np.ndarray,
    height: int,
    width: int,
) -> np.ndarray:
    """Height of the nearest surface at each pixel's centre, (height, width) float32; NaN: none.

    positions: (3, H, W) x, y and z in pixels with pixel centres at whole numbers, as PRNet gives
    them; z grows towards the viewer. valid: (H, W) bool. triangles: of grid_triangles(valid).
    affine: (2, 3) from pixels with centres at +0.5 to the picture's, without shear; z is scaled
    with it. Raises ValueError where positions and valid have not the same size.
    """
    if positions.shape != (3, *valid.shape):
        raise ValueError(f"positions must be {(3, *valid.shape)}, not {positions.shape}")
    affine = np.ascontiguousarray(affine, np.float64)
    vertices = np.empty((np.count_nonzero(valid), 3))
    positions = np.ascontiguousarray(positions, np.float32)
    _place(positions, valid, affine, scale_of(affine), vertices)
    return zbuffer(vertices, triangles, height, width)


@numba.njit(cache=True)
def _place(
    positions: np.ndarray, valid: np.ndarray, affine: np.ndarray, scale: float, out: np.ndarray
) -> None:
    """The valid pixels' points, row by row, in the picture: out (V, 3)."""
    n = 0
    for row in range(valid.shape[0]):
        for column in range(valid.shape[1]):
            if valid[row, column]:
                x, y = positions[0, row, column] + 0.5, positions[1, row, column] + 0.5
                out[n, 0] = affine[0, 0] * x + affine[0, 1] * y + affine[0, 2]
                out[n, 1] = affine[1, 0] * x + affine[1, 1] * y + affine[1, 2]
                out[n, 2] = positions[2, row, column] * scale
                n += 1
