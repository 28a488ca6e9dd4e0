"""Per-pixel work of the replica, compiled: composing, a screen's light, a sensor's read-out."""

import numba
import numpy as np


def colour_matrix(saturation: float) -> np.ndarray:
    """What cv2.transform takes, (3, 3) float64: 1 leaves RGB as it is, 0 makes it grey (BT.601)."""
    return saturation * np.eye(3) + (1 - saturation) * np.array([[0.299, 0.587, 0.114]])


@numba.njit(cache=True)
def compose(colour: np.ndarray, shade: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Premultiplied colour (H, W, 4) uint8, its colours times shade (H, W) float32, over a room
    (H, W, 3) uint8: (H, W, 3) uint8.
    """
    height, width = shade.shape
    out = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            rest = np.float32(255 - colour[y, x, 3]) / np.float32(255)
            for c in range(3):
                value = colour[y, x, c] * shade[y, x] + room[y, x, c] * rest + np.float32(0.5)
                out[y, x, c] = min(max(value, np.float32(0)), np.float32(255))
    return out


@numba.njit(cache=True)
def light_screen(
    colour: np.ndarray,
    shade: np.ndarray,
    place: np.ndarray,
    moire: np.ndarray,
    glare: np.ndarray,
    phase: float,
) -> np.ndarray:
    """The colour (H, W, 4) uint8 of a placed screen with moire and glare, as premultiplied uint8.

    `place` (H, W, 2) float32 are u and v over the screen; `moire` holds amount, waves along u and
    v, and curve; `glare` amount, u and v. The moire is a grey factor, the glare is added.
    """
    height, width = shade.shape
    out = np.zeros((height, width, 4), np.uint8)
    amount, along, down, curve = moire[0], moire[1], moire[2], moire[3]
    for y in range(height):
        for x in range(width):
            alpha = colour[y, x, 3]
            if alpha == 0:
                continue
            u, v = place[y, x, 0], place[y, x, 1]
            wave = np.cos(2 * np.pi * (along * u + down * v + curve * (u * u + v * v)) + phase)
            second = np.cos(2 * np.pi * (0.31 * along * u - 1.7 * down * v) + 0.6 * phase)
            field = shade[y, x] * (1 + amount * (wave + 0.3 * second))
            far = ((u - glare[1]) ** 2 + (v - glare[2]) ** 2) / 0.05
            added = alpha * glare[0] * np.exp(-far) + 0.5
            for c in range(3):
                out[y, x, c] = min(max(colour[y, x, c] * field + added, 0.0), 255.0)
            out[y, x, 3] = alpha
    return out


@numba.njit(cache=True)
def read_out(
    picture: np.ndarray,
    curve: np.ndarray,
    corners: np.ndarray,
    noise: np.ndarray,
    top: int,
    left: int,
) -> np.ndarray:
    """Pixels (H, W, 3) uint8 through a channel's curve (256, 3) float32, darker in the corners
    (H, W) float32, with noise (at least H + top, W + left, 3) float32 in grey levels: uint8.
    """
    height, width = corners.shape
    out = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            corner = corners[y, x]
            for c in range(3):
                value = curve[picture[y, x, c], c] * corner + noise[y + top, x + left, c]
                out[y, x, c] = min(max(value + np.float32(0.5), np.float32(0)), np.float32(255))
    return out
