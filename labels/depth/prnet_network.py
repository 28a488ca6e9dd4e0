"""The network PRNet, and its tensors out of the variables of the released TensorFlow checkpoint.

Feng et al., "Joint 3D Face Reconstruction and Dense Alignment with Position Map Regression
Network", ECCV 2018. The layers follow the authors' TensorFlow graph, `SAME` padding included. How
it is run is told in labels/depth/prnet.py.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from labels.depth.position_map import SIDE
from pipeline.errors import UserError

RANGE = 1.1 * SIDE
"""Positions are the last layer's 0 to 1 times this, in pixels of what the network saw."""
BLOCKS = (32, 32, 64, 64, 128, 128, 256, 256, 512, 512)
"""Channels of the residual blocks; every other one, from the first on, halves the picture."""
UPWARDS = (512, 256, 256, 256, 128, 128, 128, 64, 64, 64, 32, 32, 16, 16, 3, 3, 3)
"""Channels of the transposed convolutions."""
DOUBLING = (1, 4, 7, 10, 12)
"""Which of these double the picture."""


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=0.001)


class Convolution(nn.Module):
    """A convolution without bias as TensorFlow pads it (`SAME`), batch norm, ReLU."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        missing = kernel - stride  # for even sizes; the odd pixel goes to the right and below
        self.padding = [missing // 2, missing - missing // 2] * 2
        self.convolution = nn.Conv2d(channels, out, kernel, stride, bias=False)
        self.norm = _norm(out)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x out x H / stride x W / stride."""
        return functional.relu(self.norm(self.convolution(functional.pad(x, self.padding))))


class ResidualBlock(nn.Module):
    """1x1 to half the width, 4x4 with the stride, 1x1 linear; added to the shortcut; norm, ReLU."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False)
        self.narrow = Convolution(channels, out // 2, 1)
        self.middle = Convolution(out // 2, out // 2, 4, stride)
        self.widen = nn.Conv2d(out // 2, out, 1, bias=False)
        self.norm = _norm(out)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x out x H / stride x W / stride."""
        inner = self.widen(self.middle(self.narrow(x)))
        return functional.relu(self.norm(inner + self.shortcut(x)))


class Transposed(nn.Module):
    """A transposed 4x4 convolution without bias, cut as TensorFlow's `SAME` does, batch norm."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        # Stride 1 leaves one row and column too many, which `SAME` takes from the far end.
        self.surplus = 2 - stride
        self.convolution = nn.ConvTranspose2d(channels, out, 4, stride, padding=1, bias=False)
        self.norm = _norm(out)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x out x H * stride x W * stride, before its activation."""
        x = self.convolution(x)
        if self.surplus:
            x = x[..., : -self.surplus, : -self.surplus]
        return self.norm(x)


class PRNet(nn.Module):
    """The position map regression network: a face picture in, its position map out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, 16, 4)
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, out, stride=1 if i % 2 else 2)
            for i, (channels, out) in enumerate(pairwise((16, *BLOCKS)))
        )
        self.transposed = nn.ModuleList(
            Transposed(channels, out, stride=2 if i in DOUBLING else 1)
            for i, (channels, out) in enumerate(pairwise((BLOCKS[-1], *UPWARDS)))
        )

    def forward(self, picture: Tensor) -> Tensor:
        """N x 3 x 256 x 256 RGB in [0, 1] to positions, N x 3 x 256 x 256.

        Channels x, y and z in pixels of the picture, pixel centres at whole numbers, z growing
        towards the viewer. Map pixels are points of the face in PRNet's own order. Raises
        ValueError for pictures of another size.
        """
        if picture.shape[1:] != (3, SIDE, SIDE):
            raise ValueError(f"pictures must be (N, 3, {SIDE}, {SIDE}), not {tuple(picture.shape)}")
        x = self.stem(picture)
        for block in self.blocks:
            x = block(x)
        for layer in self.transposed[:-1]:
            x = functional.relu(layer(x))
        return RANGE * torch.sigmoid(self.transposed[-1](x))


def _numbered(scope: str, i: int) -> str:
    """TensorFlow's name of the i-th scope of a kind."""
    return f"{scope}_{i}" if i else scope


def variable_names() -> dict[str, str]:
    """TensorFlow's variable for each tensor of PRNet that comes from one, by the tensor's name."""
    convolutions = {"stem.convolution": "Conv"}
    norms = {"stem.norm": "Conv"}
    for i in range(len(BLOCKS)):
        block, scope = f"blocks.{i}", _numbered("resBlock", i)
        if not i % 2:
            convolutions[f"{block}.shortcut"] = f"{scope}/shortcut"
        for j, layer in enumerate(("narrow", "middle")):
            convolutions[f"{block}.{layer}.convolution"] = f"{scope}/{_numbered('Conv', j)}"
            norms[f"{block}.{layer}.norm"] = f"{scope}/{_numbered('Conv', j)}"
        convolutions[f"{block}.widen"] = f"{scope}/Conv_2"
        norms[f"{block}.norm"] = scope
    for i in range(len(UPWARDS)):
        scope = _numbered("Conv2d_transpose", i)
        convolutions[f"transposed.{i}.convolution"] = scope
        norms[f"transposed.{i}.norm"] = scope
    parts = {
        "weight": "gamma", "bias": "beta",
        "running_mean": "moving_mean", "running_var": "moving_variance",
    }  # fmt: skip
    names = {f"{own}.weight": f"resfcn256/{tf}/weights" for own, tf in convolutions.items()}
    for own, tf in norms.items():
        for part, variable in parts.items():
            names[f"{own}.{part}"] = f"resfcn256/{tf}/BatchNorm/{variable}"
    return names


def convert(variables: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """PRNet's state dict, float32, from the TensorFlow variables of its checkpoint by their names.

    Others than the network's 245 (an optimiser's) are passed over. UserError names the first that
    is missing or has another shape.
    """
    with torch.device("meta"):
        wanted = PRNet().state_dict()
    state = {}
    for name, variable in variable_names().items():
        if variable not in variables:
            raise UserError(f"not PRNet's checkpoint: the variable {variable} is missing")
        array = np.asarray(variables[variable], np.float32)
        # Height, width, in, out; transposed: height, width, out, in. torch has both the other way.
        turned = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
        if turned.shape != wanted[name].shape:
            shape = tuple(wanted[name].shape)
            shape = (*shape[2:], shape[1], shape[0]) if len(shape) == 4 else shape
            raise UserError(
                f"not PRNet's checkpoint: the variable {variable} has the shape {array.shape}, "
                f"not {shape}"
            )
        state[name] = torch.from_numpy(np.array(turned, order="C"))
    for name, own in wanted.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros(own.shape, dtype=own.dtype)
    return state
