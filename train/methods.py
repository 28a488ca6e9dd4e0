"""What the engine must know of a way to train, whatever it is: networks, losses, scores."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from train import meta, model
from train.baselines import initial, ssan, ssdg
from train.batches.data import Batch
from train.config import Settings

Losses = dict[str, Tensor]
"""The losses of a step by name, each a scalar, and `total`, which is gone back from."""


class Method(NamedTuple):
    """A way to train.

    build: networks of these settings for so many sources, not initialised. initialise: fills their
    parameters from a generator alone. losses: those of one step, counted from 0, of so many; one
    batch a source, in the protocol's order; named as in curves. score: (n,) float64 of n x C x S x
    S images, networks in evaluation mode; higher is live; what it is says scale.
    """

    build: Callable[[Settings, int], nn.Module]
    initialise: Callable[[Any, Settings, torch.Generator], None]
    losses: Callable[[Any, Sequence[Batch], Settings, int, int], Losses]
    curves: tuple[str, ...]
    score: Callable[[Any, Tensor], Tensor]
    scale: str


def _meta_losses(
    networks: model.Networks, domains: Sequence[Batch], settings: Settings, step: int, steps: int
) -> Losses:
    """meta.step_losses of the domains in this step's roles, in the stage that mining is in."""
    order = meta.roles(settings.seed, step, len(domains))
    mining = meta.stage(settings, step, steps)
    return meta.step_losses(networks, [domains[i] for i in order], settings, mining)


METHODS: dict[str, Method] = {
    "meta": Method(
        build=lambda settings, sources: model.Networks(settings),
        initialise=model.initialise,
        losses=_meta_losses,
        curves=meta.CURVES,
        score=lambda networks, images: networks(images).double().sigmoid(),
        scale="sigmoid of the logit; higher is live",
    ),
    "ssdg": Method(
        build=ssdg.SSDG,
        initialise=lambda networks, settings, generator: ssdg.initialise(networks, generator),
        losses=lambda networks, domains, settings, step, steps: ssdg.step_losses(
            networks, domains, settings, step
        ),
        curves=ssdg.LOSSES,
        score=ssdg.SSDG.score,
        scale="softmax of the class live; higher is live",
    ),
    "ssan": Method(
        build=ssan.SSAN,
        initialise=lambda networks, settings, generator: initial.initialise(networks, generator),
        losses=ssan.step_losses,
        curves=ssan.LOSSES,
        score=ssan.SSAN.score,
        scale="mean of the depth map; higher is live",
    ),
}


def build(settings: Settings, sources: int) -> nn.Module:
    """Networks of these settings, not initialised; torch's global random state is left alone."""
    with torch.random.fork_rng(devices=[]):  # torch's own initialisation, overwritten later
        return METHODS[settings.method].build(settings, sources)


def make(settings: Settings, sources: int) -> nn.Module:
    """Networks of these settings, initialised from the seed alone."""
    networks = build(settings, sources)
    generator = torch.Generator().manual_seed(settings.seed)
    METHODS[settings.method].initialise(networks, settings, generator)
    return networks
