"""torch's own initial weights, drawn from a generator instead of the global random state."""

import math

import torch
from torch import nn


def initialise(networks: nn.Module, generator: torch.Generator) -> None:
    """Fill all convolutions, linear layers and batch norms as torch's constructors do.

    Weights kaiming_uniform with a = sqrt 5, so within 1 / sqrt(fan in), as are biases; batch norm
    1 and 0, its running mean 0 and variance 1.
    """
    for module in networks.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
            if module.bias is not None:
                bound = 1 / math.sqrt(module.weight[0].numel())
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
