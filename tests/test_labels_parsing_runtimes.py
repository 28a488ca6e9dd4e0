"""What runs BiSeNet: every runtime gives its classes, and what cannot be is one line."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from benchmarks.parts.made_bisenet import made_network
from labels.parsing import runtimes
from labels.parsing.bisenet_network import BiSeNet
from labels.parsing.by_torch import Torch, numbers_on_device, numbers_on_processor, on_device
from labels.parsing.networks import NotFiniteError, normalised, threads
from pipeline.errors import UserError

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
Made = tuple[BiSeNet, dict[str, Path]]


class ThreeHeads(nn.Module):
    """As the ONNX release was made: the main head's logits first, then those of the other two."""

    def __init__(self, network: BiSeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        network = self.network
        spatial, context = network.cp(x)
        others = [network.conv_out16(context), network.conv_out32(context)]
        heads = [network.conv_out(network.ffm(spatial, context)), *others]
        return tuple(
            functional.interpolate(head, x.shape[2:], mode="bilinear", align_corners=True)
            for head in heads
        )


RELEASE = {
    "opset_version": 20,
    "input_names": ["input"],
    "output_names": ["output"],
    "dynamic_axes": {"input": {0: "batch_size"}, "output": {0: "batch_size"}},
}
"""How the ONNX release was exported."""


def export(network: nn.Module, path: Path, size: int = 512, **options: Any) -> None:
    pictures = torch.zeros(1, 3, size, size)
    with pytest.warns(DeprecationWarning):
        torch.onnx.export(network, (pictures,), path, dynamo=False, **options)


def pictures(count: int) -> list[np.ndarray]:
    """Photographs (512, 512, 3) uint8 RGB."""
    from skimage.data import astronaut, coffee

    face, cup = astronaut(), cv2.resize(coffee(), (512, 512), interpolation=cv2.INTER_AREA)
    return [face, cup, np.ascontiguousarray(face[::-1, ::-1])][:count]


def plainly(network: BiSeNet, picture: np.ndarray) -> np.ndarray:
    """The number of each pixel's class as the original gives it."""
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        return network((x - MEAN) / DEVIATION)[0].argmax(0).numpy()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A network with weights by chance, and its files by suffix."""
    network = made_network()
    folder = tmp_path_factory.mktemp("weights")
    paths = {suffix: folder / f"made{suffix}" for suffix in (".pth", ".safetensors", ".onnx")}
    torch.save(network.state_dict(), paths[".pth"])
    save_file(network.state_dict(), paths[".safetensors"])
    export(ThreeHeads(network).eval(), paths[".onnx"], **RELEASE)
    return network, paths


def test_pictures_are_normalised_by_the_numbers_of_imagenet():
    picture = pictures(1)[0]
    wanted = (torch.from_numpy(picture).permute(2, 0, 1)[None].double() / 255 - MEAN) / DEVIATION
    device = torch.device("cpu")
    assert np.abs(normalised(picture) - wanted.numpy()).max() < 1e-6
    assert (on_device([picture, picture], device) - wanted).abs().max() < 1e-6
    with pytest.raises(ValueError, match=r"\(512, 512, 3\) uint8, not \(256, 256, 3\)"):
        normalised(picture[::2, ::2])


@pytest.mark.slow
@pytest.mark.parametrize(
    "runtime, suffix",
    [
        ("torch", ".pth"),
        ("torch", ".safetensors"),
        ("ncnn", ".pth"),
        ("onnxruntime", ".pth"),
        ("onnxruntime", ".onnx"),
        ("openvino", ".safetensors"),
        ("openvino", ".onnx"),
    ],
)
def test_every_runtime_gives_the_networks_own_classes(made: Made, runtime: str, suffix: str):
    network, paths = made
    runs = runtimes.load(paths[suffix], 19, runtime, "float32", 8)
    assert runs.made_on == ("cpu float32" if runtime == "torch" else f"{runtime} float32")
    one, other = pictures(2)
    alone, *_ = runs([one])
    assert alone.shape == (512, 512) and alone.dtype == np.uint8
    assert len(np.unique(alone)) > 5
    assert (alone == plainly(network, one)).mean() >= 0.9999
    among = runs([other, one, other])
    assert (among[1] == alone).all() and (among[0] == among[2]).all()
    assert runs([]) == []


@pytest.mark.slow
def test_batches_of_torch_are_filled_up_and_give_the_same_bytes_for_a_picture(made: Made):
    network, _ = made
    runs = Torch(network, "float32", 2, "cpu")
    seen: list[int] = []
    coarse = runs.coarse

    def counted(batch: list[np.ndarray]) -> torch.Tensor:
        seen.append(len(batch))
        return coarse(batch)

    runs.coarse = counted  # type: ignore[method-assign]
    one, other, third = pictures(3)
    first = runs([one])
    assert (runs([one, third])[0] == first[0]).all()
    assert (runs([other, third, one])[2] == first[0]).all()
    assert seen == [2, 2, 2, 2]
    assert (first[0] == plainly(network, one)).mean() >= 0.9999


@pytest.mark.slow
def test_bfloat16_by_torch_gives_nearly_the_same_classes(made: Made):
    network, _ = made
    picture = pictures(1)[0]
    runs = Torch(network, "bfloat16", 1, "cpu")
    assert runs.made_on == "cpu bfloat16"
    same = (runs([picture])[0] == plainly(network, picture)).mean()
    assert 0.97 < same < 1


def test_classes_are_the_same_on_the_processor_and_on_a_device():
    coarse = functional.avg_pool2d(torch.randn(2, 19, 70, 70, generator=torch.manual_seed(1)), 7, 1)
    for one, other in zip(numbers_on_processor(coarse), numbers_on_device(coarse), strict=True):
        assert one.dtype == other.dtype == np.uint8
        assert (one != other).mean() < 1e-4
    coarse[1, 3, 0, 0] = torch.inf
    for numbers in (numbers_on_processor, numbers_on_device):
        with pytest.raises(NotFiniteError):
            numbers(coarse)


def test_settings_that_cannot_be_are_refused_by_their_names(monkeypatch: pytest.MonkeyPatch):
    own, onnx = Path("own.pth"), Path("own.onnx")
    monkeypatch.setattr(runtimes, "openvino_has_bfloat16", lambda: False)
    for path, runtime, precision, message in (
        (own, "tensorrt", "auto", "parse.runtime: 'tensorrt' is none of auto, torch"),
        (own, "auto", "float16", "parse.precision: 'float16' is none of auto, float32, bfloat16"),
        (onnx, "torch", "auto", "parse.runtime: torch does not run own.onnx; onnxruntime and"),
        (onnx, "ncnn", "auto", "parse.runtime: ncnn does not run own.onnx; onnxruntime and"),
        (own, "onnxruntime", "bfloat16", "parse.precision: onnxruntime has no bfloat16"),
        (own, "ncnn", "bfloat16", "parse.precision: ncnn has no bfloat16"),
        (own, "auto", "bfloat16", "parse.precision: for openvino this processor has no"),
        (own, "openvino", "bfloat16", "parse.precision: for openvino this processor has no"),
    ):
        with pytest.raises(UserError) as told:
            runtimes.chosen(path, runtime, precision)
        assert str(told.value).startswith(message)


@pytest.mark.parametrize("cuda", [False, True])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_auto_is_the_fastest_that_is_there(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, bfloat16: bool
):
    monkeypatch.setattr(runtimes, "openvino_has_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    by_processor = ("openvino", "bfloat16" if bfloat16 else "float32")
    wanted = ("torch", "bfloat16") if cuda else by_processor if bfloat16 else ("ncnn", "float32")
    assert runtimes.chosen(Path("own.pth"), "auto", "auto") == wanted
    exact = ("torch" if cuda else "ncnn", "float32")
    assert runtimes.chosen(Path("own.pth"), "auto", "float32") == exact
    assert runtimes.chosen(Path("own.onnx"), "auto", "auto") == by_processor
    by_torch = ("torch", "bfloat16" if cuda else "float32")
    assert runtimes.chosen(Path("own.pth"), "torch", "auto") == by_torch
    assert runtimes.chosen(Path("own.pth"), "torch", "bfloat16") == ("torch", "bfloat16")
    only = ("onnxruntime", "float32")
    assert runtimes.chosen(Path("own.onnx"), "onnxruntime", "auto") == only


def test_as_many_threads_are_taken_as_the_environment_says(monkeypatch: pytest.MonkeyPatch):
    for given, wanted in (("3", 3), ("", 1), ("2,2", 1), ("0", 1)):
        monkeypatch.setenv("OMP_NUM_THREADS", given)
        assert threads() == wanted
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads() == 1


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_onnx_files_of_another_kind_are_one_line(tmp_path: Path, runtime: str):
    text = tmp_path / "text.onnx"
    text.write_text("not a network")
    export(nn.Conv2d(3, 11, 1), few := tmp_path / "few.onnx")
    export(nn.Conv2d(3, 19, 1), small := tmp_path / "small.onnx", size=256)
    for path, message in (
        (text, ""),
        (few, "its first output is not 1 x 19 x 512 x 512"),
        (small, "a network of one input 1 x 3 x 512 x 512 is wanted"),
    ):
        with pytest.raises(UserError) as told:
            runtimes.load(path, 19, runtime, "float32", 8)
        assert str(told.value).startswith(f"{path}: {message}")
        assert "\n" not in str(told.value)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_an_onnx_network_of_another_shape_inside_is_run_whole(tmp_path: Path, runtime: str):
    torch.manual_seed(1)
    network = nn.Conv2d(3, 19, 1)
    export(network, path := tmp_path / "small.onnx")
    picture = pictures(1)[0]
    parsed = runtimes.load(path, 19, runtime, "float32", 8)([picture])[0]
    with torch.inference_mode():
        wanted = network(torch.from_numpy(normalised(picture)))[0].argmax(0)
    assert (parsed == wanted.numpy()).mean() >= 0.9999
