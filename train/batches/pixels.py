"""From pictures and maps as a bundle stores them to the size and the colours that networks see."""

from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green, blue in [0, 1] over ImageNet, as torchvision's models take them off."""
Colours = Literal["rgb+hsv", "rgb-imagenet", "rgb-centred"]
Hsv = Literal["exact", "rounded"]


def rgb_to_hsv(rgb: Tensor) -> Tensor:
    """Hue, saturation and value of RGB, all in [0, 1].

    rgb: ... x 3 x H x W, floating, in [0, 1]; returns the same shape and dtype. Hue is 0 for grey,
    and a full turn is 1 (never reached). The hexcone of colorsys.rgb_to_hsv.
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
    """Reduce floating images n x c x S x S to n x c x size x size by the mean over each pixel's
    area; `area_weights` says how. size: at most S.
    """
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


def to_input(images: Tensor, size: int, colours: Colours = "rgb+hsv", hsv: Hsv = "exact") -> Tensor:
    """The networks' input of pictures as they are stored.

    images: N x 256 x 256 x 3 uint8 RGB on any device. Returns N x C x size x size float32: RGB in
    [0, 1] reduced by area, of which `planes` makes the C planes.
    """
    return planes(reduce_by_area(images.permute(0, 3, 1, 2).float() / 255, size), colours, hsv)


def planes(rgb: Tensor, colours: Colours = "rgb+hsv", hsv: Hsv = "exact") -> Tensor:
    """The planes that the networks see of N x 3 x H x W RGB in [0, 1].

    rgb+hsv: N x 6 x H x W, RGB with its HSV beside it, all in [0, 1], no mean or deviation taken
    off; hsv: rounded cuts HSV to 8 bits as PIL's conversion does, on RGB rounded to 8 bits.
    rgb-imagenet (SSDG): N x 3 x H x W, less IMAGENET_MEAN, over IMAGENET_DEVIATION. rgb-centred
    (SSAN): N x 3 x H x W, (v - 127.5) / 128 of values v from 0 to 255.
    """
    if colours == "rgb-imagenet":
        mean, deviation = (
            torch.tensor(three, dtype=rgb.dtype, device=rgb.device)[:, None, None]
            for three in (IMAGENET_MEAN, IMAGENET_DEVIATION)
        )
        return (rgb - mean) / deviation
    if colours == "rgb-centred":
        return (rgb * 255 - 127.5) / 128
    beside = rgb_to_hsv(rgb) if hsv == "exact" else pil_hsv((rgb * 255).round()) / 255
    # Joined pixel by pixel: channels last, which is the default, then takes no further copy.
    return torch.cat([part.movedim(1, 3) for part in (rgb, beside)], 3).movedim(3, 1)


def laid_out(images: Tensor, channels_last: bool) -> Tensor:
    """The same n x C x H x W values; in memory pixel by pixel (channels last) or plane by plane."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return images.contiguous(memory_format=layout)
