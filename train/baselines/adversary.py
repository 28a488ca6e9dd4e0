"""The adversary of SSDG and SSAN: a discriminator learns to tell the sources apart, and through
gradient reversal (Ganin and Lempitsky 2015) what lies before it learns to hide them.
"""

import math
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, coefficient: float) -> Tensor:
        ctx.coefficient = coefficient
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        return -ctx.coefficient * gradients[0], None


def reverse(x: Tensor, coefficient: float) -> Tensor:
    """x, of any shape, as it is; on the way back its gradient is multiplied by -coefficient."""
    return _Reverse.apply(x, coefficient)


def coefficient(count: int, steps: int) -> float:
    """The strength of the reversal, which grows from 0 towards 1 (Ganin and Lempitsky 2015).

    2 / (1 + exp(-10 count / steps)) - 1. count: of the step, from 1. steps: at least 1; at the last
    of them it is 0.9999.
    """
    return 2 / (1 + math.exp(-10 * count / steps)) - 1


def domain_loss(logits: Tensor, domain: Tensor) -> Tensor:
    """Mean cross entropy of which source a sample is from, a scalar.

    logits: n x sources; domain: (n,) int64, the number of the source. Without any sample it is 0,
    not 0/0.
    """
    return functional.cross_entropy(logits, domain, reduction="sum") / max(1, len(domain))
