"""SSDG-M (Jia et al., CVPR 2020, "Single-Side Domain Generalization"), as its released code trains
it: live samples of all sources are one class that no discriminator can tell apart by source;
spoofs are a class of their own in each source.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from train.baselines import initial
from train.baselines.adversary import coefficient, domain_loss, reverse
from train.baselines.backbone import Backbone, conv_block, pool
from train.baselines.joined import Joined, join
from train.baselines.names import renamed
from train.batches.data import Batch
from train.config import Settings
from train.losses import Mined, batch_all, pairs, squared_distances
from train.model import scaled

LOSSES = ("cls", "trip", "domain")
"""What step_losses reports beside the total."""

LEAST_COST = 1e-16
"""Cost above which the released code counts a triplet."""


class NormalisedLinear(nn.Linear):
    """A linear layer whose weight has unit L2 norm over the outputs of each input.

    In training the weight itself is overwritten so before each product, and no gradient goes
    through that; the optimizer steps from there. Evaluation takes the same product and leaves the
    weight alone, so that scores do not depend on how often it ran.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: n x in; returns n x out."""
        with torch.no_grad():
            weight = functional.normalize(self.weight, dim=0)
            if self.training:
                self.weight.copy_(weight)
        return functional.linear(input, self.weight if self.training else weight, self.bias)


class Discriminator(nn.Module):
    """Which source an embedding is from: two linear layers."""

    def __init__(self, channels: int, domains: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.fc1 = nn.Linear(channels, channels)
        self.fc2 = nn.Linear(channels, domains)

    def forward(self, embedding: Tensor) -> Tensor:
        """embedding: n x 512; returns n x domains logits."""
        inner = functional.relu(self.fc1(embedding))
        return self.fc2(functional.dropout(inner, self.dropout, self.training))


class SSDG(nn.Module):
    """Backbone, embedder, classifier, and the discriminator, which only training needs."""

    def __init__(self, settings: Settings, domains: int) -> None:
        super().__init__()
        first, second, self.channels = (scaled(c, settings.width) for c in (128, 256, 512))
        self.backbone = Backbone(settings.width)
        self.embedder = nn.Sequential(
            *conv_block(self.backbone.channels, first),
            pool(),
            *conv_block(first, second),
            pool(),
            *conv_block(second, self.channels),
        )
        self.linear = nn.Linear(self.channels, self.channels)
        self.classifier = NormalisedLinear(self.channels, 2)
        self.dropout = settings.dropout
        self.discriminator = Discriminator(self.channels, domains, self.dropout)

    def embed(self, images: Tensor) -> Tensor:
        """The embedding, n x 512, of n x 3 x S x S images: f / sqrt(2 |f|), so of norm sqrt(|f|/2).

        What dropout leaves out in training comes from torch's own random state, which the engine
        sets anew for each step.
        """
        pooled = self.embedder(self.backbone(images)[-1]).mean((2, 3))
        f = functional.relu(self.linear(pooled))
        f = functional.dropout(f, self.dropout, self.training)
        return f / (2 * f.norm(dim=1, keepdim=True).clamp(min=1e-12)).sqrt()

    def forward(self, images: Tensor) -> Tensor:
        """Logits, n x 2, spoof and live, of n x 3 x S x S images."""
        return self.classifier(self.embed(images))

    def score(self, images: Tensor) -> Tensor:
        """Softmax of the class live, (n,) float64 in [0, 1], of n x 3 x S x S images."""
        return self(images).double().softmax(1)[:, 1]


def initialise(networks: SSDG, generator: torch.Generator) -> None:
    """The published initial weights, drawn from `generator` alone."""
    initial.initialise(networks, generator)
    for layer, deviation, bias in (
        (networks.linear, 0.005, 0.1),
        (networks.classifier, 0.01, 0.0),
        (networks.discriminator.fc1, 0.01, 0.0),
        (networks.discriminator.fc2, 0.3, 0.0),
    ):
        nn.init.normal_(layer.weight, 0.0, deviation, generator=generator)
        nn.init.constant_(layer.bias, bias)


class Passed(NamedTuple):
    """What one pass of training gives.

    embedding: n x 512; logits: n x 2; domain: one row of logits over the sources a live sample.
    """

    embedding: Tensor
    logits: Tensor
    domain: Tensor


def forward_pass(networks: SSDG, joined: Joined, settings: Settings, step: int) -> Passed:
    """All samples through embedder and classifier, the live ones on to the discriminator.

    step: counted from 0; it decides how far the gradient is reversed.
    """
    embedding = networks.embed(joined.images)
    live = reverse(embedding[joined.live], coefficient(step + 1, settings.reversal_steps))
    return Passed(embedding, networks.classifier(embedding), networks.discriminator(live))


def classes_of(joined: Joined) -> Tensor:
    """Classes of the triplet loss, n int64: live of every source 0, spoofs of source k: k + 1."""
    return torch.where(joined.live, 0, joined.domain + 1)


def distances(embedding: Tensor) -> Tensor:
    """L2 distance of every pair of rows of embedding (n x C): n x n.

    Where a distance is exactly zero its gradient is zero, not infinite.
    """
    squared = squared_distances(embedding)
    apart = squared > 0
    return torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)


def class_triplets(embedding: Tensor, classes: Tensor, margin: float) -> Mined:
    """The asymmetric triplet loss: plain L2 distances, any number of classes, batch-all.

    embedding: n x C, as it comes; classes: (n,) whole numbers. Every sample of every class is an
    anchor, a positive is another sample of its class, a negative one of any other class. Where
    nothing costs the loss is 0, its gradient too.
    """
    return batch_all(distances(embedding), *pairs(classes), margin, LEAST_COST)


def losses_of(passed: Passed, joined: Joined, settings: Settings) -> dict[str, Tensor]:
    """The three losses, scalars named as in LOSSES, and their weighted sum as `total`.

    total = cls + triplet_weight * trip + domain_weight * domain. cls is the mean cross entropy of
    live or spoof, trip the mean over the triplets that cost.
    """
    classes = classes_of(joined)
    terms = {
        "cls": functional.cross_entropy(passed.logits, joined.live.long()),
        "trip": class_triplets(passed.embedding, classes, settings.margin).loss(),
        "domain": domain_loss(passed.domain, joined.domain[joined.live]),
    }
    total = terms["cls"] + settings.triplet_weight * terms["trip"]
    return {**terms, "total": total + settings.domain_weight * terms["domain"]}


def step_losses(
    networks: SSDG, domains: Sequence[Batch], settings: Settings, step: int
) -> dict[str, Tensor]:
    """The losses of one step, counted from 0, named as in LOSSES, and `total` to go back from.

    domains: one batch a source, always in the same order; networks in training mode.
    """
    joined = join(domains)
    return losses_of(forward_pass(networks, joined, settings, step), joined, settings)


def _backbone_names() -> dict[str, str]:
    names = {"backbone.conv1_1.": "backbone.stem.0.", "backbone.bn1_1.": "backbone.stem.1."}
    for number in range(9):
        stage, place = divmod(number, 3)
        ours = f"backbone.stage{stage + 1}."
        names[f"backbone.conv1_{number + 2}."] = f"{ours}{3 * place}."
        names[f"backbone.bn1_{number + 2}."] = f"{ours}{3 * place + 1}."
    return names


NAMES = {
    **_backbone_names(),
    "embedder.conv3_1.": "embedder.0.",
    "embedder.bottleneck_layer_1.1.": "embedder.1.",
    "embedder.conv3_2.": "embedder.4.",
    "embedder.bottleneck_layer_1.5.": "embedder.5.",
    "embedder.conv3_3.": "embedder.8.",
    "embedder.bottleneck_layer_1.9.": "embedder.9.",
    "embedder.bottleneck_layer_fc.": "linear.",
    "classifier.classifier_layer.": "classifier.",
    "fc1.": "discriminator.fc1.",
    "fc2.": "discriminator.fc2.",
}
"""Beginnings of names: SSDG's network and its discriminator, and ours."""

ALIASES = {
    "embedder.bottleneck_layer_1.0.": "embedder.0.",
    "embedder.bottleneck_layer_1.4.": "embedder.4.",
    "embedder.bottleneck_layer_1.8.": "embedder.8.",
    "embedder.bottleneck_layer.0.": "linear.",
    "ad_net.0.": "discriminator.fc1.",
    "ad_net.3.": "discriminator.fc2.",
}
"""Second names of the same tensors, which a released snapshot has too."""


def from_ssdg(*states: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename state dicts of SSDG's released code (with `module.` before each name or not) to ours.

    Give its network's and its discriminator's in any order; load the result into SSDG. A released
    snapshot lacks the discriminator: load that with strict=False, to evaluate. Raises KeyError for
    a name that is not one of theirs.
    """
    ours: dict[str, Tensor] = {}
    for state in states:
        ours |= renamed(state, NAMES | ALIASES, "SSDG")
    return ours
