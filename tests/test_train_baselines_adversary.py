"""train/baselines/adversary.py: the reversal's gradient and growth, and the domain loss."""

import math

import pytest
import torch

from train.baselines.adversary import coefficient, domain_loss, reverse


@pytest.mark.parametrize("count", [1, 1000, 4000])
def test_the_reversal_grows_as_half_the_logistic_function_does(count: int):
    # 2 / (1 + exp(-2 x)) - 1 = tanh x
    assert coefficient(count, 4000) == pytest.approx(math.tanh(5 * count / 4000))


def test_the_reversal_changes_the_gradient_alone():
    x = torch.tensor([1.5, -2.0], requires_grad=True)
    y = reverse(x, 0.25)
    assert torch.equal(y, x)
    y.backward(torch.tensor([4.0, 8.0]))
    assert x.grad is not None
    assert x.grad.tolist() == [-1, -2]


def test_domain_loss_by_hand():
    # one sample sure of its source by ln 2 over two others, one undecided between the three
    logits = torch.tensor([[math.log(2), 0, 0], [1, 1, 1]], dtype=torch.float64)
    loss = domain_loss(logits, torch.tensor([0, 2]))
    assert float(loss) == pytest.approx((math.log(2) + math.log(3)) / 2)


def test_domain_loss_of_nobody_is_zero():
    logits = torch.zeros(0, 3, requires_grad=True)
    loss = domain_loss(logits, torch.zeros(0, dtype=torch.int64))
    loss.backward()
    assert float(loss.detach()) == 0
