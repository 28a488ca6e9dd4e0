"""What happens to a batch on the device that trains: size, place, colour. Pure functions.

Of n pictures each has its own parameters, which train/batches/chance.py draws.
"""

from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor

from train.batches.mirror import MIRROR

FLIP = (0, 1, 3, 2, 5, 4, 6, 8, 7, 9, 10, 11, 12)
"""The class of each class's pixels after a horizontal flip: left and right change places."""
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green, blue in [0, 1] over ImageNet, as torchvision's models take them off."""
Colours = Literal["rgb+hsv", "rgb-imagenet", "rgb-centred"]
Hsv = Literal["exact", "rounded"]


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


def to_input(images: Tensor, size: int, colours: Colours = "rgb+hsv", hsv: Hsv = "exact") -> Tensor:
    """The networks' input of pictures as they are stored.

    images: N x 256 x 256 x 3 uint8 RGB on any device. Returns N x C x size x size float32, the
    planes that `planes` makes of RGB reduced by area.
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


def flip(images: Tensor, depth: Tensor, parsing: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror a batch left to right, the labels with it: left and right classes change places.

    images: N x C x H x W; depth: N x 1 x h x w; parsing: N x H x W, whole numbers 0 to 12.
    """
    table = torch.tensor(FLIP, dtype=parsing.dtype, device=parsing.device)
    return images.flip(-1), depth.flip(-1), table[parsing.flip(-1).long()]


def flip_landmarks(landmarks: Tensor, width: float) -> Tensor:
    """Mirror n x 468 x 3 landmarks of pictures `width` wide: sides change places too."""
    flipped = landmarks[:, torch.tensor(MIRROR, device=landmarks.device)]
    return torch.cat([width - flipped[..., :1], flipped[..., 1:]], -1)


def zoom(
    rgb: Tensor, depth: Tensor, parsing: Tensor, places: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Enlarge a square part of each picture to the whole, its labels by the same affine.

    rgb: n x 3 x S x S and depth: n x 1 x s x s, bilinear; parsing: n x S x S, the class under each
    new pixel's centre. places: n x 3 float64: magnification m of at least 1, and the part's left
    and upper edge x, y in sides of the picture: new point u is old point x + u / m. n may be 0.
    """
    if not len(places):  # torch makes no grid for no picture
        return rgb, depth, parsing
    theta = torch.zeros(len(places), 2, 3, dtype=places.dtype, device=places.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / places[:, 0]
    theta[:, :, 2] = 2 * places[:, 1:] + 1 / places[:, :1] - 1  # from -1 to 1 over the picture
    theta = theta.to(rgb.dtype)

    def bilinear(picture: Tensor) -> Tensor:
        grid = functional.affine_grid(theta, list(picture.shape), align_corners=False)
        return functional.grid_sample(picture, grid, "bilinear", "border", align_corners=False)

    side = parsing.shape[-1]
    centres = (torch.arange(side, device=places.device) + 0.5) / side / places[:, :1]
    columns, rows = (
        ((centres + edge[:, None]) * side).long().clamp(max=side - 1) for edge in places[:, 1:].T
    )
    pictures = torch.arange(len(places), device=places.device)[:, None, None]
    return bilinear(rgb), bilinear(depth), parsing[pictures, rows[:, :, None], columns[:, None]]


def zoom_landmarks(landmarks: Tensor, places: Tensor, width: float) -> Tensor:
    """Landmarks n x 468 x 3, in pixels of pictures `width` wide, moved as `zoom` moves these."""
    edge = torch.cat([places[:, 1:] * width, torch.zeros_like(places[:, :1])], 1)
    return (landmarks - edge[:, None]).to(landmarks.dtype) * places[:, :1, None].to(landmarks.dtype)


def grey(rgb: Tensor) -> Tensor:
    """Luma of n x 3 x H x W RGB after ITU-R BT.601: n x 1 x H x W."""
    return rgb[:, :1] * 0.299 + rgb[:, 1:2] * 0.587 + rgb[:, 2:] * 0.114


def colour(rgb: Tensor, factors: Tensor) -> Tensor:
    """Change brightness, then contrast, then saturation, cut to [0, 1] after each.

    rgb: n x 3 x H x W in [0, 1]; factors: n x 3, 1 for no change. Each is the blend of PIL's
    ImageEnhance: f x picture + (1 - f) x (black; the picture's mean luma; each pixel's luma).
    """
    brightness, contrast, saturation = factors[:, :, None, None, None].unbind(1)
    rgb = (rgb * brightness).clamp(0, 1)
    rgb = torch.lerp(grey(rgb).mean((2, 3), keepdim=True), rgb, contrast).clamp(0, 1)
    return torch.lerp(grey(rgb), rgb, saturation).clamp(0, 1)


def blur(rgb: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of n x 3 x H x W pictures, mirrored at the edges about the outermost pixels.

    sigma: n, in pixels, 0 to 5; 0 leaves a picture as it is. The kernel reaches 3 sigma of 5. n may
    be 0.
    """
    if not len(sigma):  # torch knows no convolution of no groups
        return rgb
    reach = 15
    away = torch.arange(-reach, reach + 1, device=rgb.device) ** 2
    kernel = torch.exp(-away / (2 * sigma.clamp(min=1e-3)[:, None] ** 2)).to(rgb.dtype)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)[:, None, None]
    count, _, height, width = rgb.shape
    flat = functional.pad(rgb, (reach,) * 4, "reflect").reshape(
        1, count * 3, height + 2 * reach, -1
    )
    flat = functional.conv2d(flat, kernel, groups=count * 3)
    flat = functional.conv2d(flat, kernel.transpose(2, 3), groups=count * 3)
    blurred = flat.reshape(count, 3, height, width).clamp(0, 1)
    return torch.where(sigma[:, None, None, None] > 0, blurred, rgb)


def erase(rgb: Tensor, edges: Tensor) -> Tensor:
    """Fill a rectangle of each picture n x 3 x H x W with the picture's mean colour.

    edges: n x 4, top, bottom, left, right in sides of the picture; a pixel goes when its centre
    lies within.
    """
    height, width = rgb.shape[-2:]
    y = (torch.arange(height, device=rgb.device) + 0.5)[None] / height
    x = (torch.arange(width, device=rgb.device) + 0.5)[None] / width
    top, bottom, left, right = edges[:, :, None].unbind(1)
    gone = ((y >= top) & (y < bottom))[:, :, None] & ((x >= left) & (x < right))[:, None]
    return torch.where(gone[:, None], rgb.mean((2, 3), keepdim=True), rgb)
