"""Batches of random numbers, as the networks take them, for tests of what trains."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from train import methods
from train.batches.data import Batch
from train.config import Settings
from train.settings import settings_from_dict


def small_settings(variant: str, **options: Any) -> Settings:
    """Settings of a variant whose networks are narrow and whose pictures have 64 pixels a side."""
    return settings_from_dict(
        {"variant": variant, "width": 0.05, "input_size": 64, **options}, "test"
    )


def make_networks(settings: Settings, sources: int = 3) -> Any:
    """Networks with the initial weights of seed 1, in float64 and training mode."""
    return methods.make(dataclasses.replace(settings, seed=1), sources).double().train()


def make_batch(
    seed: int,
    live: Sequence[int] = (1, 1, 0, 0),
    size: int = 64,
    channels: int = 6,
    dtype: torch.dtype = torch.float32,
) -> Batch:
    """One domain's batch; spoofs have no depth."""
    random, count = torch.Generator().manual_seed(seed), len(live)
    alive = torch.tensor(live, dtype=dtype)
    depth = torch.rand(count, 1, size // 8, size // 8, generator=random, dtype=dtype)
    return Batch(
        torch.rand(count, channels, size, size, generator=random, dtype=dtype),
        alive,
        depth * alive[:, None, None, None],
        torch.randint(0, 13, (count, size, size), generator=random),
    )


def rgb_batch(seed: int, live: Sequence[int], size: int = 64) -> Batch:
    """One domain's batch as the networks of SSDG and SSAN take it, in float64."""
    return make_batch(seed, live, size, 3, torch.float64)


def value(loss: Tensor) -> float:
    """The number of a loss, without its gradient."""
    return float(loss.detach())
