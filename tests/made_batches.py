"""Batches of random numbers, as the networks take them, for tests of what trains."""

from collections.abc import Sequence

import torch

from train.batches.data import Batch
from train.config import Settings
from train.settings import settings_from_dict


def ssan(**more: object) -> Settings:
    """Settings of SSAN, whose drawing is pooled and whose frames are random, at 64 pixels."""
    return settings_from_dict({"variant": "ssan", "input_size": 64, **more}, "test")


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
