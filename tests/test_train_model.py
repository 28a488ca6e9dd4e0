"""train/model.py: shapes, sizes, and what each variant is built of."""

import math

import numpy as np
import pytest
import torch

from train import methods
from train.config import Settings
from train.model import ChannelAttention, Networks, eca_kernel_size
from train.variants import VARIANTS, Name

torch.set_num_threads(1)  # networks this small only wait for a second thread on busy cores


def make(**options: object) -> Networks:
    settings = Settings(**options)  # type: ignore[arg-type]
    networks = methods.make(settings, 3)
    assert isinstance(networks, Networks)
    return networks


@pytest.mark.slow
def test_shapes_at_the_papers_size():
    with torch.device("meta"):
        networks = Networks(Settings())
        images = torch.zeros(2, 6, 256, 256)
        features = networks.features(images)
        upstream = networks.upstream(images)
        logit, embedding = networks.meta(upstream.shared)
    assert [tuple(f.shape[1:]) for f in features] == [
        (64, 256, 256),
        (128, 128, 128),
        (128, 64, 64),
        (128, 32, 32),
    ]
    assert upstream.depth.shape == (2, 1, 32, 32)
    assert upstream.parsing is not None
    assert upstream.parsing.shape == (2, 13, 256, 256)
    assert upstream.shared.shape == (2, 192, 32, 32)
    assert (logit.shape, embedding.shape) == ((2,), (2, 512))


@pytest.mark.parametrize("variant", [n for n, v in VARIANTS.items() if v.method == "meta"])
def test_every_variant_scores_at_a_small_size(variant: Name):
    networks = make(variant=variant, width=0.1, input_size=64)
    upstream = networks.upstream(torch.rand(4, 6, 64, 64))
    assert upstream.depth.shape == (4, 1, 8, 8)
    assert (upstream.parsing is None) == (variant in ("without_parsing", "rfmetafas"))
    assert networks(torch.rand(4, 6, 64, 64)).shape == (4,)


@pytest.mark.parametrize("variant", [n for n, v in VARIANTS.items() if v.method == "meta"])
def test_a_score_is_bit_by_bit_the_same_without_depth_and_parsing(variant: Name):
    networks = make(variant=variant, width=0.1, input_size=64).eval()
    images, unused = torch.rand(3, 6, 64, 64), []
    networks.depth.register_forward_hook(lambda *call: unused.append("depth"))
    if networks.parser is not None:
        networks.parser.classify.register_forward_hook(lambda *call: unused.append("classify"))
    with torch.inference_mode():
        logit = networks(images)
        assert unused == []
        assert torch.equal(logit, networks.meta(networks.upstream(images).shared)[0])
    assert len(unused) == (1 if networks.parser is None else 2)


def test_the_same_seed_gives_the_same_networks_and_global_state_stays():
    before = torch.get_rng_state()
    first, second = make(width=0.1), make(width=0.1)
    assert torch.equal(before, torch.get_rng_state())
    for (name, a), (_, b) in zip(first.state_dict().items(), second.state_dict().items(),
                                 strict=True):  # fmt: skip
        assert torch.equal(a, b), name


def test_convolutions_start_xavier_normal():
    weight = make(width=0.5).features.stage2[3].weight  # 64 to 98 channels, 3 x 3
    assert float(weight.detach().std()) == pytest.approx(math.sqrt(2 / (9 * (64 + 98))), rel=0.02)


def test_convolutions_start_kaiming_normal_where_that_is_chosen():
    weight = make(width=0.5, initialisation="kaiming_normal").features.stage2[3].weight
    assert float(weight.detach().std()) == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.02)


def test_detaching_keeps_the_classifier_out_of_the_parser_but_not_of_the_skip():
    for how, reached in (("through", True), ("detach", False)):
        networks = make(width=0.1, input_size=64, asc_gradient=how)
        networks(torch.rand(2, 6, 64, 64)).sum().backward()
        assert networks.parser is not None
        assert networks.skip is not None
        assert (networks.parser.blocks[0][0].weight.grad is not None) == reached
        assert networks.skip.block[0].weight.grad is not None


@pytest.mark.parametrize(
    ("channels", "size"),
    [(1, 1), (7, 1), (8, 3), (64, 3), (127, 3), (128, 5), (512, 5), (2047, 5), (2048, 7)],
)
def test_ecas_kernel_grows_with_the_channels(channels: int, size: int):
    # t = int(|(log2 C + 1) / 2|), k = t if odd else t + 1; k is 7 from t = 6 on, which 2048 reaches
    assert eca_kernel_size(channels) == size
    cut = int(abs((math.log2(channels) + 1) / 2))
    assert eca_kernel_size(channels) == (cut if cut % 2 else cut + 1)


def test_eca_by_hand():
    attention = ChannelAttention(8).double()
    attention.conv.weight = torch.nn.Parameter(torch.tensor([[[1.0, 10.0, 100.0]]]).double())
    x = torch.zeros(1, 8, 1, 2, dtype=torch.float64)
    x[0, 0] = torch.tensor([[0.0, 0.02]])  # mean 0.01
    x[0, 1] = 0.001
    output = attention(x)
    # channel 0 sees nothing before it: 10 * 0.01 + 100 * 0.001; channel 1: 0.01 + 10 * 0.001 + 0
    assert output[0, 0, 0, 1].item() == pytest.approx(0.02 / (1 + math.exp(-0.2)))
    assert output[0, 1, 0, 0].item() == pytest.approx(0.001 / (1 + math.exp(-0.02)))


def test_eca_gives_the_reference_cases(reference):
    given = reference("eca_case")
    for channels, size in given["kernel_size"].items():
        assert eca_kernel_size(int(channels)) == size
    for case in given["cases"]:
        attention = ChannelAttention(case["shape"][1]).double()
        weight = torch.tensor(case["weight"], dtype=torch.float64).reshape(case["weight_shape"])
        attention.conv.weight = torch.nn.Parameter(weight)
        x = torch.from_numpy(np.random.default_rng(case["seed"]).standard_normal(case["shape"]))
        x.requires_grad_()
        output = attention(x)
        expected = torch.tensor(case["output_first_pixel"], dtype=torch.float64)
        torch.testing.assert_close(output[:, :, 0, 0], expected, rtol=1e-10, atol=1e-12)
        (output.square().sum() / 2).backward()
        assert attention.conv.weight.grad is not None
        assert x.grad is not None
        norms = (attention.conv.weight.grad.norm().item(), x.grad.norm().item())
        expected_norms = (case["grad_norm_weight"], case["grad_norm_input"])
        assert norms == pytest.approx(expected_norms, rel=1e-9)
