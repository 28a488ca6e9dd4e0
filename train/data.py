"""From a bundle to balanced batches: which samples a step sees, and their tensors.

Everything random is a function of the seed, the dataset's name, the class and the step, never of
what was drawn before: a run that goes on at step t sees what it would have seen.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipeline.bundle import Bundle, Shard
from pipeline.errors import UserError
from train import augment
from train.config import Settings
from train.protocols import SPLITS

CLASS_NAMES = {1: "live", 0: "spoof"}


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Give the generator of one purpose: its stream depends on the seed and the names alone."""
    digest = hashlib.sha256(repr(purpose).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])


class Domain:
    """The samples of one dataset (train and test splits), in the order of their identity.

    shards: open shards; shard, row: (N,) where sample i lies; live: (N,) uint8; video: (N,) str;
    frame: (N,) int32; spoof_depth: `zero`, or `raw` where spoofs keep the depth that was made of
    them. Raises UserError when there is no sample.
    """

    def __init__(self, bundle: Bundle, name: str) -> None:
        self.name = name
        self.spoof_depth = bundle.spoof_depth
        self.shards: list[Shard] = bundle.shards(name, SPLITS)
        if not sum(len(shard) for shard in self.shards):
            raise UserError(f"{bundle.folder}: dataset '{name}' has no sample in train or test")
        shard = np.repeat(np.arange(len(self.shards)), [len(s) for s in self.shards])
        row = np.concatenate([np.arange(len(s)) for s in self.shards])
        video = np.concatenate([s.video for s in self.shards])
        frame = np.concatenate([s.frame for s in self.shards])
        order = np.lexsort((frame, video))
        self.shard, self.row, self.video, self.frame = (
            column[order] for column in (shard, row, video, frame)
        )
        self.live = np.concatenate([s.live for s in self.shards])[order]

    def __len__(self) -> int:
        return len(self.row)

    def column(self, name: str) -> np.ndarray:
        """A field of the shards without pixels (attack, subject, ...), in the domain's order."""
        return np.array(
            [getattr(self.shards[s], name)[r] for s, r in zip(self.shard, self.row, strict=True)]
        )

    def read(self, samples: Sequence[int] | np.ndarray, field: str) -> Tensor:
        """Read image, depth or parsing of some samples: a tensor of the stored dtype."""
        return torch.from_numpy(
            np.stack([getattr(self.shards[self.shard[i]], field)[self.row[i]] for i in samples])
        )


class Cycle(NamedTuple):
    """One (domain, class) list, shuffled anew each time through.

    A batch takes `take` samples; what is left at the end of a round and is too short is dropped.
    A list shorter than `take` is repeated, each repetition shuffled, to fill one batch.
    """

    members: np.ndarray
    take: int
    seed: int
    name: str

    @property
    def batches(self) -> int:
        """Batches in one round, at least 1."""
        return max(1, len(self.members) // self.take)

    def __call__(self, step: int) -> np.ndarray:
        """Sample numbers (take,) of one step, counted from 0."""
        lap, position = divmod(step, self.batches)
        random = generator(self.seed, "samples", self.name, lap)
        repeats = -(-self.take // len(self.members))
        order = np.concatenate([random.permutation(self.members) for _ in range(repeats)])
        return order[position * self.take : (position + 1) * self.take]


class Batch(NamedTuple):
    """One domain's batch on the device that trains.

    images: n x 6 x S x S float32 in [0, 1]; live: n float32, 1 live and 0 spoof;
    depth: n x 1 x S/8 x S/8 float32 in [0, 1]; parsing: n x S x S int64, 0 to 12.
    """

    images: Tensor
    live: Tensor
    depth: Tensor
    parsing: Tensor


class Source:
    """A source domain with its two cycles.

    Raises UserError when live or spoof has no sample, or where spoofs have depth.
    """

    def __init__(self, domain: Domain, settings: Settings) -> None:
        if domain.spoof_depth != "zero":
            raise UserError(
                f"dataset '{domain.name}': spoofs keep their depth in this bundle"
                f" (depth.spoof_depth: {domain.spoof_depth}), and the method learns from zero;"
                " make one with zero to train"
            )
        self.domain = domain
        self.settings = settings
        self.cycles: list[Cycle] = []
        for live, word in CLASS_NAMES.items():
            members = np.flatnonzero(domain.live == live)
            if not len(members):
                raise UserError(
                    f"dataset '{domain.name}' has no {word} sample in train or test, "
                    "and a source needs both classes"
                )
            name = f"{domain.name}/{word}"
            self.cycles.append(Cycle(members, settings.batch // 2, settings.seed, name))

    @property
    def steps(self) -> int:
        """Steps that the longer of the two lists needs for one round."""
        return max(cycle.batches for cycle in self.cycles)

    def samples(self, step: int) -> np.ndarray:
        """Sample numbers of one step: the live ones first."""
        return np.concatenate([cycle(step) for cycle in self.cycles])

    def batch(self, step: int, device: torch.device) -> Batch:
        """Read and prepare the batch of one step."""
        samples = self.samples(step)
        batch = prepare(
            self.domain.read(samples, "image").to(device),
            self.domain.read(samples, "depth").to(device),
            self.domain.read(samples, "parsing").to(device),
            torch.from_numpy(self.domain.live[samples].astype(np.float32)).to(device),
            self.settings,
        )
        if self.settings.augmentation == "flip":
            coin = generator(self.settings.seed, "flip", self.domain.name, step)
            chosen = torch.from_numpy(coin.random(len(samples)) < 0.5).to(device)
            mirrored = augment.flip(batch.images, batch.depth, batch.parsing)
            for whole, other in zip((batch.images, batch.depth, batch.parsing), mirrored,
                                    strict=True):  # fmt: skip
                whole[chosen] = other[chosen]
        return batch


def prepare(
    images: Tensor, depth: Tensor, parsing: Tensor, live: Tensor, settings: Settings
) -> Batch:
    """Bring what the bundle holds to the networks' sizes.

    images: n x 256 x 256 x 3 uint8; depth: n x 32 x 32 float32, reduced by area to an eighth of
    the input; parsing: n x 256 x 256 uint8, reduced to the class under each pixel's centre.
    """
    size = settings.input_size
    depth = depth[:, None]
    if settings.depth_target == "mask":
        depth = (depth > 0).float()
    depth = augment.reduce_by_area(depth, size // 8)
    if settings.depth_target == "mask":
        depth = (depth >= 0.5).float()  # binary again after the reduction
    return Batch(
        augment.to_input(images, size, settings.hsv),
        live,
        depth,
        augment.reduce_by_nearest(parsing, size).long(),
    )


def roles(seed: int, step: int, domains: int) -> list[int]:
    """Shuffle the domains of one step: the last is meta-test, the others meta-train."""
    return [int(i) for i in generator(seed, "roles", step).permutation(domains)]
