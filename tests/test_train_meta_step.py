"""train/meta.py: losses and gradients of a step beside one written again from the paper."""

from typing import Any

import plain_step
import pytest
import torch
from made_batches import make_batch

from train import meta, methods
from train.config import Settings
from train.model import Networks

WHAT = {  # what each variant keeps: parser, skip, anchors, meta step
    "ours": (True, True, "live", True),
    "without_parsing": (False, False, "live", True),
    "without_asc": (True, False, "live", True),
    "without_triplet": (True, True, None, True),
    "without_meta": (True, True, "live", False),
    "normal_triplet": (True, True, "both", True),
    "rfmetafas": (False, False, None, True),
}
PROTOCOLS = {1: "O to M", 2: "O&C to M", 3: "O&C&I to M", 4: "O&C&I&mine to M"}
OFF_DEFAULT = {
    **{"inner_triplet_weight": 0.5, "inner_learning_rate": 0.05, "triplet_weight": 0.9},
    **{"meta_train_weight": 0.6, "meta_test_weight": 1.7, "margin": 0.21, "second_margin": 0.44},
}
CASES = [
    *((variant, 3, late, OFF_DEFAULT) for variant in WHAT for late in (False, True)),
    *(("ours", sources, late, {}) for sources, late in ((1, True), (2, False), (4, True))),
    ("ours", 3, False, {**OFF_DEFAULT, "reduction": "sum", "embedding": "raw"}),
    ("ours", 2, True, {**OFF_DEFAULT, "asc_gradient": "detach"}),
]


def make_networks(settings: Settings, sources: int) -> Networks:
    """Small networks whose biases and norms are not at their beginnings."""
    networks = methods.make(settings, sources)
    assert isinstance(networks, Networks)
    random = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in networks.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=random))
    return networks.double().train()


def plan_of(settings: Settings, variant: str, sources: int, late: bool) -> plain_step.Plan:
    parsing, asc, anchors, with_meta = WHAT[variant]
    hard = late and variant != "normal_triplet"
    return plain_step.Plan(
        parsing=parsing,
        asc=asc,
        anchors=anchors,
        meta=with_meta and sources > 1,
        hard=hard,
        margin=settings.second_margin if hard else settings.margin,
        normalised=settings.embedding == "normalised",
        mean=settings.reduction == "mean",
        detach=settings.asc_gradient == "detach",
        inner_weight=settings.inner_triplet_weight,
        alpha=settings.inner_learning_rate,
        within={
            "cls": settings.classification_weight,
            "trip": settings.triplet_weight,
            "dep": settings.depth_weight,
            "seg": settings.segmentation_weight,
        },
        between={"train": settings.meta_train_weight, "test": settings.meta_test_weight},
    )


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "sources", "late", "keys"), CASES)
def test_a_step_is_what_the_paper_says(variant: Any, sources: int, late: bool, keys: Any):
    settings = Settings(
        variant=variant, protocol=PROTOCOLS[sources], width=0.06, input_size=64, **keys
    )
    networks = make_networks(settings, sources)
    domains = [make_batch(seed, [1, 1, 1, 0, 0, 0], dtype=torch.float64) for seed in range(sources)]
    mining = meta.stage(settings, 70 if late else 20, 100)
    found = meta.step_losses(networks, domains, settings, mining)
    found["total"].backward()

    copied = {name: p.detach().clone().requires_grad_() for name, p in networks.named_parameters()}
    samples = [(b.images, b.live, b.depth, b.parsing) for b in domains]
    expected = plain_step.step(copied, samples, plan_of(settings, variant, sources, late))
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), rel=1e-9, abs=1e-12), name
    gradients = torch.autograd.grad(expected["total"], list(copied.values()), allow_unused=True)
    largest = max(float(gradient.norm()) for gradient in gradients if gradient is not None)
    for (name, parameter), gradient in zip(networks.named_parameters(), gradients, strict=True):
        assert (parameter.grad is None) == (gradient is None), name
        if gradient is not None:  # a bias before batch norm has rounding alone
            torch.testing.assert_close(
                parameter.grad, gradient, rtol=1e-7, atol=1e-11 * largest, msg=name
            )
