"""A class map of the looser picture brought to the picture that is asked for."""

import numpy as np


def cut(
    parsing: np.ndarray,
    loose_affine: np.ndarray,
    affine: np.ndarray,
    height: int,
    width: int,
) -> np.ndarray:
    """The classes (height, width) at the centres of a picture's pixels; 0 where the map ends.

    parsing: (H, W) uint8, drawn on the looser picture. loose_affine, affine: (2, 3), frame to the
    looser picture and frame to the picture; pixel i covers [i, i + 1). Nearest only: a class is
    never mixed, and nothing moves by half a pixel.
    """
    frame = np.linalg.inv(np.vstack([np.asarray(affine, np.float64), (0, 0, 1)]))
    back = np.asarray(loose_affine, np.float64) @ frame
    across = back[:, 0, None] * (np.arange(width) + 0.5) + back[:, 2, None]
    down = back[:, 1, None] * (np.arange(height) + 0.5)
    x, y = np.floor(across[:, None] + down[:, :, None])
    inside = (x >= 0) & (x < parsing.shape[1]) & (y >= 0) & (y < parsing.shape[0])
    drawn = np.zeros((height, width), np.uint8)
    drawn[inside] = parsing[y[inside].astype(np.intp), x[inside].astype(np.intp)]
    return drawn
