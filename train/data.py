"""From a bundle to balanced draws: which samples a step sees, and their bytes.

Everything random is a function of the seed, the dataset's name, the class and the step, never of
what was drawn before: a run that goes on at step t sees what it would have seen.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipeline.bundle import FIELDS, PIXELS
from pipeline.errors import UserError
from train import augment, chance
from train.buffers import Buffers
from train.chance import generator
from train.config import Settings
from train.domain import Domain

CLASS_NAMES = {1: "live", 0: "spoof"}


class Cycle:
    """One (domain, class) list, shuffled anew each time through (a lap).

    A step takes `take` samples for each of `ranks` processes; each has its own part of the same
    shuffled list, so together they show a sample once a lap. What is left at the end of a lap and
    is too short is dropped. A list shorter than one step is repeated, each repetition shuffled.
    """

    def __init__(
        self, members: np.ndarray, take: int, seed: int, name: str, rank: int = 0, ranks: int = 1
    ) -> None:
        self.members, self.take, self.seed, self.name = members, take, seed, name
        self.rank, self.ranks = rank, ranks
        self._known: tuple[int, np.ndarray] = (-1, members)  # set at once: threads may share it

    @property
    def batches(self) -> int:
        """Steps in one lap, at least 1."""
        return max(1, len(self.members) // (self.take * self.ranks))

    def __call__(self, step: int) -> np.ndarray:
        """Sample numbers (take,) of one step, counted from 0."""
        lap, position = divmod(step, self.batches)
        first = (position * self.ranks + self.rank) * self.take
        return self._order(lap)[first : first + self.take]

    def _order(self, lap: int) -> np.ndarray:
        known, order = self._known
        if known != lap:
            random = generator(self.seed, "samples", self.name, lap)
            repeats = -(-self.take * self.ranks // len(self.members))
            order = np.concatenate([random.permutation(self.members) for _ in range(repeats)])
            self._known = (lap, order)
        return order


class Raw(NamedTuple):
    """One domain's draw as it is stored, images n x 256 x 256 x 3 uint8, depth n x 32 x 32 float32,
    parsing n x 256 x 256 uint8; live n float32; landmarks n x 468 x 3 float32 in crop pixels, only
    where they were asked for.
    """

    images: Tensor
    depth: Tensor
    parsing: Tensor
    live: Tensor
    landmarks: Tensor | None = None


class Batch(NamedTuple):
    """One domain's batch on the device that trains.

    images: n x 6 x S x S float32 in [0, 1]; live: n float32, 1 live and 0 spoof;
    depth: n x 1 x S/8 x S/8 float32 in [0, 1]; parsing: n x S x S int64, 0 to 12;
    landmarks: n x 468 x 3 float32 in pixels of the images, None where nobody asked for them.
    """

    images: Tensor
    live: Tensor
    depth: Tensor
    parsing: Tensor
    landmarks: Tensor | None = None


class Source:
    """A source domain with its two cycles, as process `rank` of `ranks` sees it.

    landmarks: whether batches carry them. Raises UserError when live or spoof has no sample, or
    where spoofs have depth.
    """

    def __init__(
        self,
        domain: Domain,
        settings: Settings,
        rank: int = 0,
        ranks: int = 1,
        landmarks: bool = False,
    ) -> None:
        if not 0 <= rank < ranks:
            raise ValueError(f"rank {rank} of {ranks}: ranks count from 0")
        if domain.spoof_depth != "zero":
            raise UserError(
                f"dataset '{domain.name}': spoofs keep their depth in this bundle"
                f" (depth.spoof_depth: {domain.spoof_depth}), and the method learns from zero;"
                " make one with zero to train"
            )
        self.domain, self.settings = domain, settings
        self.rank, self.ranks, self.landmarks = rank, ranks, landmarks
        self._memory = Buffers()
        self.cycles: list[Cycle] = []
        for live, word in CLASS_NAMES.items():
            members = np.flatnonzero(domain.live == live).astype(np.int32)
            if not len(members):
                raise UserError(
                    f"dataset '{domain.name}' has no {word} sample in train or test, "
                    "and a source needs both classes"
                )
            name = f"{domain.name}/{word}"
            take = settings.batch // 2
            self.cycles.append(Cycle(members, take, settings.seed, name, rank, ranks))

    def __reduce__(self) -> tuple[Any, ...]:
        return Source, (self.domain, self.settings, self.rank, self.ranks, self.landmarks)

    @property
    def steps(self) -> int:
        """Steps that the longer of the two lists needs for one round."""
        return max(cycle.batches for cycle in self.cycles)

    def samples(self, step: int) -> np.ndarray:
        """Sample numbers of one step: the live ones first."""
        return np.concatenate([cycle(step) for cycle in self.cycles])

    def read(self, samples: np.ndarray, pinned: bool = False) -> Raw:
        """What is stored of these samples. pinned: in memory that a GPU copies from by itself."""
        parts = {
            name: self._memory.take(
                (len(samples), *FIELDS[name].shape), np.dtype(FIELDS[name].dtype), pinned
            )
            for name in PIXELS
        }
        self.domain.fill(samples, {name: part.numpy() for name, part in parts.items()})
        images, depth, parsing = parts.values()
        live = torch.from_numpy(self.domain.live[samples].astype(np.float32))
        return Raw(
            images, depth, parsing, live,
            self.domain.landmarks(samples) if self.landmarks else None,
        )  # fmt: skip

    def finish(self, raw: Raw, step: int, device: torch.device) -> Batch:
        """Take the draw of one step to the device and make the networks' input and targets."""
        images, depth, parsing, live = (part.to(device, non_blocking=True) for part in raw[:4])
        landmarks = None if raw.landmarks is None else raw.landmarks.to(device)
        drawn = chance.draw(
            self.settings, self.domain.name, step, len(raw.live), self.rank, self.ranks
        )
        return prepare(images, depth, parsing, live, self.settings, drawn.to(device), landmarks)

    def batch(self, step: int, device: torch.device) -> Batch:
        """Read and prepare the batch of one step."""
        return self.finish(self.read(self.samples(step)), step, device)


def prepare(
    images: Tensor,
    depth: Tensor,
    parsing: Tensor,
    live: Tensor,
    settings: Settings,
    drawn: chance.Drawn | None = None,
    landmarks: Tensor | None = None,
) -> Batch:
    """Bring what the bundle holds to the networks' sizes, augmented as `drawn` says.

    images: n x 256 x 256 x 3 uint8; depth: n x 32 x 32 float32, reduced by area to an eighth of
    the input; parsing: n x 256 x 256 uint8, reduced to the class under each pixel's centre;
    landmarks: n x 468 x 3 float32 in pixels of the stored images.
    """
    size, drawn = settings.input_size, drawn or chance.Drawn()
    rgb, depth = images.permute(0, 3, 1, 2).float() / 255, depth[:, None]
    if landmarks is not None:
        landmarks = landmarks * (size / images.shape[1])
    if drawn.zoom is not None:
        rgb, depth, parsing = augment.zoom(rgb, depth, parsing, drawn.zoom)
        if landmarks is not None:
            landmarks = augment.zoom_landmarks(landmarks, drawn.zoom, size)
    if settings.depth_target == "mask":
        depth = (depth > 0).float()
    depth = augment.reduce_by_area(depth, size // 8)
    if settings.depth_target == "mask":
        depth = (depth >= 0.5).float()  # binary again after the reduction
    rgb = chance.recolour(augment.reduce_by_area(rgb, size), drawn)
    images = augment.with_hsv(rgb, settings.hsv)
    parsing = augment.reduce_by_nearest(parsing, size).long()
    if drawn.flip is not None:
        pictures = augment.flip(images, depth, parsing)
        chosen = drawn.flip[:, None, None]
        parsing = torch.where(chosen, pictures[2], parsing)
        images, depth = (
            torch.where(chosen[..., None], other, own)
            for own, other in zip((images, depth), pictures[:2], strict=True)
        )
        if landmarks is not None:
            landmarks = torch.where(chosen, augment.flip_landmarks(landmarks, size), landmarks)
    return Batch(images, live, depth, parsing, landmarks)


def roles(seed: int, step: int, domains: int) -> list[int]:
    """Shuffle the domains of one step: the last is meta-test, the others meta-train."""
    return [int(i) for i in generator(seed, "roles", step).permutation(domains)]
