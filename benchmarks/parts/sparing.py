"""Less memory for the same numbers: a step in float64 at the full size on an ordinary machine."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

BLOCK = 3  # convolution, batch norm, ReLU


class Recomputed(nn.Module):
    """Blocks whose inner activations are made again on the way back instead of kept."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.parts = [layers[i : i + BLOCK] for i in range(0, len(layers), BLOCK)]

    def forward(self, x: Tensor) -> Tensor:
        """Any input that the layers take."""
        for part in self.parts:
            x = checkpoint(part, x, use_reentrant=False)
        return x


def one_by_one(convolve: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Convolve image by image: float64 on a CPU unfolds all it is given, nine times its size."""
    return torch.cat([convolve(image) for image in images.split(1)])


def spare(networks: nn.Module, backbone: Any) -> None:
    """Make a step of these networks need less memory. Their state dict is no longer theirs.

    backbone: their part that sees the full size, with stem, stage1, stage2 and stage3. A block's
    running statistics move again when it is recomputed: read them before going back.
    """
    for module in networks.modules():
        if isinstance(module, nn.Conv2d):
            module.forward = partial(one_by_one, module.forward)  # type: ignore[method-assign]
    for name in ("stem", "stage1", "stage2", "stage3"):
        setattr(backbone, name, Recomputed(getattr(backbone, name)))
