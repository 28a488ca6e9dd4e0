"""Networks whose answer is known, in the places of FAN and S3FD.

A face is drawn as its 68 points, each a dot of its own colour on black. `Dots`, in FAN's place,
looks for the dots in its patch and answers as FAN would, heatmaps of 64 x 64; so what comes out can
be held against where the dots were drawn. `Depth` stands for the depth network, `Maps` for S3FD.
"""

from itertools import product

import numpy as np
import torch
from made_faces import rotation
from made_meshes import FRONT
from torch import nn

from labels.mesh_fit import points68

MIRRORED = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31]
MIRRORED += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48]
MIRRORED += [59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
"""The partner of each of the 68 points at the other side of the face."""

_BRIGHT = [c for c in product(range(0, 256, 51), repeat=3) if max(c) == 255]
COLOURS = np.array(_BRIGHT[:: len(_BRIGHT) // 68][:68], np.float32)
"""68 colours; none is a darker shade of another, so no dot's rim looks like another dot."""


def face(scale: float, middle: tuple[float, float], yaw: float = 0, roll: float = 0) -> np.ndarray:
    """The canonical face (468, 3) in pixels: scale is those of a centimetre; angles in degrees."""
    return scale * FRONT @ rotation(yaw, roll=roll).T + (*middle, 0)


def draw(mesh: np.ndarray, height: int, width: int, radius: float) -> np.ndarray:
    """A picture (height, width, 3) uint8 of a mesh's 68 points as dots of that radius in pixels."""
    picture = np.zeros((height, width, 3), np.uint8)
    rows, columns = np.mgrid[:height, :width] + 0.5
    for (x, y, _), colour in zip(points68(mesh), COLOURS, strict=True):
        picture[(columns - x) ** 2 + (rows - y) ** 2 <= radius**2] = colour
    return picture


def tight_box(mesh: np.ndarray) -> np.ndarray:
    """x0, y0, x1, y1 of the 68 points."""
    points = points68(mesh)[:, :2]
    return np.concatenate([points.min(0), points.max(0)])


def square_side(box: np.ndarray) -> float:
    """Side in pixels of what FAN sees around a box: 200 / 195 of its width and height together."""
    return float(200 / 195 * (box[2] - box[0] + box[3] - box[1]))


class Dots(nn.Module):
    """Heatmaps (N, 68, 64, 64) that peak where the dots are in patches (N, 3, 256, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, patches: torch.Tensor) -> list[torch.Tensor]:
        self.shapes.append(tuple(patches.shape))
        heat = torch.stack([self._one(patch * 255) for patch in patches])
        return [torch.zeros_like(heat), heat]  # FAN's last one counts

    def _one(self, patch: torch.Tensor) -> torch.Tensor:
        colours = torch.from_numpy(COLOURS / np.linalg.norm(COLOURS, axis=1, keepdims=True))
        along = torch.einsum("jc,crw->jrw", colours, patch)
        angle = 1 - along / patch.norm(dim=0).clamp(min=1)
        # A dot's rim is its colour, darker: it counts by the share of the pixel that it fills.
        weight = along * (angle < 5e-4)
        centres = torch.arange(256) + 0.5
        total = weight.sum((1, 2))
        x = (weight.sum(1) * centres).sum(1) / total / 4
        y = (weight.sum(2) * centres).sum(1) / total / 4
        if x[0] > x[16]:  # a mirrored picture: what looks like the right ear is the left one
            x, y = x[MIRRORED], y[MIRRORED]
        cells = torch.arange(64) + 0.5
        along = torch.exp(-(cells - x[:, None]).square() / 2)
        down = torch.exp(-(cells - y[:, None]).square() / 2)
        return torch.nan_to_num(down[:, :, None] * along[:, None, :])  # nothing without dots


class Depth(nn.Module):
    """The same depth (N, 68) for all: that of a mesh, in pixels of its patch, nearer larger."""

    def __init__(self, mesh: np.ndarray) -> None:
        super().__init__()
        near = -points68(mesh)[:, 2] * 256 / square_side(tight_box(mesh))
        self.known = torch.from_numpy(near.astype(np.float32))

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        assert patches.shape[1:] == (71, 256, 256)
        return self.known.expand(len(patches), -1)


class Maps(nn.Module):
    """S3FD's 12 maps of a picture, which show no face but where `hot` says.

    hot: (level, row, column, logit) of a cell: a face's logit over the background's, which is 0;
    after them, if at all, four numbers, S3FD's code for how the box differs from the cell's own.
    """

    def __init__(self, hot: list[tuple[float, ...]]) -> None:
        super().__init__()
        self.hot = hot
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, picture: torch.Tensor) -> list[torch.Tensor]:
        self.shapes.append(tuple(picture.shape))
        maps = []
        for level in range(6):
            cells = [-(-side // 2 ** (level + 2)) for side in picture.shape[2:]]
            scores, codes = torch.zeros(1, 2, *cells), torch.zeros(1, 4, *cells)
            scores[:, 1] = -20
            for row, column, logit, *code in (one[1:] for one in self.hot if one[0] == level):
                scores[0, 1, row, column] = logit
                codes[0, :, row, column] = torch.tensor(code or [0, 0, 0, 0])
            maps += [scores, codes]
        return maps
