"""Grad-CAM, by hand and by its equations, on the networks of every method."""

import numpy as np
import pytest
import torch
from made_model import settings_of
from torch import nn

from pipeline.explain.gradcam import enlarged, maps, normalised, share_within
from pipeline.explain.internals import INTERNALS
from train import methods

VARIANTS = ("ours", "without_parsing", "without_asc", "rfmetafas", "ssdg", "ssan")


class Tiny(nn.Module):
    """Two maps of a picture x: x and -x. The evidence is 3 times the mean of the first, and the
    upper left pixel of the second.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.layer(x)
        return 3 * found[:, 0].mean((1, 2)) + found[:, 1, 0, 0]


def test_a_map_worked_out_by_hand():
    # dy/dA_1 is 3/4 at each of four places, so alpha_1 = 3/4; dy/dA_2 is 1 at one of four, so
    # alpha_2 = 1/4. The map is 3/4 x - 1/4 x = x / 2.
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    tiny = Tiny()
    found = maps(tiny, tiny.layer, x, torch.ones(1))
    assert found.tolist() == [[[0.5, 1.0], [1.5, 2.0]]]
    # Towards the other class the sum is below 0 everywhere, and the ReLU leaves nothing.
    assert not maps(tiny, tiny.layer, x, -torch.ones(1)).any()


def test_each_picture_has_its_own_sign():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]], [[[-1.0, 2.0], [0.0, -4.0]]]])
    tiny = Tiny()
    found = maps(tiny, tiny.layer, x, torch.tensor([1.0, -1.0]))
    assert found.tolist() == [[[0.5, 1.0], [1.5, 2.0]], [[0.5, 0.0], [0.0, 2.0]]]


def networks_and_images(variant: str):
    settings = settings_of(variant)
    networks = methods.make(settings, 3)
    channels = 6 if settings.method == "meta" else 3
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(3, channels, 64, 64, generator=generator)
    networks.train()
    networks(images)  # running statistics that are not those of the beginning
    return networks.eval().requires_grad_(False), images, INTERNALS[settings.method]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("layer", ["meta", "stage3"])
def test_captum_gives_what_equations_1_and_2_give(variant, layer):
    networks, images, inside = networks_and_images(variant)
    signs = torch.tensor([1.0, -1.0, 1.0])
    found = maps(
        lambda x: inside.evidence(networks, x), inside.layers[layer](networks), images, signs
    )

    kept: list[torch.Tensor] = []

    def keep(module: nn.Module, given: object, output: torch.Tensor) -> torch.Tensor:
        kept.append(output.detach().clone().requires_grad_())
        return kept[0].clone()

    handle = inside.layers[layer](networks).register_forward_hook(keep)
    inside.evidence(networks, images).backward(signs)
    handle.remove()
    alpha = kept[0].grad.sum((2, 3)) / (kept[0].shape[2] * kept[0].shape[3])
    wanted = torch.einsum("nk,nkhw->nhw", alpha, kept[0].detach()).clamp(min=0)
    assert found.any()
    torch.testing.assert_close(found, wanted)


def test_of_the_meta_learner_it_is_the_class_activation_map():
    # After the last block come only a mean over h x w places and a linear layer w, so alpha_k is
    # w_k / (h w), the same for every picture.
    networks, images, inside = networks_and_images("ours")
    for sign in (1.0, -1.0):
        found = maps(
            lambda x: inside.evidence(networks, x),
            inside.layers["meta"](networks),
            images,
            torch.full((3,), sign),
        )
        last = networks.meta.layers(networks.upstream(images).shared)
        weights = networks.meta.classify.weight[0] / (last.shape[2] * last.shape[3])
        wanted = (sign * torch.einsum("k,nkhw->nhw", weights, last)).clamp(min=0)
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_looked_at_is_what_scores(variant):
    networks, images, inside = networks_and_images(variant)
    settings = settings_of(variant)
    seen = inside.look(networks, images)
    torch.testing.assert_close(seen.score, methods.METHODS[settings.method].score(networks, images))
    assert seen.embedding.shape == (3, 32)  # 512 channels times the width 1/16
    assert (seen.parsing is not None) == settings.parts.parsing
    assert (seen.depth is None) == (variant == "ssdg")
    if seen.depth is not None:
        assert seen.depth.shape == (3, 1, 8, 8)
    if seen.parsing is not None:
        assert seen.parsing.shape == (3, 64, 64)
    # More evidence is a higher score, and none is the middle where there is one.
    evidence = inside.evidence(networks, images).double()
    assert torch.equal(evidence.argsort(), seen.score.argsort())
    if variant != "ssan":
        assert torch.equal(evidence > 0, seen.score > 0.5)


def test_each_map_is_over_its_own_maximum_and_zeros_stay():
    found = normalised(torch.tensor([[[1.0, 2.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]]))
    assert found.tolist() == [[[0.25, 0.5], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]


def test_a_map_is_enlarged_bilinearly_with_its_places_in_the_middle_of_their_pixels():
    # Two places of 0 and 1 over four pixels: centres at 1 and 3, so pixels at 0.5 to 3.5 have
    # 0, 1/4, 3/4, 1.
    found = enlarged(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), 4)
    assert found.shape == (1, 4, 4) and found.dtype == np.float32
    assert np.allclose(found[0], [[0, 0.25, 0.75, 1]] * 4)


def test_the_share_within_a_mask():
    heat = np.array([[1.0, 2.0], [3.0, 2.0]])
    assert share_within(heat, np.array([[False, True], [True, False]])) == 5 / 8
    assert share_within(np.zeros((2, 2)), np.ones((2, 2), bool)) is None
