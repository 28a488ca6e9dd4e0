"""The random numbers that each augmentation draws, and the order in which they are applied.

Numbers are drawn on the CPU, each augmentation's from a stream of its own: seed, name of the
augmentation, domain and step decide them, not the device nor what else is switched on.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from train.batches import augment
from train.batches.jpeg import jpeg
from train.batches.streams import generator
from train.config import Settings

SHARE = 0.5
"""Share of the pictures that erase, blur and jpeg change; colour and zoom change each."""
ERASE_LEAST, ERASE_STRETCH = 0.02, 2.0
"""The smallest rectangle, as a share of the picture, and its longest side over the other."""
QUALITY_MOST = 95
"""The highest quality that jpeg draws; the lowest is settings.jpeg_least."""


class Drawn(NamedTuple):
    """What was drawn for n pictures; None where the augmentation is off.

    flip: n bool. zoom: n x 3 float64, magnification and the left and upper edge of what is kept, in
    sides of the picture. colour: n x 3, factors of brightness, contrast, saturation. erase: n x 4,
    top, bottom, left, right in sides of the picture. blur: n, sigma in pixels, 0 for none. jpeg:
    n float64, quality, 0 for none.
    """

    flip: Tensor | None = None
    zoom: Tensor | None = None
    colour: Tensor | None = None
    erase: Tensor | None = None
    blur: Tensor | None = None
    jpeg: Tensor | None = None

    def to(self, device: torch.device) -> "Drawn":
        """The same numbers on a device."""
        return Drawn(*(None if part is None else part.to(device) for part in self))


def draw(
    settings: Settings, domain: str, step: int, count: int, rank: int = 0, ranks: int = 1
) -> Drawn:
    """Draw for the `count` pictures of one step, domain and process.

    step: counted from 0; rank, ranks: which process of how many, each with numbers of its own.
    """

    def numbers(name: str, each: int) -> np.ndarray:
        """(count, each) from 0 to 1; the processes' parts of one longer draw."""
        random = generator(settings.seed, name, domain, step).random((ranks * count, each))
        return random[rank * count : (rank + 1) * count]

    wanted = settings.augmentations
    drawn: dict[str, np.ndarray] = {}
    if "flip" in wanted:
        drawn["flip"] = numbers("flip", 1)[:, 0] < 0.5
    if "zoom" in wanted:
        drawn["zoom"] = _zoom(numbers("zoom", 3), settings.zoom_most)
    if "colour" in wanted:
        shift = settings.colour_range * (2 * numbers("colour", 3) - 1)
        drawn["colour"] = (1 + shift).astype(np.float32)
    if "erase" in wanted:
        drawn["erase"] = _erase(numbers("erase", 5), settings.erase_most)
    if "blur" in wanted:
        chosen, sigma = numbers("blur", 2).T
        drawn["blur"] = (np.where(chosen < SHARE, sigma, 0) * settings.blur_most).astype(np.float32)
    if "jpeg" in wanted:
        chosen, level = numbers("jpeg", 2).T
        least = settings.jpeg_least
        quality = np.floor(least + level * (QUALITY_MOST + 1 - least))
        drawn["jpeg"] = np.where(chosen < SHARE, quality, 0)
    return Drawn(**{name: torch.from_numpy(values) for name, values in drawn.items()})


def _zoom(random: np.ndarray, most: float) -> np.ndarray:
    """Drawn.zoom of (n, 3) numbers from 0 to 1: the part that is kept lies in the picture."""
    scale = 1 + random[:, :1] * (most - 1)
    return np.concatenate([scale, random[:, 1:] * (1 - 1 / scale)], 1)


def _erase(random: np.ndarray, most: float) -> np.ndarray:
    """Drawn.erase of (n, 5) numbers from 0 to 1: rectangles that lie in the picture as wholes,
    empty for the pictures that are left alone.
    """
    chosen, area, stretch, top, left = random.T
    area = ERASE_LEAST + area * (most - ERASE_LEAST)
    stretch = ERASE_STRETCH ** (2 * stretch - 1)
    height = np.minimum(np.sqrt(area * stretch), 1)
    width = np.minimum(np.sqrt(area / stretch), 1)
    top, left = top * (1 - height), left * (1 - width)
    edges = np.stack([top, top + height, left, left + width], 1)
    return (edges * (chosen < SHARE)[:, None]).astype(np.float32)


def recolour(rgb: Tensor, drawn: Drawn) -> Tensor:
    """Apply what changes the picture alone and leaves the labels as they are, in the order in which
    a camera would: light, lens, something before the face, the file.

    rgb: n x 3 x S x S float in [0, 1], S a multiple of 8; returns the same. drawn: on its device.
    """
    if drawn.colour is not None:
        rgb = augment.colour(rgb, drawn.colour)
    if drawn.blur is not None:
        rgb = augment.blur(rgb, drawn.blur)
    if drawn.erase is not None:
        rgb = augment.erase(rgb, drawn.erase)
    if drawn.jpeg is not None:
        rgb = jpeg(rgb, drawn.jpeg)
    return rgb
