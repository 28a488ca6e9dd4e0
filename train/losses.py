"""Equations 1 to 7 of the paper, in their order.

The paper writes sums; the default here are means (docs/method.md). Equation 1 lacks its minus and
equation 3 its hinge in print; both are here. Each loss is a scalar, at least 0, of the dtype of
what the networks gave.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from train.config import Settings

Reduction = Literal["mean", "sum"]


def classification_loss(logit: Tensor, live: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Equations 1 and 2: binary cross entropy of logit (n,) against live (n,), 1 live, 0 spoof."""
    return functional.binary_cross_entropy_with_logits(
        logit, live.to(logit.dtype), reduction=reduction
    )


def squared_distances(embedding: Tensor) -> Tensor:
    """Squared L2 distance of every pair of rows of embedding (n x C): n x n, at least 0."""
    return (embedding[:, None] - embedding[None, :]).square().sum(-1)


class Mined(NamedTuple):
    """What a triplet loss is made of, each a scalar.

    total: sum of the costs. counted: how many costs the mean is over. valid: how many triplets
    (batch_hard: anchors) there are, at a cost or not.
    """

    total: Tensor
    counted: Tensor
    valid: Tensor

    def loss(self, reduction: Reduction = "mean") -> Tensor:
        """The mean, or the sum. Where nothing is left it is 0, its gradient too."""
        return self.total / self.counted.clamp(min=1) if reduction == "mean" else self.total


def batch_all(
    distance: Tensor, positive: Tensor, negative: Tensor, margin: float, least: float = 0.0
) -> Mined:
    """Every triplet: max(0, d(a, p) - d(a, n) + margin); those count that cost more than least.

    distance, positive, negative: n x n, anchors in rows; the last two bool, say who serves.
    """
    cost = distance[:, :, None] - distance[:, None, :] + margin  # anchor, positive, negative
    valid = positive[:, :, None] & negative[:, None, :]
    counted = valid & (cost > least)
    return Mined(torch.where(counted, cost, 0.0).sum(), counted.sum(), valid.sum())


def batch_hard(distance: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Mined:
    """Each anchor with its farthest positive and nearest negative; all count that have both.

    distance, positive, negative: as batch_all takes them.
    """
    farthest = torch.where(positive, distance, -torch.inf).argmax(1, keepdim=True)
    nearest = torch.where(negative, distance, torch.inf).argmin(1, keepdim=True)
    cost = distance.gather(1, farthest) - distance.gather(1, nearest) + margin
    valid = (positive.any(1) & negative.any(1))[:, None]
    total = torch.where(valid, cost.clamp(min=0), 0.0).sum()
    return Mined(total, valid.sum(), valid.sum())


def pairs(classes: Tensor) -> tuple[Tensor, Tensor]:
    """Who is positive, of the same class but not the same sample, and who negative, to whom.

    classes: (n,). Returns two n x n bool, anchors in rows.
    """
    same = classes[:, None] == classes[None, :]
    return same & ~torch.eye(len(classes), dtype=torch.bool, device=classes.device), ~same


def triplet_loss(
    embedding: Tensor,
    live: Tensor,
    *,
    margin: float,
    mining: Literal["batch_all", "batch_hard"] = "batch_all",
    anchors: Literal["live", "both"] = "live",
    reduction: Reduction = "mean",
) -> Tensor:
    """Equations 3 and 4: the triplet loss of one domain's batch on squared L2 distances.

    embedding: n x C, as it comes; live: (n,), 1 live, 0 spoof.
    anchors: live is the paper's one-side loss: anchor and positive live, negative spoof. both is
    the normal loss: every sample is an anchor, its positive of its own class, its negative not.
    mining: batch_all takes every triplet; the mean is over those that still cost. batch_hard
    gives each anchor its farthest positive and its nearest negative; the mean is over all anchors
    that have both. Where nothing is left the loss is 0, its gradient too.
    """
    live = live > 0.5
    positive, negative = pairs(live)
    if anchors == "live":  # the one side: spoofs of different attacks need not come together
        positive, negative = positive & live[:, None], negative & live[:, None]
    mine = batch_all if mining == "batch_all" else batch_hard
    return mine(squared_distances(embedding), positive, negative, margin).loss(reduction)


def segmentation_loss(logits: Tensor, parsing: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Equation 5: cross entropy over the 13 classes at every pixel, background included.

    logits: n x 13 x S x S; parsing: n x S x S whole numbers 0 to 12, live and spoof alike.
    """
    return functional.cross_entropy(logits, parsing, reduction=reduction)


def depth_loss(estimate: Tensor, depth: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Equation 6: squared error of the depth map, n x 1 x s x s in [0, 1], all zero for spoofs.

    The map loss of SSAN-M is the same.
    """
    return functional.mse_loss(estimate, depth.to(estimate.dtype), reduction=reduction)


def total_loss(sums: Mapping[str, Tensor], settings: Settings) -> Tensor:
    """Equation 7: the weighted sum of the losses of meta-train and meta-test.

    sums: each loss by its part and name, such as `train_cls` and `test_seg`; one that a variant
    leaves out is not there, and counts nothing.
    """
    within = {
        "cls": settings.classification_weight,
        "trip": settings.triplet_weight,
        "dep": settings.depth_weight,
        "seg": settings.segmentation_weight,
    }
    between = {"train": settings.meta_train_weight, "test": settings.meta_test_weight}
    terms = []
    for key, value in sums.items():
        part, loss = key.split("_")
        terms.append(between[part] * within[loss] * value)
    return torch.stack(terms).sum()
