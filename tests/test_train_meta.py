"""train/meta.py: what a step gives to which network, and what each variant leaves out."""

import pytest
import torch
from made_batches import make_batch
from torch import Tensor, nn

from train import meta, methods
from train.batches.data import Batch
from train.config import Settings
from train.meta import CURVES, Mining, step_losses
from train.model import MetaLearner, Networks, Upstream
from train.variants import Name

torch.set_num_threads(1)  # networks this small only wait for a second thread on busy cores


FIRST = Mining("batch_all", 0.1)


def make(settings: Settings) -> Networks:
    networks = methods.make(settings, 3).train()
    assert isinstance(networks, Networks)
    return networks


@pytest.fixture(scope="module")
def domains() -> list[Batch]:
    return [make_batch(seed) for seed in range(3)]


REPORTED = {
    "ours": set(CURVES),
    "without_parsing": {c for c in CURVES if "seg" not in c},
    "without_asc": set(CURVES),
    "without_triplet": {c for c in CURVES if "trip" not in c},
    "without_meta": {c for c in CURVES if "train" in c},
    "normal_triplet": set(CURVES),
    "rfmetafas": {c for c in CURVES if "cls" in c or "dep" in c},
}


@pytest.mark.parametrize("variant", REPORTED)
def test_each_variant_reports_what_it_is_trained_by(variant: Name, domains: list[Batch]):
    within = {"cls": 3.0, "trip": 0.7, "dep": 11.0, "seg": 2.0}
    between = {"train": 0.6, "test": 1.3}
    settings = Settings(
        variant=variant,
        width=0.1,
        input_size=64,
        classification_weight=within["cls"],
        triplet_weight=within["trip"],
        depth_weight=within["dep"],
        segmentation_weight=within["seg"],
        meta_train_weight=between["train"],
        meta_test_weight=between["test"],
    )
    networks = make(settings)
    found = step_losses(networks, domains, settings, FIRST)
    assert set(found) == REPORTED[variant] | {"total"}
    total = 0.0
    for curve in REPORTED[variant]:
        part, loss = curve.split("_")
        total += between[part] * within[loss] * float(found[curve].detach())
    assert float(found["total"].detach()) == pytest.approx(total, rel=1e-5)
    found["total"].backward()
    for name, parameter in networks.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name


def test_two_sources_have_one_meta_train_domain(domains: list[Batch]):
    settings = Settings(protocol="O&C to M", width=0.1, input_size=64)
    found = step_losses(make(settings), domains[:2], settings, FIRST)
    networks = make(settings)
    upstream = networks.upstream(domains[0].images)
    alone = meta.meta_losses(networks.meta, None, upstream, domains[0], settings, FIRST)
    for loss in ("cls", "trip"):
        assert torch.equal(found[f"train_{loss}"], alone[loss])
    assert "test_cls" in found


def test_the_triplet_loss_measures_embeddings_of_length_one_or_as_they_are():
    class Fixed(nn.Module):
        """A learner whose embedding is what it is given."""

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x[:, 0], x

    live = torch.tensor([1.0, 1.0, 0.0])
    # live along the axes, squared distance 2 at length 1; the spoof beside the first
    directions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    expected = {
        # anchor 0: 2 - 0 + 0.1; anchor 1: 2 - 2 + 0.1
        ("normalised", 1.0): (2.1 + 0.1) / 2,
        ("normalised", 7.0): (2.1 + 0.1) / 2,
        ("raw", 7.0): (98.1 + 0.1) / 2,
    }
    for (how, length), loss in expected.items():
        settings = Settings(embedding=how)  # type: ignore[arg-type]
        nothing = torch.zeros(1)
        upstream = Upstream(length * directions, nothing, None)
        batch = Batch(nothing, live, nothing, nothing)
        found = meta.meta_losses(Fixed(), None, upstream, batch, settings, FIRST)
        assert float(found["trip"]) == pytest.approx(loss, rel=1e-6)


def test_adapted_passes_leave_the_learners_own_statistics(domains: list[Batch]):
    settings = Settings(variant="without_parsing", width=0.1, input_size=64)
    networks = make(settings)
    step_losses(networks, domains, settings, FIRST)
    # by hand: M sees the two meta-train domains once each, and nothing else
    alone = make(settings)
    for batch in domains[:2]:
        alone.meta(alone.features(batch.images).stage3)
    for (name, found), (_, expected) in zip(
        networks.meta.named_buffers(), alone.meta.named_buffers(), strict=True
    ):
        assert torch.equal(found, expected), name
    # F and D see all three
    assert int(networks.features.stem[1].num_batches_tracked) == 3
    assert int(networks.meta.layers[1].num_batches_tracked) == 2


def test_each_domain_has_batch_statistics_of_its_own(domains: list[Batch]):
    settings = Settings(variant="without_meta", width=0.1, input_size=64)
    apart = [step_losses(make(settings), [batch], settings, FIRST) for batch in domains]
    together = step_losses(make(settings), domains, settings, FIRST)
    for name in together:
        expected = sum(float(one[name].detach()) for one in apart)
        assert float(together[name].detach()) == pytest.approx(expected, rel=1e-5), name


def test_every_domain_is_meta_test_in_turn_by_seed():
    drawn = [meta.roles(3, step, 3) for step in range(60)]
    assert all(sorted(order) == [0, 1, 2] for order in drawn)
    assert {order[-1] for order in drawn} == {0, 1, 2}
    assert drawn == [meta.roles(3, step, 3) for step in range(60)]
    assert drawn != [meta.roles(4, step, 3) for step in range(60)]


def test_the_second_stage_begins_at_the_switch():
    settings = Settings()
    assert meta.stage(settings, 49, 100) == Mining("batch_all", 0.1)
    assert meta.stage(settings, 50, 100) == Mining("batch_hard", 0.3)
    assert meta.stage(Settings(switch=1.0), 99, 100) == Mining("batch_all", 0.1)
    assert meta.stage(Settings(variant="normal_triplet"), 99, 100) == Mining("batch_all", 0.1)


def learner_and_data() -> tuple[MetaLearner, list[Tensor], Tensor]:
    """A small M in float64, smooth where it is measured, and one input a domain."""
    random = torch.Generator().manual_seed(5)
    learner = MetaLearner(0.03, 3, 0.1).double().train()
    for parameter in learner.parameters():
        nn.init.normal_(parameter, 0.0, 0.4, generator=random)
    for module in learner.layers:
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.bias, 1.0)
    inputs = [torch.rand(6, 3, 8, 8, generator=random).double() for _ in range(2)]
    return learner, inputs, torch.tensor([1.0, 1, 1, 0, 0, 0]).double()


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_gradient_through_the_inner_step_is_that_of_finite_differences(weight: float):
    settings = Settings(inner_learning_rate=0.5, inner_triplet_weight=weight, margin=3.0)
    mining = Mining("batch_all", 3.0)
    learner, inputs, live = learner_and_data()

    def outer(first: Tensor, second: Tensor) -> Tensor:
        nothing = torch.zeros(1)
        own, other = (
            (Upstream(x, nothing, None), Batch(x, live, nothing, nothing)) for x in (first, second)
        )
        found = meta.meta_losses(learner, None, *own, settings, mining)
        adapted = meta.inner_step(learner, found, settings)
        tested = meta.meta_losses(learner, adapted, *other, settings, mining)
        return tested["cls"] + 0.5 * tested["trip"]

    parameters = dict(learner.named_parameters())
    inputs[0].requires_grad_()
    gradients = torch.autograd.grad(outer(*inputs), [*parameters.values(), inputs[0]])

    step = 1e-6
    for (name, tensor), gradient in zip(
        [*parameters.items(), ("meta-train input", inputs[0])], gradients, strict=True
    ):
        flat, place = tensor.data.view(-1), int(gradient.abs().argmax())
        kept = float(flat[place])
        values = []
        for moved in (kept + step, kept - step):
            flat[place] = moved
            values.append(float(outer(*inputs).detach()))
        flat[place] = kept
        measured = (values[0] - values[1]) / (2 * step)
        assert float(gradient.view(-1)[place]) == pytest.approx(measured, rel=1e-5, abs=1e-8), name
    # The meta-train input acts on the outer loss through the inner step alone.
    assert float(gradients[-1].abs().max()) > 1e-6


def test_the_inner_step_moves_m_alone_by_alpha_times_both_gradients():
    learner, inputs, live = learner_and_data()
    settings = Settings(inner_learning_rate=0.25, inner_triplet_weight=2.0)
    nothing = torch.zeros(1)
    found = meta.meta_losses(
        learner,
        None,
        Upstream(inputs[0], nothing, None),
        Batch(inputs[0], live, nothing, nothing),
        settings,
        Mining("batch_all", 1.0),
    )
    adapted = meta.inner_step(learner, found, settings)
    parameters = dict(learner.named_parameters())
    cls = torch.autograd.grad(found["cls"], list(parameters.values()), retain_graph=True)
    trip = torch.autograd.grad(
        found["trip"], list(parameters.values()), allow_unused=True, retain_graph=True
    )
    for (name, value), a, b in zip(parameters.items(), cls, trip, strict=True):
        moved = value - 0.25 * (a + 2 * (0 if b is None else b))
        torch.testing.assert_close(adapted[name], moved)
    assert set(adapted) == set(learner.state_dict())
