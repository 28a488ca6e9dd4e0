"""Weights and batches made by rule, so that two implementations get the same and none is shipped.

A tensor's name and shape decide its values, a batch's seed and size decide it.
"""

import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from train.batches.data import Batch

DOMAINS = 3


def rule_tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    """Float64 values of the parameter or buffer of that full name; its generator is seeded by it.

    From standard normal numbers z: weights of two and more dimensions z sqrt(2 / fan in), of one
    (batch norm) 1 + 0.1 z, biases 0.05 z, running means 0.1 z, running variances 1 + 0.1 |z|;
    counters of batches are 0, int64.
    """
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if name.endswith("running_var"):
        values = 1 + 0.1 * np.abs(z)
    elif name.endswith("running_mean"):
        values = 0.1 * z
    elif name.endswith("bias"):
        values = 0.05 * z
    elif len(shape) == 1:
        values = 1 + 0.1 * z
    else:
        values = z * np.sqrt(2 / np.prod(shape[1:]))
    return torch.as_tensor(values)


def rule_state(full_names: Mapping[str, str], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Values for a state dict by rule. full_names: by our name the one that decides the values."""
    return {
        name: rule_tensor(full_names[name], tuple(value.shape)) for name, value in state.items()
    }


def rule_batches(seed: int, half: int, planes: int, side: int, *, depth: bool) -> list[Batch]:
    """Three domains' batches, float64: `half` live images, then as many spoofs, side x side.

    All numbers are uniform in [0, 1) from one generator: every domain's images, then (depth) every
    domain's maps, an eighth of the side, zero for spoofs. Without depth all maps are zero.
    """
    random = np.random.default_rng(seed)
    count = 2 * half
    images = [random.random((count, planes, side, side)) for _ in range(DOMAINS)]
    live = torch.tensor([1.0] * half + [0.0] * half, dtype=torch.float64)
    batches = []
    for picture in images:
        shape = (count, 1, side // 8, side // 8)
        maps = random.random(shape) if depth else np.zeros(shape)
        maps[half:] = 0
        parsing = torch.zeros(0, dtype=torch.int64)  # none of the methods here parses
        batches.append(Batch(torch.from_numpy(picture), live, torch.from_numpy(maps), parsing))
    return batches
