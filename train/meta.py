"""One step of training (section III-B), in the order of the text. Every variant runs through it."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.func import functional_call

from train import losses
from train.batches.data import Batch
from train.batches.streams import generator
from train.config import Settings
from train.model import Networks, Upstream

LOSSES = ("cls", "trip", "dep", "seg")
"""Of classification, triplet, depth and segmentation, as equation 7 weighs them."""
CURVES = tuple(f"{part}_{loss}" for part in ("train", "test") for loss in LOSSES)
"""What a step reports: each loss, added over the domains (train) or adapted learners (test)."""


def roles(seed: int, step: int, domains: int) -> list[int]:
    """The numbers of the domains, shuffled for a step that is counted from 0: the last is
    meta-test, the others are meta-train.
    """
    return [int(i) for i in generator(seed, "roles", step).permutation(domains)]


class Mining(NamedTuple):
    """The stage of the triplet loss (section III-D): which triplets count, with which margin."""

    mining: Literal["batch_all", "batch_hard"]
    margin: float


def stage(settings: Settings, step: int, steps: int) -> Mining:
    """Batch-all with the small margin, then from the switch on batch-hard with the larger one.

    step: counted from 0, of a run of `steps`. The normal triplet loss of the ablation keeps its
    beginning setting (section IV-E2).
    """
    if settings.parts.triplet == "both" or step < settings.switch * steps:
        return Mining("batch_all", settings.margin)
    return Mining("batch_hard", settings.second_margin)


def step_losses(
    networks: Networks, domains: Sequence[Batch], settings: Settings, mining: Mining
) -> dict[str, Tensor]:
    """The losses of one step, scalars named as in CURVES, and `total` (equation 7) to go back from.

    domains: one batch each, in the order of `roles`: the last is meta-test, the others meta-train.
    networks are in training mode; each domain's batch has batch statistics of its own.

    What the rows of Table II leave out of the step, by `settings.parts` (train/variants.py):

    - w/o parsing: S and its loss `seg`. M sees F's features alone.
    - w/o ASC: what M sees of S. M sees F's features alone.
    - w/o one-side trip.: `trip`, in the inner step and in both parts of the total.
    - w/o meta: steps 1b and 2. All domains are trained on alike, in one pass each.
    - w/ normal trip.: nothing, but every sample is an anchor of `trip`.
    """
    learner, parts = networks.meta, settings.parts
    last = len(domains) - 1 if parts.meta else len(domains)
    sums: dict[str, Tensor] = {}

    def add(part: str, terms: Mapping[str, Tensor]) -> None:
        for name, value in terms.items():
            key = f"{part}_{name}"
            sums[key] = sums[key] + value if key in sums else value

    # 1) Meta-train
    adapted = []
    for batch in domains[:last]:
        upstream = networks.upstream(batch.images)
        own = meta_losses(learner, None, upstream, batch, settings, mining)
        add("train", own)
        add("train", pixel_losses(upstream, batch, settings))
        if parts.meta:  # 1b) the parameters of M that this domain alone would lead to
            adapted.append(inner_step(learner, own, settings))

    # 2) Meta-test: features, depth and parsing once, M with each of the adapted parameters
    for batch in domains[last:]:
        upstream = networks.upstream(batch.images)
        for weights in adapted:
            add("test", meta_losses(learner, weights, upstream, batch, settings, mining))
        add("test", pixel_losses(upstream, batch, settings))

    # 3) Meta-optimization: the caller goes back from the total and changes F, D, S, ASC and M
    return {**sums, "total": losses.total_loss(sums, settings)}


def meta_losses(
    learner: nn.Module,
    weights: Mapping[str, Tensor] | None,
    upstream: Upstream,
    batch: Batch,
    settings: Settings,
    mining: Mining,
) -> dict[str, Tensor]:
    """Equations 1 to 4: what M is trained by, with its own parameters or with adapted ones.

    weights: parameters and buffers of an adapted M; None: the learner's own. Returns the scalars
    cls and, unless the variant leaves it out, trip.
    """
    if weights is None:
        logit, embedding = learner(upstream.shared)
    else:
        logit, embedding = functional_call(learner, dict(weights), (upstream.shared,))
    terms = {"cls": losses.classification_loss(logit, batch.live, settings.reduction)}
    if settings.parts.triplet is not None:
        if settings.embedding == "normalised":
            embedding = functional.normalize(embedding, dim=1)
        terms["trip"] = losses.triplet_loss(
            embedding,
            batch.live,
            margin=mining.margin,
            mining=mining.mining,
            anchors=settings.parts.triplet,
            reduction=settings.reduction,
        )
    return terms


def pixel_losses(upstream: Upstream, batch: Batch, settings: Settings) -> dict[str, Tensor]:
    """Equations 5 and 6: depth, and parsing where there is a parser."""
    terms = {"dep": losses.depth_loss(upstream.depth, batch.depth, settings.reduction)}
    if upstream.parsing is not None:
        terms["seg"] = losses.segmentation_loss(
            upstream.parsing, batch.parsing, settings.reduction
        )  # fmt: skip
    return terms


def inner_step(
    learner: nn.Module, terms: Mapping[str, Tensor], settings: Settings
) -> dict[str, Tensor]:
    """Section III-B1: theta_i = theta - alpha (grad cls_i + grad trip_i), M alone, graph kept.

    terms: what meta_losses gives for the learner's own parameters, not yet gone back from. Returns
    parameters and cloned buffers: adapted passes leave the learner's own untouched.
    """
    objective = terms["cls"]
    if "trip" in terms:
        objective = objective + settings.inner_triplet_weight * terms["trip"]
    parameters = dict(learner.named_parameters())
    gradients = torch.autograd.grad(objective, list(parameters.values()), create_graph=True)
    adapted = {
        name: value - settings.inner_learning_rate * gradient
        for (name, value), gradient in zip(parameters.items(), gradients, strict=True)
    }
    return adapted | {name: value.clone() for name, value in learner.named_buffers()}
