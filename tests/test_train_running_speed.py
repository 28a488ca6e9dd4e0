"""train/running/speed.py: how far each way of running faster changes a step's numbers."""

import itertools
import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_batches import make_batch
from torch import Tensor, nn

from pipeline.errors import UserError
from train import meta, methods
from train.batches.data import Batch
from train.config import Settings
from train.model import Networks, Upstream
from train.running import speed
from train.running.device import reproducible
from train.running.ranks import Process
from train.settings import settings_from_dict
from train.training import Training

torch.set_num_threads(1)  # networks this small only wait for a second thread on busy cores

CPU = torch.device("cpu")
OFF = {"precision": "float32", "tf32": False, "channels_last": False}
HALF = OFF | {"precision": "bfloat16"}
META = ("ours", "without_asc", "without_meta", "rfmetafas")


def settings_of(**keys: object) -> Settings:
    return settings_from_dict({"width": 0.125, "input_size": 64, **keys}, "test")


DOMAINS = [make_batch(seed, [1] * 4 + [0] * 4) for seed in range(3)]


def one_step(settings: Settings, device: torch.device = CPU) -> tuple[dict[str, float], nn.Module]:
    """Losses of the first step as the trainer makes it, and the networks after it."""
    domains = [Batch(*(part.to(device) for part in batch[:4])) for batch in DOMAINS]
    training = Training(settings, 10, device, Process())
    return training.step(domains), training.networks


def gradient(networks: nn.Module, beginning: str = "") -> Tensor:
    """All gradients one after the other."""
    found = []
    for name, parameter in networks.named_parameters():
        if name.startswith(beginning):
            assert parameter.grad is not None and parameter.grad.dtype == torch.float32, name
            found.append(parameter.grad.flatten())
    return torch.cat(found)


def assert_same_state(first: nn.Module, second: nn.Module) -> None:
    a, b = first.state_dict(), second.state_dict()
    assert list(a) == list(b)
    for name in a:
        assert a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]), name


@pytest.mark.slow
@pytest.mark.parametrize("variant", META)
def test_with_everything_off_a_step_is_bit_for_bit_the_plain_float32_one(variant: str):
    settings = settings_of(variant=variant, **OFF)
    losses, networks = one_step(settings)

    plain = methods.make(settings, 3).train()
    found = methods.METHODS["meta"].losses(plain, DOMAINS, settings, 0, 10)
    found["total"].backward()
    decay = settings.weight_decay
    torch.optim.Adam(plain.parameters(), lr=1e-3, weight_decay=decay).step()
    assert losses.items() >= {name: float(value.detach()) for name, value in found.items()}.items()
    assert_same_state(networks, plain)


@pytest.mark.parametrize("variant", META)
def test_channels_last_changes_numbers_by_rounding_alone(variant: str):
    expected, plain = one_step(settings_of(variant=variant, **OFF))
    losses, networks = one_step(settings_of(variant=variant, **OFF | {"channels_last": True}))
    assert losses == pytest.approx(expected, rel=1e-4)
    assert torch.cosine_similarity(gradient(networks), gradient(plain), 0) > 0.99999


def first_step(settings: Settings, domains: list[Batch], shift: float) -> tuple[dict, nn.Module]:
    """As one_step, with every batch norm's bias but D's last at `shift`."""
    training = Training(settings, 10, CPU, Process())
    for name, module in training.networks.named_modules():
        if isinstance(module, nn.BatchNorm2d) and name != "depth.layers.7":
            nn.init.constant_(module.bias, shift)
    return training.step(domains), training.networks


def turned(first: nn.Module, second: nn.Module, beginning: str = "") -> float:
    """1 less the cosine between the gradients of two networks, or of a part of them."""
    pair = (gradient(each, beginning) for each in (first, second))
    return 1 - float(torch.cosine_similarity(*pair, 0))


@pytest.mark.slow
@pytest.mark.parametrize("layout", [False, True])
@pytest.mark.parametrize("variant", META)
def test_away_from_the_kinks_a_bfloat16_step_is_the_float32_one(variant: str, layout: bool):
    # With biases of 3 hardly a ReLU is near its kink, where one bit turns a whole gradient on.
    expected, plain = first_step(settings_of(variant=variant, **OFF), DOMAINS, 3)
    half = settings_of(variant=variant, **HALF | {"channels_last": layout})
    losses, networks = first_step(half, DOMAINS, 3)
    assert losses == pytest.approx(expected, rel=0.02)
    for beginning in ("features", "depth", "meta", ""):
        assert turned(networks, plain, beginning) < 0.01, beginning
    assert not torch.equal(gradient(networks), gradient(plain)), "bfloat16 was not in force"


@pytest.mark.slow
@pytest.mark.parametrize("variant", META)
def test_a_bfloat16_step_is_as_near_as_rounded_pictures_let_it_be(variant: str):
    settings = settings_of(variant=variant, **OFF)
    rounded = [b._replace(images=b.images.bfloat16().float()) for b in DOMAINS]
    expected, plain = first_step(settings, DOMAINS, 0)
    _, other = first_step(settings, rounded, 0)
    losses, networks = first_step(settings_of(variant=variant, **HALF), DOMAINS, 0)
    assert losses["total"] == pytest.approx(expected["total"], rel=0.03)
    # the pictures are rounded once, activations at each of a dozen layers
    assert turned(networks, plain) < 12 * turned(other, plain)


def test_a_bfloat16_step_repeats_bit_by_bit():
    settings = settings_of(precision="bfloat16")
    (first, a), (second, b) = one_step(settings), one_step(settings)
    assert first == second
    assert_same_state(a, b)


class Given(nn.Module):
    """Networks whose upstream was worked out before."""

    def __init__(self, learner: nn.Module, found: list[Upstream]) -> None:
        super().__init__()
        self.meta, self.found = learner, iter(found)

    def upstream(self, images: Tensor) -> Upstream:
        return next(self.found)


def test_bfloat16_before_m_leaves_its_second_order_gradient_plain_float32():
    settings = settings_of(**HALF)
    networks = methods.make(settings, 3).train()
    assert isinstance(networks, Networks)
    speed.prepare(networks, settings, CPU)
    mining = meta.Mining("batch_all", 0.1)
    found, inside, upstream = list[Upstream](), list[torch.dtype](), networks.upstream

    def kept(images: Tensor) -> Upstream:
        found.append(upstream(images))
        return found[-1]

    networks.upstream = kept  # type: ignore[method-assign]
    networks.features.stem[0].register_forward_hook(
        lambda module, args, out: inside.append(out.dtype)
    )
    meta.step_losses(networks, DOMAINS, settings, mining)["total"].backward()
    assert inside == [torch.bfloat16] * 3
    assert {part.dtype for one in found for part in one if part is not None} == {torch.float32}

    # by hand: M alone in plain float32, on what lies before it as numbers
    learner = methods.make(settings, 3).train().get_submodule("meta")
    given = [Upstream(*(part.detach() for part in one if part is not None)) for one in found]
    meta.step_losses(Given(learner, given), DOMAINS, settings, mining)["total"].backward()  # type: ignore[arg-type]
    assert torch.equal(gradient(networks.meta), gradient(learner))


@pytest.mark.parametrize("variant", ["ours", "rfmetafas", "ssdg", "ssan"])
def test_names_and_kinds_of_the_state_dict_stay(variant: str):
    settings = settings_of(variant=variant)
    if settings.method == "meta":
        settings = settings_of(variant=variant, precision="bfloat16")
    networks = methods.make(settings, 3)
    speed.prepare(networks, settings, CPU)
    assert_same_state(networks, methods.make(settings, 3))
    for parameter in networks.parameters():
        if parameter.ndim == 4:
            assert parameter.is_contiguous(memory_format=torch.channels_last)


def test_scores_in_evaluation_are_those_of_the_plain_network():
    settings = settings_of(**HALF)
    networks, plain = (methods.make(settings, 3) for _ in range(2))
    speed.prepare(networks, settings, CPU)
    images = DOMAINS[0].images
    assert torch.equal(networks.eval()(images), plain.eval()(images))
    assert not torch.equal(networks.train()(images), plain.train()(images))


def test_on_a_cpu_auto_is_float32_and_what_a_gpu_has_is_not_in_force():
    assert speed.chosen(Settings(), CPU) == {
        "precision": "float32",
        "tf32": False,
        "channels_last": True,
        "compile": False,
        "cuda_graphs": False,
    }


@given(
    variant=st.sampled_from(["ours", "rfmetafas", "ssdg", "ssan"]),
    precision=st.sampled_from(["auto", "float32", "bfloat16"]),
    flags=st.fixed_dictionaries(
        {key: st.booleans() for key in ("tf32", "channels_last", "compile", "cuda_graphs")}
    ),
)
def test_what_is_asked_for_is_in_force_or_refused(variant: str, precision: str, flags: dict):
    settings = settings_of(variant=variant, precision=precision, **flags)
    baseline = variant in ("ssdg", "ssan")
    if flags["cuda_graphs"] or (baseline and (flags["compile"] or precision == "bfloat16")):
        with pytest.raises(UserError) as caught:
            speed.chosen(settings, CPU)
        assert "\n" not in str(caught.value)
        return
    if flags["compile"] and shutil.which("g++") is None:
        return
    found = speed.chosen(settings, CPU)
    assert found["precision"] == ("bfloat16" if precision == "bfloat16" else "float32")
    assert (found["channels_last"], found["compile"]) == (flags["channels_last"], flags["compile"])


def test_compile_without_a_compiler_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CXX", "/nowhere/compiler")
    with pytest.raises(UserError) as caught:
        speed.chosen(settings_of(compile=True), CPU)
    assert str(caught.value) == (
        "compile needs a C++ compiler (there is no '/nowhere/compiler'): "
        "install it, or set compile to false"
    )


def test_cuda_graphs_on_a_cpu_are_refused_in_one_line():
    with pytest.raises(UserError, match="set it to false on a CPU"):
        speed.chosen(settings_of(compile=True, cuda_graphs=True), CPU)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++")
def test_a_compiled_step_gives_the_same_numbers():
    expected, plain = one_step(settings_of(**OFF))
    losses, networks = one_step(settings_of(**OFF | {"compile": True}))
    assert losses == pytest.approx(expected, rel=1e-4)
    ours, theirs = gradient(networks), gradient(plain)
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-3
    assert list(networks.state_dict()) == list(plain.state_dict())


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@needs_gpu
@pytest.mark.slow
@pytest.mark.parametrize("graphs", [False, True])
def test_on_a_gpu_compiled_steps_follow_the_plain_ones(graphs: bool):
    device, lines = torch.device("cuda"), []
    domains = [Batch(*(part.to(device) for part in batch[:4])) for batch in DOMAINS]
    for keys in ({}, {"compile": True, "cuda_graphs": graphs}):
        training = Training(settings_of(**OFF | keys), 10, device, Process())
        lines.append([training.step(domains)["total"] for _ in range(6)])
    for plain, compiled in itertools.islice(zip(*lines, strict=True), 6):
        assert compiled == pytest.approx(plain, rel=5e-3)


@needs_gpu
@pytest.mark.parametrize("wanted", [False, True])
def test_on_a_gpu_tf32_is_what_was_asked_for(wanted: bool):
    backends = torch.backends
    before = backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32
    with reproducible(settings_of(tf32=wanted)) as device:
        told = speed.chosen(settings_of(tf32=wanted), device)["tf32"]
        assert backends.cudnn.allow_tf32 == backends.cuda.matmul.allow_tf32 == wanted
    assert told == (wanted and torch.cuda.get_device_capability() >= (8, 0))
    assert (backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32) == before
