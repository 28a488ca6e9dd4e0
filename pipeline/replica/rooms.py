"""Rooms behind people and sheets: photographs that scikit-image carries, cut, turned and tinted."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

BORDER = 0.06  # share of the frame that a room is larger by on each side, for the camera's motion


@dataclass(frozen=True)
class Room:
    """A cut of a photograph: its name, the cut in shares (left, top, right, bottom), mirrored or
    not, and a factor for each channel.
    """

    photo: str
    cut: tuple[float, float, float, float]
    mirrored: bool
    tint: tuple[float, float, float]


ROOMS = {
    "oulu": (
        Room("motorcycle", (0.0, 0.0, 0.62, 1.0), False, (1.0, 1.0, 1.0)),
        Room("motorcycle", (0.38, 0.0, 1.0, 1.0), False, (1.0, 0.98, 0.94)),
        Room("coffee", (0.56, 0.0, 1.0, 1.0), True, (1.0, 1.0, 1.0)),
    ),
    "casia": (
        Room("coffee", (0.0, 0.3, 0.72, 1.0), False, (0.95, 1.0, 1.05)),
        Room("brick", (0.0, 0.0, 1.0, 0.8), False, (1.5, 1.15, 0.9)),
        Room("motorcycle", (0.45, 0.0, 1.0, 0.6), True, (0.95, 1.0, 1.0)),
    ),
    "replay": (
        Room("brick", (0.1, 0.1, 0.8, 0.7), True, (1.6, 1.4, 1.1)),
        Room("motorcycle", (0.0, 0.0, 0.7, 0.75), True, (1.0, 0.95, 0.85)),
    ),
    "msu": (
        Room("motorcycle", (0.4, 0.0, 1.0, 0.55), False, (1.05, 1.0, 0.95)),
        Room("coffee", (0.45, 0.35, 1.0, 1.0), True, (1.05, 0.97, 0.9)),
        Room("brick", (0.0, 0.3, 0.8, 1.0), False, (1.35, 1.2, 1.05)),
    ),
}


@lru_cache(maxsize=1)
def _photos() -> dict[str, np.ndarray]:
    import skimage.data

    brick = skimage.data.brick()
    return {
        "motorcycle": skimage.data.stereo_motorcycle()[0],
        "coffee": skimage.data.coffee(),
        "brick": np.dstack([brick] * 3),
    }


def detail(grey: np.ndarray) -> float:
    """Variance of the Laplacian of a grey picture (H, W) on a scale of 0 to 255."""
    return float(cv2.Laplacian(grey.astype(np.float32), cv2.CV_32F).var())


def _grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2GRAY) * 255


@lru_cache(maxsize=16)
def room_picture(dataset: str, number: int, height: int, width: int) -> np.ndarray:
    """The room (H', W', 3) uint8 RGB, larger than a frame of height x width px by BORDER on each
    side. `number` counts the dataset's rooms round and round.

    All rooms are brought to one brightness and one sharpness, so that neither tells one apart.
    """
    room = ROOMS[dataset][number % len(ROOMS[dataset])]
    photo = _photos()[room.photo]
    h, w = photo.shape[:2]
    left, top, right, bottom = room.cut
    part = photo[int(top * h) : int(bottom * h), int(left * w) : int(right * w)]
    if room.mirrored:
        part = part[:, ::-1]
    high, wide = round(height * (1 + 2 * BORDER)), round(width * (1 + 2 * BORDER))
    scale = max(high / part.shape[0], wide / part.shape[1])
    size = (max(wide, round(part.shape[1] * scale)), max(high, round(part.shape[0] * scale)))
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    big = cv2.resize(np.ascontiguousarray(part), size, interpolation=mode)
    y, x = (big.shape[0] - high) // 2, (big.shape[1] - wide) // 2
    out = big[y : y + high, x : x + wide].astype(np.float32) / 255 * np.array(room.tint, np.float32)
    out = np.clip(out, 0, 1) ** (np.log(0.36) / np.log(max(float(_grey(out).mean()) / 255, 0.05)))
    goal, low, top_amount = 260.0, -1.0, 2.0
    for _ in range(12):
        middle = (low + top_amount) / 2
        if detail(_grey(_focus(out, middle))) < goal:
            low = middle
        else:
            top_amount = middle
    out = np.clip(_focus(out, (low + top_amount) / 2), 0, 1)
    return np.rint(out * 255).astype(np.uint8)


def _focus(picture: np.ndarray, amount: float) -> np.ndarray:
    """Blur (amount below 0, to -1) or sharpen (above 0) a picture (H, W, 3) float32."""
    if amount < 0:
        return cv2.GaussianBlur(picture, (0, 0), max(0.15, -2.2 * amount))
    soft = cv2.GaussianBlur(picture, (0, 0), 0.9)
    return picture + amount * (picture - soft)
