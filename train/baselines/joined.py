"""The batches of all sources as one: SSDG and SSAN take batch statistics over them together."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from train.batches.data import Batch


class Joined(NamedTuple):
    """All sources' samples, source after source.

    images: n x 3 x S x S; live: n bool; depth: n x 1 x S/8 x S/8; domain: n int64, the number of
    the source.
    """

    images: Tensor
    live: Tensor
    depth: Tensor
    domain: Tensor


def join(domains: Sequence[Batch]) -> Joined:
    """Join one batch a source, of any sizes, 0 too, but not all of them."""
    filled = [batch for batch in domains if len(batch.live)]  # an empty one loses channels last
    images, live, depth = (
        torch.cat(parts) for parts in zip(*(batch[:3] for batch in filled), strict=True)
    )
    counts = torch.tensor([len(batch.live) for batch in domains], device=live.device)
    numbers = torch.arange(len(domains), device=live.device)
    return Joined(images, live > 0.5, depth, numbers.repeat_interleave(counts))
