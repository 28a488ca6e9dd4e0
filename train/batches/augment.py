"""Augmentations of a batch on the device that trains: place, colour, blur, erasure. Pure functions.

Of n pictures each has its own parameters, which train/batches/chance.py draws; JPEG is in jpeg.py.
"""

import torch
import torch.nn.functional as functional
from torch import Tensor

FLIP = (0, 1, 3, 2, 5, 4, 6, 8, 7, 9, 10, 11, 12)
"""The class of each class's pixels after a horizontal flip: left and right change places."""
CENTRE = (
    0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175,
    195, 197, 199, 200,
)  # fmt: skip
"""Landmarks of the face mesh on the line between its halves: each is its own mirror."""


def _mirror() -> tuple[int, ...]:
    numbers = list(range(468))
    right = [number for number in range(248) if number not in CENTRE]
    for left, number in enumerate(right, start=248):  # the left half in the order of the right
        numbers[number], numbers[left] = left, number
    return tuple(numbers)


MIRROR = _mirror()
"""Of each of the 468 landmarks the one at the same place of the face's other half; labels/flip.py
finds the same in the canonical face.
"""


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
