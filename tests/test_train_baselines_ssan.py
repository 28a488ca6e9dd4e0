"""train/baselines/ssan.py: the network, its losses worked by hand, what a gradient reaches."""

import copy
import math
from typing import Any

import pytest
import torch
from made_batches import make_networks, rgb_batch, small_settings, value
from torch import Tensor, nn

from train.baselines import initial, ssan
from train.baselines.joined import join
from train.baselines.ssan import SSAN, Passed, step_losses
from train.batches.data import Batch


@pytest.fixture(scope="module")
def domains() -> list[Batch]:
    return [rgb_batch(seed, [1, 1, 0, 0]) for seed in range(3)]


def test_the_contrast_pulls_to_a_style_of_the_same_class_and_pushes_from_another():
    own = torch.tensor([[1.0, 0.0], [1.0, 0.0], [2.0, 2.0]], requires_grad=True)
    mixed = torch.tensor([[3.0, 4.0], [0.0, 5.0], [1.0, 1.0]], requires_grad=True)
    loss = ssan.contrast_loss(own, mixed, torch.tensor([True, False, False]))
    assert value(loss) == pytest.approx((-0.6 + 0 + 1) / 3)
    loss.backward()
    assert own.grad is None
    assert mixed.grad is not None
    # of -x / |(x, y)|: -y^2 / |.|^3, x y / |.|^3; of x / |(x, y)| at (0, 5): 1 / 5
    assert mixed.grad[0].tolist() == pytest.approx([-16 / 125 / 3, 12 / 125 / 3])
    assert mixed.grad[1].tolist() == pytest.approx([1 / 5 / 3, 0])


def test_the_losses_by_hand():
    joined = join([rgb_batch(0, [1]), rgb_batch(1, [0])])._replace(
        depth=torch.tensor([0.5, 0.0]).reshape(2, 1, 1, 1)
    )
    passed = Passed(
        depth=torch.tensor([0.25, 0.5]).reshape(2, 1, 1, 1),
        own=torch.tensor([[1.0, 0.0], [1.0, 0.0]]),
        mixed=torch.tensor([[3.0, 4.0], [4.0, 3.0]]),
        domain=torch.tensor([[math.log(2), 0, 0], [0, 0, 0]]),
    )
    swapped = torch.tensor([1, 0])  # each gets the style of the other class
    found = ssan.losses_of(passed, joined, swapped, small_settings("ssan", domain_weight=1.0))
    assert value(found["dep"]) == pytest.approx((0.0625 + 0.25) / 2)
    assert value(found["contrast"]) == pytest.approx((0.6 + 0.8) / 2)
    assert value(found["domain"]) == pytest.approx((math.log(2) + math.log(3)) / 2)
    assert value(found["total"]) == pytest.approx(sum(value(found[k]) for k in ssan.LOSSES))
    kept = ssan.losses_of(
        passed, joined, torch.tensor([0, 1]), small_settings("ssan", domain_weight=0.0)
    )
    assert value(kept["contrast"]) == pytest.approx(-(0.6 + 0.8) / 2)
    assert value(kept["total"]) == pytest.approx(value(kept["dep"]) + value(kept["contrast"]))


def test_an_assembly_block_by_hand():
    # mean 2, unbiased variance 2
    x = torch.tensor([1.0, 3.0], dtype=torch.float64).reshape(1, 1, 1, 2)
    out = ssan.assembly_block(x, torch.tensor([[3.0]]).double(), torch.tensor([[0.5]]).double())
    plain = 1 / math.sqrt(2 + 1e-5)
    assert out.flatten().tolist() == pytest.approx([1 - 3 * plain + 0.5, 3 + 3 * plain + 0.5])


def test_one_pass_of_the_encoder_is_the_two_of_the_released_code():
    networks = make_networks(small_settings("ssan"))
    once, twice = networks.encoder, copy.deepcopy(networks.encoder)
    for module in twice.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1
    images, order = rgb_batch(0, [1] * 6).images, torch.tensor([3, 1, 4, 0, 5, 2])
    found = once(images)
    first, second = twice(images), twice(images[order])
    torch.testing.assert_close(found.content, first.content)
    torch.testing.assert_close(found.gamma[order], second.gamma)
    torch.testing.assert_close(found.beta[order], second.beta)
    buffers = dict(twice.named_buffers())
    moved = [name for name in buffers if "running" in name]
    assert len(moved) == 2 * 11
    for name, buffer in once.named_buffers():
        if name in moved:
            torch.testing.assert_close(buffer, buffers[name], msg=name)

    (found.content.square().mean() + found.gamma[order].sin().mean()).backward()
    (first.content.square().mean() + second.gamma.sin().mean()).backward()
    for (name, a), b in zip(once.named_parameters(), twice.parameters(), strict=True):
        if b.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, msg=name)


def test_statistics_of_the_assembly_move_twice_own_style_first(domains: list[Batch]):
    settings = small_settings("ssan")
    networks = make_networks(settings)
    alike = copy.deepcopy(networks)
    joined = join(domains)
    partner = torch.arange(12).roll(5)
    ssan.forward_pass(networks, joined.images, partner, None)
    encoded = alike.encoder(joined.images)
    seen = []
    convolution = alike.final[0]
    for style in (torch.arange(12), partner):
        x = encoded.content
        for _ in range(2):
            x = ssan.assembly_block(x, encoded.gamma[style], encoded.beta[style])
        seen.append(convolution(x).detach())  # type: ignore[operator]
    mean, variance = torch.zeros(1).double(), torch.ones(1).double()
    for out in seen:
        mean = 0.9 * mean + 0.1 * out.mean((0, 2, 3))
        variance = 0.9 * variance + 0.1 * out.var((0, 2, 3))
    torch.testing.assert_close(networks.final[1].running_mean, mean)
    torch.testing.assert_close(networks.final[1].running_var, variance)
    for part in (networks.decoder, networks.discriminator):
        norms = [m for m in part.modules() if isinstance(m, nn.BatchNorm2d)]
        assert [int(m.num_batches_tracked) for m in norms] == [1, 1]  # type: ignore[arg-type]
        assert [m.momentum for m in norms] == [0.1, 0.1]


def domain_gradients(domains: list[Batch], step: int = 999, **options: Any) -> dict[str, Tensor]:
    settings = small_settings("ssan", **options)
    networks = make_networks(settings)
    step_losses(networks, domains, settings, step, 4000)["domain"].backward()
    return {n: p.grad for n, p in networks.named_parameters() if p.grad is not None}


def test_the_released_codes_reversal_does_nothing_and_a_real_one_can_be_had(domains: list[Batch]):
    released = domain_gradients(domains, reversal="none")
    real = domain_gradients(domains, reversal="real")
    reached = {name.partition(".")[0] for name in real}
    assert reached == {"encoder", "discriminator"}
    for name, gradient in real.items():
        # 2 / (1 + exp(-10 t / 4000)) - 1 = tanh(5 t / 4000), at the 1000th step
        factor = 1.0 if name.startswith("discriminator") else -math.tanh(5 * 1000 / 4000)
        torch.testing.assert_close(gradient, factor * released[name], msg=name)
    # and what the released gradient is: downhill for the domain loss, in the encoder too
    settings = small_settings("ssan", reversal="none")
    networks = make_networks(settings)
    weight = dict(networks.named_parameters())["encoder.content.0.weight"].data.view(-1)
    gradient = released["encoder.content.0.weight"].view(-1)
    place, step, values = int(gradient.abs().argmax()), 1e-5, []
    for move in (step, -2 * step):
        weight[place] += move
        values.append(value(step_losses(networks, domains, settings, 999, 4000)["domain"]))
    assert float(gradient[place]) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5)


def test_a_step_reports_its_losses_and_reaches_every_parameter(domains: list[Batch]):
    settings = small_settings("ssan")
    networks = make_networks(settings)
    found = step_losses(networks, domains, settings, 0, 4000)
    assert set(found) == {*ssan.LOSSES, "total"}
    found["total"].backward()
    for name, parameter in networks.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name


@pytest.mark.parametrize("live", [[[1, 0], [], [0, 1, 1]], [[1, 1], [0], []], [[0, 0], [0], [0]]])
@pytest.mark.parametrize("reversal", ["none", "real"])
def test_empty_sources_and_sources_of_one_class_serve(live: list[list[int]], reversal: str):
    settings = small_settings("ssan", reversal=reversal)
    networks = make_networks(settings)
    found = step_losses(networks, [rgb_batch(i, x) for i, x in enumerate(live)], settings, 3, 4000)
    found["total"].backward()
    assert all(math.isfinite(value(loss)) for loss in found.values())
    for name, parameter in networks.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name


def test_an_empty_source_changes_nothing_for_the_others(domains: list[Batch]):
    settings = small_settings("ssan")
    with_it = [domains[0], domains[1], rgb_batch(0, [])]
    found = step_losses(make_networks(settings), with_it, settings, 3, 4000)
    without = step_losses(make_networks(settings), domains[:2], settings, 3, 4000)
    assert {k: value(v) for k, v in found.items()} == {k: value(v) for k, v in without.items()}


def test_the_styles_partners_depend_on_seed_and_step_alone(domains: list[Batch]):
    def contrast(seed: int, step: int) -> float:
        settings = small_settings("ssan", seed=seed)
        networks = make_networks(settings)
        before = torch.get_rng_state()
        found = value(step_losses(networks, domains, settings, step, 4000)["contrast"])
        assert torch.equal(before, torch.get_rng_state())
        return found

    first = contrast(3, 5)
    torch.rand(7)
    assert contrast(3, 5) == first
    assert contrast(3, 6) != first
    assert contrast(4, 5) != first


def test_the_score_is_the_mean_of_the_map_of_each_image_alone(domains: list[Batch]):
    networks = make_networks(small_settings("ssan")).float().eval()
    images = domains[0].images.float()
    with torch.inference_mode():
        depth, together = networks(images), networks.score(images)
        alone = torch.cat([networks.score(image) for image in images.split(1)])
    assert depth.shape == (4, 1, 8, 8)
    assert bool((depth >= 0).all())
    assert float(depth.max()) > 0
    torch.testing.assert_close(together, depth.double().sum((1, 2, 3)) / 64)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_evaluation_needs_no_discriminator(domains: list[Batch]):
    networks = make_networks(small_settings("ssan")).eval()
    networks.score(domains[0].images).sum().backward()
    assert all(p.grad is None for p in networks.discriminator.parameters())


@pytest.mark.parametrize("size", [64, 80, 96, 112])
def test_the_map_has_an_eighth_of_the_inputs_side(size: int):
    settings = small_settings("ssan", input_size=size)
    batches = [rgb_batch(i, [1, 0], size) for i in range(2)]
    networks = make_networks(settings, 2)
    assert networks(batches[0].images).shape == (2, 1, size // 8, size // 8)
    assert math.isfinite(value(step_losses(networks, batches, settings, 0, 4000)["total"]))


def test_initial_weights_are_torchs_and_the_global_random_state_stays():
    networks = SSAN(small_settings("ssan", width=1.0), 3)
    before = torch.get_rng_state()
    initial.initialise(networks, torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.get_rng_state())
    # uniform within one over the root of the fan in
    for weight, fan in (
        (networks.encoder.backbone.stage2[3].weight, 128 * 9),
        (networks.encoder.gamma.weight, 256),
        (networks.discriminator.classify.weight, 512),
    ):
        bound = 1 / math.sqrt(fan)
        assert float(weight.detach().abs().max()) == pytest.approx(bound, rel=1e-2)
        assert float(weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)
    again = SSAN(small_settings("ssan", width=1.0), 3)
    initial.initialise(again, torch.Generator().manual_seed(0))
    for (name, a), b in zip(
        networks.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name
