"""train/baselines/ssdg.py: the network, its losses worked by hand, what a gradient reaches."""

import math
from typing import Any

import pytest
import torch
from made_batches import make_networks, rgb_batch, small_settings, value
from torch import Tensor, nn

from train.baselines import ssdg
from train.baselines.joined import join
from train.baselines.ssdg import SSDG, Passed, initialise, step_losses
from train.batches.data import Batch


@pytest.fixture(scope="module")
def domains() -> list[Batch]:
    return [rgb_batch(seed, [1, 1, 0, 0]) for seed in range(3)]


def test_the_losses_by_hand():
    settings = small_settings("ssdg", triplet_weight=2.0, domain_weight=0.5, margin=0.1)
    joined = join([rgb_batch(0, [1, 0]), rgb_batch(1, [1, 0])])
    passed = Passed(
        # live at 0 and 1, the spoof of source 0 between them; that of source 1 far away
        embedding=torch.tensor([[0.0], [0.5], [1.0], [9.0]]),
        # spoof, live: a live sample right by ln 3, all others undecided
        logits=torch.tensor([[0.0, math.log(3)], [0, 0], [0, 0], [0, 0]]),
        # live samples alone: right by ln 2 over the other two sources, wrong by as much
        domain=torch.tensor([[math.log(2), 0, 0], [math.log(2), 0, 0]]),
    )
    found = ssdg.losses_of(passed, joined, settings)
    assert value(found["cls"]) == pytest.approx((math.log(4 / 3) + 3 * math.log(2)) / 4)
    assert value(found["trip"]) == pytest.approx(1 - 0.5 + 0.1)
    assert value(found["domain"]) == pytest.approx((math.log(2) + math.log(4)) / 2)
    expected = value(found["cls"]) + 2 * value(found["trip"]) + 0.5 * value(found["domain"])
    assert value(found["total"]) == pytest.approx(expected)


def test_live_is_one_class_and_each_sources_spoofs_another():
    joined = join([rgb_batch(0, [1, 0]), rgb_batch(1, [0, 0, 1]), rgb_batch(2, [])])
    assert joined.domain.tolist() == [0, 0, 1, 1, 1]
    assert ssdg.classes_of(joined).tolist() == [0, 1, 2, 2, 0]


def test_a_step_reports_its_losses_and_reaches_every_parameter(domains: list[Batch]):
    settings = small_settings("ssdg")
    networks = make_networks(settings)
    found = step_losses(networks, domains, settings, 100)
    assert set(found) == {*ssdg.LOSSES, "total"}
    found["total"].backward()
    for name, parameter in networks.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name


@pytest.mark.parametrize(
    "live", [[[1, 1], [0, 0], [1, 0]], [[1], [0, 0, 0, 1], [0]], [[0, 0], [0, 0], [0, 0]]]
)
def test_sources_of_one_class_and_of_other_sizes_serve(live: list[list[int]]):
    settings = small_settings("ssdg")
    networks = make_networks(settings)
    found = step_losses(networks, [rgb_batch(i, x) for i, x in enumerate(live)], settings, 100)
    found["total"].backward()
    assert all(math.isfinite(value(loss)) for loss in found.values())
    if not any(map(any, live)):
        assert value(found["domain"]) == 0
    assert all(
        bool(torch.isfinite(p.grad).all()) for p in networks.parameters() if p.grad is not None
    )


def test_the_embedding_has_the_root_of_half_its_norm():
    networks = make_networks(small_settings("ssdg")).eval()
    images = rgb_batch(0, [1, 0]).images
    embedding = networks.embed(images)
    pooled = networks.embedder(networks.backbone(images)[-1]).mean((2, 3))
    f = nn.functional.relu(networks.linear(pooled))
    torch.testing.assert_close(embedding.norm(dim=1), (f.norm(dim=1) / 2).sqrt())
    torch.testing.assert_close(
        nn.functional.normalize(embedding), nn.functional.normalize(f)
    )  # fmt: skip


def test_an_embedding_of_nothing_is_zero_with_a_finite_gradient():
    networks = make_networks(small_settings("ssdg"))
    nn.init.constant_(networks.linear.bias, -100)
    embedding = networks.embed(rgb_batch(0, [1, 0]).images)
    embedding.sum().backward()
    assert not embedding.any()
    assert bool(torch.isfinite(networks.linear.weight.grad).all())  # type: ignore[arg-type]


def test_the_classifiers_weight_is_overwritten_in_training_and_no_gradient_goes_through_that():
    layer = ssdg.NormalisedLinear(2, 2).double().train()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 0.0], [4.0, -2.0]]))
        layer.bias.copy_(torch.tensor([0.5, 0.0]))
    x = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    y = layer(x)
    assert layer.weight.tolist() == [pytest.approx([0.6, 0]), pytest.approx([0.8, -1])]
    assert y[0].tolist() == pytest.approx([0.6 + 0.5, 0.8 - 2])
    (y[0, 0] + 10 * y[0, 1]).backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[1, 2], [10, 20]]  # that of a plain linear layer


def test_evaluation_takes_the_normalised_weight_too_and_leaves_the_parameter():
    layer = ssdg.NormalisedLinear(1, 2).eval()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0], [4.0]]))
        layer.bias.zero_()
        assert layer(torch.tensor([[10.0]]))[0].tolist() == pytest.approx([6, 8])
    assert layer.weight.tolist() == [[3], [4]]


def slope(networks: SSDG, parameter: Tensor, place: int, loss: Any) -> float:
    """A loss's derivative by one number of a parameter, by differences."""
    flat, step = parameter.data.view(-1), 1e-5
    kept = float(flat[place])
    values = []
    for moved in (kept + step, kept - step):
        flat[place] = moved
        values.append(value(loss()))
    flat[place] = kept
    return (values[0] - values[1]) / (2 * step)


def test_the_domain_loss_teaches_the_discriminator_and_unteaches_what_lies_before_it(
    domains: list[Batch],
):
    settings, step = small_settings("ssdg", dropout=0.0), 999
    networks = make_networks(settings)

    def loss() -> Tensor:
        return step_losses(networks, domains, settings, step)["domain"]

    loss().backward()
    expected = {"discriminator.fc2.weight": 1.0, "linear.weight": -math.tanh(5 * 1000 / 4000)}
    expected["embedder.8.weight"] = expected["linear.weight"]
    parameters = dict(networks.named_parameters())
    for name, factor in expected.items():
        gradient = parameters[name].grad
        assert gradient is not None
        place = int(gradient.abs().argmax())
        measured = slope(networks, parameters[name], place, loss)
        assert measured != 0
        assert float(gradient.view(-1)[place]) == pytest.approx(factor * measured, rel=1e-5), name


def test_the_reversed_gradient_at_the_embeddings_by_hand(domains: list[Batch]):
    settings, step = small_settings("ssdg", dropout=0.0), 9
    networks = make_networks(settings)
    joined = join(domains)
    passed = ssdg.forward_pass(networks, joined, settings, step)
    found = ssdg.losses_of(passed, joined, settings)
    (gradient,) = torch.autograd.grad(found["domain"], passed.embedding)
    with torch.no_grad():  # of the cross entropy: (softmax - one-hot) / n, through two layers
        live, fc1, fc2 = passed.embedding[joined.live], *networks.discriminator.children()
        error = passed.domain.softmax(1) - nn.functional.one_hot(joined.domain[joined.live], 3)
        hidden = fc1(live) > 0  # type: ignore[operator]
        back = (error / len(live) @ fc2.weight * hidden) @ fc1.weight  # type: ignore[operator]
    torch.testing.assert_close(gradient[joined.live], -math.tanh(5 * 10 / 4000) * back)
    assert not gradient[~joined.live].any()  # spoofs do not pass the discriminator


def test_evaluation_passes_neither_discriminator_nor_reversal_nor_dropout(domains: list[Batch]):
    networks = make_networks(small_settings("ssdg")).eval()
    images = domains[0].images
    score = networks.score(images)
    embedding = networks.embed(images).detach()
    weight = nn.functional.normalize(networks.classifier.weight.detach(), dim=0)
    logits = embedding @ weight.T + networks.classifier.bias.detach()
    torch.testing.assert_close(score.detach(), 1 / (1 + (logits[:, 0] - logits[:, 1]).exp()))
    score.sum().backward()
    assert all(p.grad is None for p in networks.discriminator.parameters())


def test_scores_are_shares_that_do_not_depend_on_the_other_images(domains: list[Batch]):
    networks = make_networks(small_settings("ssdg")).float().eval()
    images = domains[0].images.float()
    with torch.inference_mode():
        together, again = networks.score(images), networks.score(images)
        alone = torch.cat([networks.score(image) for image in images.split(1)])
    assert torch.equal(together, again)
    assert together.dtype == torch.float64
    assert together.shape == (4,)
    assert bool(((together >= 0) & (together <= 1)).all())
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


def test_running_statistics_move_once_a_step_over_all_sources_together(domains: list[Batch]):
    settings = small_settings("ssdg")
    networks = make_networks(settings)
    convolution, norm = networks.backbone.stem[0], networks.backbone.stem[1]
    out = convolution(torch.cat([batch.images for batch in domains])).detach()  # type: ignore[operator]
    step_losses(networks, domains, settings, 0)
    torch.testing.assert_close(norm.running_mean, 0.1 * out.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * out.var((0, 2, 3)))
    norms = [m for m in networks.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 13
    assert all(int(m.num_batches_tracked) == 1 for m in norms)  # type: ignore[arg-type]


@pytest.mark.slow
def test_dropout_leaves_out_half_of_the_units_in_training_alone():
    networks = make_networks(small_settings("ssdg", width=1.0))
    images = torch.cat([rgb_batch(seed, [1, 0]).images for seed in range(2)])
    torch.manual_seed(0)
    zeros = [float((networks.embed(images) == 0).double().mean()) for _ in range(2)]
    networks.dropout = 0.0
    without = float((networks.embed(images) == 0).double().mean())
    for share in zeros:  # of what ReLU has left, a half
        assert 1 - share == pytest.approx((1 - without) / 2, abs=0.05)


@pytest.mark.parametrize("size", [64, 80, 96])
def test_other_input_sizes_serve(size: int):
    settings = small_settings("ssdg", input_size=size)
    batches = [rgb_batch(i, [1, 0], size) for i in range(2)]
    found = step_losses(make_networks(settings, 2), batches, settings, 0)
    assert math.isfinite(value(found["total"]))


def test_initial_weights_are_the_published_ones_and_the_global_random_state_stays():
    networks = SSDG(small_settings("ssdg", width=1.0), 3)
    before = torch.get_rng_state()
    initialise(networks, torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.get_rng_state())
    for layer, deviation, bias in (
        (networks.linear, 0.005, 0.1),
        (networks.classifier, 0.01, 0),
        (networks.discriminator.fc1, 0.01, 0),
        (networks.discriminator.fc2, 0.3, 0),
    ):
        assert float(layer.weight.detach().std()) == pytest.approx(deviation, rel=0.1)
        assert bool((layer.bias == bias).all())
    weight = networks.backbone.stage2[3].weight.detach()  # 128 to 196 channels, 3 x 3
    bound = 1 / math.sqrt(128 * 9)  # torch's own: uniform within one over the root of the fan in
    assert float(weight.abs().max()) == pytest.approx(bound, rel=1e-3)
    assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.01)
    again = SSDG(small_settings("ssdg", width=1.0), 3)
    initialise(again, torch.Generator().manual_seed(0))
    for (name, a), b in zip(
        networks.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name
