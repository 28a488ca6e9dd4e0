"""train/optimizer.py: learning rates by step, and one step of each optimizer by hand."""

import pytest
import torch

from train.config import Settings
from train.optimizer import learning_rate, make_optimizer, set_rate
from train.settings import settings_from_dict


def test_the_cosine_schedule_ends_near_nothing():
    settings = Settings(learning_rate=0.1, schedule="cosine")
    assert learning_rate(settings, 0, 10) == 0.1
    assert learning_rate(settings, 5, 10) == pytest.approx(0.05)
    assert learning_rate(settings, 9, 10) < 0.003
    assert learning_rate(Settings(learning_rate=0.1), 9, 10) == 0.1


def test_ssdg_cuts_its_rate_after_1500_iterations_or_500():
    to_msu = settings_from_dict({"variant": "ssdg"}, "x")
    assert [learning_rate(to_msu, step, 4001) for step in (0, 1499)] == [1e-3, 1e-3]
    assert learning_rate(to_msu, 1500, 4001) == pytest.approx(1e-4)
    to_casia = settings_from_dict({"variant": "ssdg", "protocol": "O&M&I to C"}, "x")
    assert learning_rate(to_casia, 499, 4001) == 1e-3
    assert learning_rate(to_casia, 500, 4001) == pytest.approx(1e-4)


def test_ssan_halves_its_rate_every_500_of_1200_epochs():
    settings = settings_from_dict({"variant": "ssan"}, "x")
    per_epoch = 7
    rates = [learning_rate(settings, epoch * per_epoch, 1200 * per_epoch) for epoch in (0, 499)]
    assert rates == [1e-4, 1e-4]
    assert learning_rate(settings, 500 * per_epoch, 1200 * per_epoch) == pytest.approx(5e-5)
    assert learning_rate(settings, 1000 * per_epoch, 1200 * per_epoch) == pytest.approx(2.5e-5)


def test_one_step_of_each_optimizer_by_hand():
    layer = torch.nn.Linear(1, 1, bias=False)
    for settings, moved in (
        # the first step of Adam is the rate, whatever the gradient's size
        (Settings(learning_rate=0.1, weight_decay=0), 0.1),
        # SGD: rate x (gradient + decay x weight) = 0.1 x (3 + 0.5 x 2)
        (Settings(optimizer="sgd", learning_rate=0.1, weight_decay=0.5), 0.4),
    ):
        layer.weight.data.fill_(2)
        layer.weight.grad = torch.full((1, 1), 3.0)
        optimizer = make_optimizer(layer, settings)
        set_rate(optimizer, settings.learning_rate)
        optimizer.step()
        assert layer.weight.item() == pytest.approx(2 - moved, rel=1e-6)
