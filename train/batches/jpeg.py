"""The loss of JPEG compression, on the device that trains (ITU-T T.81, JFIF 1.02)."""

import math

import torch
from torch import Tensor

# T.81, annex K.1: steps of the coefficients, of luma and of chroma, at quality 50
LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99), (47, 66, 99, 99, 99, 99, 99, 99),
) + ((99,) * 8,) * 4  # fmt: skip
# JFIF: luma, blue and red difference of RGB
TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


def cosines() -> Tensor:
    """The 8 x 8 matrix of the discrete cosine transform, orthonormal, float64."""
    place = torch.arange(8, dtype=torch.float64)
    matrix = torch.cos((2 * place + 1) * place[:, None] * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


def steps(quality: Tensor) -> Tensor:
    """Steps of quantisation n x 3 x 8 x 8 of qualities n, 1 to 100, as libjpeg scales them."""
    scale = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    base = torch.tensor((LUMA, CHROMA, CHROMA), dtype=torch.float64, device=quality.device)
    return ((base * scale[:, None, None, None] + 50) / 100).floor().clamp(1, 255)


def jpeg(rgb: Tensor, quality: Tensor) -> Tensor:
    """What is left of pictures after a JPEG file of colours in full size (4:4:4).

    rgb: n x 3 x H x W float in [0, 1], H and W multiples of 8; quality: n, 1 to 100, 0 leaves a
    picture as it is. Returns the same shape; whole numbers of 255.
    """
    count, _, height, width = rgb.shape
    matrix = cosines().to(rgb)
    to_ycc = torch.tensor(TO_YCC, dtype=torch.float64)
    levels = torch.einsum("ij,njhw->nihw", to_ycc.to(rgb), (rgb * 255).round())
    levels = levels.round()  # luma 0 to 255, differences about 0
    levels[:, 0] -= 128
    blocks = levels.reshape(count, 3, height // 8, 8, width // 8, 8).transpose(3, 4)
    size = steps(quality.clamp(min=1)).to(rgb)[:, :, None, None]
    kept = (matrix @ blocks @ matrix.T / size).round() * size
    levels = (matrix.T @ kept @ matrix).transpose(3, 4).reshape(rgb.shape).round()
    levels = levels.clamp(-128, 127)
    levels[:, 0] += 128
    back = torch.einsum("ij,njhw->nihw", to_ycc.inverse().to(rgb), levels)
    return torch.where(quality[:, None, None, None] > 0, back.round().clamp(0, 255) / 255, rgb)
