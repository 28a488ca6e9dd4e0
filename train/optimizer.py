"""The optimizer over all networks together, and its learning rate at each step."""

import math

import torch
from torch import nn

from train.config import Settings


def make_optimizer(networks: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Adam (the paper) or SGD with momentum (SSDG); weight decay is an L2 penalty in both."""
    parameters = list(networks.parameters())
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=settings.beta1, weight_decay=decay)
    return torch.optim.Adam(parameters, rate, (settings.beta1, settings.beta2), weight_decay=decay)


def learning_rate(settings: Settings, step: int, steps: int) -> float:
    """The rate at a step, counted from 0, of a run of `steps`.

    constant: r. cosine: r (1 + cos(pi step / steps)) / 2. steps: r decay_factor^k after the k-th
    share of decay_at.
    """
    if settings.schedule == "cosine":
        return settings.learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
    if settings.schedule == "steps":
        times = sum(step >= round(share * steps) for share in settings.decay_at)
        return settings.learning_rate * settings.decay_factor**times
    return settings.learning_rate


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of parameters this rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
