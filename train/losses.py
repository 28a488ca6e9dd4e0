"""Equations 1 to 6 of the paper, each a small function.

The paper writes sums; the default here are means (docs/method.md). Equation 1 lacks its minus and
equation 3 its hinge in print; both are here.
"""

from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor

Reduction = Literal["mean", "sum"]


def classification_loss(logit: Tensor, live: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Equations 1 and 2: binary cross entropy of logit (n,) against live (n,), 1 live, 0 spoof."""
    return functional.binary_cross_entropy_with_logits(
        logit, live.to(logit.dtype), reduction=reduction
    )


def squared_distances(embedding: Tensor) -> Tensor:
    """Squared L2 distance of every pair of rows of embedding (n x C): n x n."""
    return (embedding[:, None] - embedding[None, :]).square().sum(-1)


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
    distance = squared_distances(embedding)
    same = live[:, None] == live[None, :]
    positive = same & ~torch.eye(len(live), dtype=torch.bool, device=live.device)
    negative = ~same
    if anchors == "live":  # the one side: spoofs of different attacks need not come together
        positive, negative = positive & live[:, None], negative & live[:, None]

    if mining == "batch_all":
        cost = distance[:, :, None] - distance[:, None, :] + margin  # anchor, positive, negative
        valid = positive[:, :, None] & negative[:, None, :]
        counted = valid & (cost > 0)
    else:
        infinity = torch.full_like(distance, torch.inf)
        hardest_positive = torch.where(positive, distance, -infinity).argmax(1, keepdim=True)
        hardest_negative = torch.where(negative, distance, infinity).argmin(1, keepdim=True)
        cost = distance.gather(1, hardest_positive) - distance.gather(1, hardest_negative) + margin
        counted = (positive.any(1) & negative.any(1))[:, None]
    total = torch.where(counted, cost.clamp(min=0), torch.zeros_like(cost)).sum()
    return total / counted.sum().clamp(min=1) if reduction == "mean" else total


def segmentation_loss(logits: Tensor, parsing: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Equation 5: cross entropy over the 13 classes at every pixel, background included.

    logits: n x 13 x S x S; parsing: n x S x S whole numbers 0 to 12, live and spoof alike.
    """
    return functional.cross_entropy(logits, parsing, reduction=reduction)


def depth_loss(estimate: Tensor, depth: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Equation 6: squared error of the depth map, n x 1 x s x s in [0, 1], all zero for spoofs."""
    return functional.mse_loss(estimate, depth.to(estimate.dtype), reduction=reduction)
