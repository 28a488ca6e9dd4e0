"""What happens to a batch on the device that trains: colour, size and flips. Pure functions."""

from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor

FLIP = (0, 1, 3, 2, 5, 4, 6, 8, 7, 9, 10, 11, 12)
"""The class of each class's pixels after a horizontal flip: left and right change places."""


def rgb_to_hsv(rgb: Tensor) -> Tensor:
    """Hue, saturation and value of RGB, all in [0, 1].

    rgb: ... x 3 x H x W, floating, in [0, 1]. Hue is 0 for grey, and a full turn is 1 (never
    reached). The hexcone of colorsys.rgb_to_hsv.
    """
    red, green, blue = rgb.unbind(-3)
    value, _ = rgb.max(-3)
    chroma = value - rgb.min(-3).values
    ones = torch.ones_like(value)
    divisor = torch.where(chroma > 0, chroma, ones)
    hue = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = (hue / 6) % 1
    hue = torch.where(hue < 1, hue, torch.zeros_like(hue))  # -1e-9 % 1 rounds to 1
    saturation = chroma / torch.where(value > 0, value, ones)
    return torch.stack([hue, saturation, value], -3)


def pil_hsv(rgb: Tensor) -> Tensor:
    """HSV as PIL's conversion has it: cut, not rounded, to 8 bits.

    rgb: ... x 3 x H x W float32, whole numbers 0 to 255; returns the same. Single and double
    precision follow PIL's C code, since the cut turns a last digit into a whole step.
    """
    value = rgb.amax(-3)
    chroma = value - rgb.amin(-3)
    grey = chroma == 0
    divisor = torch.where(grey, torch.ones_like(chroma), chroma)
    red, green, blue = ((value - channel) / divisor for channel in rgb.unbind(-3))
    is_red, is_green = rgb.select(-3, 0) == value, rgb.select(-3, 1) == value
    hue = torch.where(
        is_red,
        blue - green,
        torch.where(
            is_green,
            (2 + red.double() - blue).float(),
            (4 + green.double() - red).float(),
        ),
    )
    hue = ((hue.double() / 6 + 1) % 1).float()
    saturation = chroma / torch.where(value > 0, value, torch.ones_like(value))
    hue, saturation = ((part.double() * 255).floor().float() for part in (hue, saturation))
    return torch.stack([hue.masked_fill(grey, 0), saturation, value], -3)


def area_weights(size: int, new_size: int) -> Tensor:
    """Weights of a reduction by area: new_size x size, float64, rows summing to 1.

    New pixel i covers [i, i+1) * size / new_size; each old pixel counts by the share it covers.
    """
    edges = torch.arange(new_size + 1, dtype=torch.float64) * size / new_size
    pixel = torch.arange(size, dtype=torch.float64)
    end = torch.minimum(edges[1:, None], pixel + 1)
    start = torch.maximum(edges[:-1, None], pixel)
    return (end - start).clamp(min=0) * new_size / size


def reduce_by_area(images: Tensor, size: int) -> Tensor:
    """Reduce floating images n x c x S x S to size x size by the mean over each pixel's area."""
    side = images.shape[-1]
    if size == side:
        return images
    if side % size == 0:
        return functional.avg_pool2d(images, side // size)
    weights = area_weights(side, size).to(images)
    return weights @ images @ weights.T


def reduce_by_nearest(classes: Tensor, size: int) -> Tensor:
    """Reduce ... x S x S class maps to ... x size x size by the class under each pixel's centre.

    The centre of new pixel i lies at (i + 0.5) * S / size of the old picture, pixel j of which
    covers [j, j + 1); a centre on the border of two pixels takes the right or lower one.
    """
    side = classes.shape[-1]
    if size == side:
        return classes
    new = torch.arange(size, device=classes.device)
    index = (2 * new + 1) * side // (2 * size)
    return classes[..., index[:, None], index]


def to_input(images: Tensor, size: int, hsv: Literal["exact", "rounded"] = "exact") -> Tensor:
    """RGB and HSV side by side, the networks' input.

    images: N x 256 x 256 x 3 uint8 RGB on any device. Returns N x 6 x size x size float32 in
    [0, 1], no mean or deviation taken off. RGB is reduced by area before HSV is made of it.
    hsv: rounded cuts HSV to 8 bits as PIL's conversion does, on RGB rounded to 8 bits.
    """
    rgb = reduce_by_area(images.permute(0, 3, 1, 2).float() / 255, size)
    if hsv == "exact":
        return torch.cat([rgb, rgb_to_hsv(rgb)], 1)
    return torch.cat([rgb, pil_hsv((rgb * 255).round()) / 255], 1)


def flip(images: Tensor, depth: Tensor, parsing: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror a batch left to right, the labels with it: left and right classes change places.

    images: N x C x H x W; depth: N x 1 x h x w; parsing: N x H x W, whole numbers 0 to 12.
    """
    table = torch.tensor(FLIP, dtype=parsing.dtype, device=parsing.device)
    return images.flip(-1), depth.flip(-1), table[parsing.flip(-1).long()]
