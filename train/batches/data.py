"""From a bundle to batches: the samples that a step draws, read and made into input and targets."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipeline.bundle import FIELDS, PIXELS
from pipeline.errors import UserError
from train.batches import augment, chance, pixels
from train.batches.buffers import Buffers
from train.batches.domain import Domain
from train.batches.draws import NOBODY, Balanced, Draw, Pooled, Share
from train.config import Settings


class Raw(NamedTuple):
    """One domain's draw as it is stored.

    images: n x 256 x 256 x 3 uint8; depth: n x 32 x 32 float32; parsing: n x 256 x 256 uint8; live:
    n float32, 1 live and 0 spoof; landmarks: n x 468 x 3 float32 in crop pixels, None where nobody
    asked for them.
    """

    images: Tensor
    depth: Tensor
    parsing: Tensor
    live: Tensor
    landmarks: Tensor | None = None


class Batch(NamedTuple):
    """One domain's batch on the device that trains.

    images: n x 6 x S x S float32 in [0, 1], or n x 3 x S x S (pixels.planes), channels last in
    memory where the settings say so; live: n float32, 1 live and 0 spoof;
    depth: n x 1 x S/8 x S/8 float32 in [0, 1]; parsing: n x S x S int64, 0 to 12;
    landmarks: n x 468 x 3 float32 in pixels of the images, None where nobody asked for them.
    With pooled drawing n differs from step to step and may be 0.
    """

    images: Tensor
    live: Tensor
    depth: Tensor
    parsing: Tensor
    landmarks: Tensor | None = None


class Source:
    """A source domain with what it draws, as process `rank` of `ranks` sees it.

    landmarks: whether batches carry them. draw: which samples a step sees; None: balanced, of all
    subjects. Raises UserError when live or spoof has no sample, or where spoofs have depth;
    ValueError where the settings ask for pooled drawing and no draw is given.
    """

    def __init__(
        self,
        domain: Domain,
        settings: Settings,
        rank: int = 0,
        ranks: int = 1,
        landmarks: bool = False,
        draw: Draw | None = None,
    ) -> None:
        if domain.spoof_depth != "zero":
            raise UserError(
                f"dataset '{domain.name}': spoofs keep their depth in this bundle"
                f" (depth.spoof_depth: {domain.spoof_depth}), and the method learns from zero;"
                " make one with zero to train"
            )
        if draw is None and settings.drawing != "balanced":
            raise ValueError("pooled drawing is over all sources: make_sources makes them together")
        self.domain, self.settings = domain, settings
        self.rank, self.ranks, self.landmarks = rank, ranks, landmarks
        self.draw = Balanced(domain, settings, NOBODY, rank, ranks) if draw is None else draw
        self._memory = Buffers()

    def __reduce__(self) -> tuple[Any, ...]:
        made_of = (self.domain, self.settings, self.rank, self.ranks, self.landmarks, self.draw)
        return Source, made_of

    @property
    def steps(self) -> int:
        """Steps of one epoch: until the longest list that it draws from was gone through."""
        return self.draw.batches

    def samples(self, step: int) -> np.ndarray:
        """Sample numbers of one step: balanced, the live ones first; pooled, perhaps none."""
        return self.draw(step)

    def read(self, samples: np.ndarray, pinned: bool = False) -> Raw:
        """What is stored of these samples. pinned: in memory that a GPU copies from by itself.

        Raises BundleError where a file of the bundle changed.
        """
        parts = {name: self._room(name, len(samples), pinned) for name in PIXELS}
        self.domain.fill(samples, {name: part.numpy() for name, part in parts.items()})
        images, depth, parsing = parts.values()
        live = torch.from_numpy(self.domain.live[samples].astype(np.float32))
        return Raw(
            images, depth, parsing, live,
            self.domain.landmarks(samples) if self.landmarks else None,
        )  # fmt: skip

    def _room(self, name: str, count: int, pinned: bool) -> Tensor:
        """Memory for a field of `count` samples: a part of that for a whole batch, so that pooled
        draws, which differ in size, use the same again.
        """
        field = FIELDS[name]
        shape = (max(count, self.settings.batch), *field.shape)
        whole = self._memory.take(shape, np.dtype(field.dtype), pinned)
        # Through numpy the part is a tensor of its own: a worker process would send all of it else.
        return whole[:count] if pinned else torch.from_numpy(whole.numpy()[:count])

    def finish(self, raw: Raw, step: int, device: torch.device) -> Batch:
        """Take the draw of one step to the device and make the networks' input and targets.

        raw: what `read` gives for the samples of this step. step: decides the augmentation, with
        the seed, the dataset's name and the process; it is counted from 0.
        """
        images, depth, parsing, live = (part.to(device, non_blocking=True) for part in raw[:4])
        landmarks = None if raw.landmarks is None else raw.landmarks.to(device)
        # Drawn for a whole batch: the processes' parts stay apart, however many samples each has.
        count = len(raw.live)
        most = max(count, self.settings.batch)
        drawn = chance.draw(self.settings, self.domain.name, step, most, self.rank, self.ranks)
        drawn = chance.Drawn(*(None if part is None else part[:count] for part in drawn))
        return prepare(images, depth, parsing, live, self.settings, drawn.to(device), landmarks)

    def batch(self, step: int, device: torch.device) -> Batch:
        """Read and prepare the batch of one step, counted from 0.

        Raises BundleError where a file of the bundle changed.
        """
        return self.finish(self.read(self.samples(step)), step, device)


def make_sources(
    domains: Sequence[Domain],
    settings: Settings,
    held_out: Mapping[str, frozenset[str]] = {},
    rank: int = 0,
    ranks: int = 1,
) -> list[Source]:
    """Make the sources of a run, in their order, with the drawing that the settings name.

    held_out: by dataset, the subjects that are not drawn. Raises UserError as Source does, pooled
    where a source has no sample left; ValueError for held_out of a dataset that is no source.
    """
    if others := set(held_out) - {domain.name for domain in domains}:
        raise ValueError(f"subjects left out of {sorted(others)}, which are no sources")
    draws: list[Draw]
    if settings.drawing == "pooled":
        pooled = Pooled(domains, settings, held_out, rank, ranks)
        draws = [Share(pooled, source) for source in range(len(domains))]
    else:
        draws = [
            Balanced(domain, settings, held_out.get(domain.name, NOBODY), rank, ranks)
            for domain in domains
        ]
    return [
        Source(domain, settings, rank, ranks, draw=draw)
        for domain, draw in zip(domains, draws, strict=True)
    ]


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
    live: n float32, taken over; landmarks: n x 468 x 3 float32 in pixels of the stored images. n
    may be 0.
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
    depth = pixels.reduce_by_area(depth, size // 8)
    if settings.depth_target == "mask":
        depth = (depth >= 0.5).float()  # binary again after the reduction
    rgb = chance.recolour(pixels.reduce_by_area(rgb, size), drawn)
    images = pixels.planes(rgb, settings.colours, settings.hsv)
    parsing = pixels.reduce_by_nearest(parsing, size).long()
    if drawn.flip is not None:
        mirrored = augment.flip(images, depth, parsing)
        chosen = drawn.flip[:, None, None]
        images = torch.where(chosen[..., None], mirrored[0], images)
        depth = torch.where(chosen[..., None], mirrored[1], depth)
        parsing = torch.where(chosen, mirrored[2], parsing)
        if landmarks is not None:
            landmarks = torch.where(chosen, augment.flip_landmarks(landmarks, size), landmarks)
    images = pixels.laid_out(images, settings.channels_last)
    return Batch(images, live, depth, parsing, landmarks)
