"""BiSeNet against its reference, its runtimes against it, and the way to thirteen classes."""

import dataclasses
import hashlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from labels import classes
from labels.landmarks import load as load_landmarks
from labels.parsing import runtimes
from labels.parsing.bisenet import Parser, load
from labels.parsing.bisenet_network import BiSeNet
from labels.parsing.by_torch import Torch, numbers_on_device, numbers_on_processor, on_device
from labels.parsing.networks import NotFiniteError, normalised, threads
from labels.view import View
from labels.weights import REGISTRY
from pipeline.errors import UserError

SAME = np.eye(2, 3)
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


def pictures(count: int) -> list[np.ndarray]:
    """Photographs (512, 512, 3) uint8 RGB."""
    from skimage.data import astronaut, coffee

    face, cup = astronaut(), cv2.resize(coffee(), (512, 512), interpolation=cv2.INTER_AREA)
    return [face, cup, np.ascontiguousarray(face[::-1, ::-1]), cup[::-1].copy()][:count]


def plainly(network: BiSeNet, picture: np.ndarray) -> np.ndarray:
    """The number of each pixel's class as the original gives it."""
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        return network((x - MEAN) / DEVIATION)[0].argmax(0).numpy()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A network with weights by chance that tells many classes apart, and its files by suffix."""
    torch.manual_seed(5)
    network = BiSeNet(classes=19).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.normal_(module.bias, std=0.05)
    folder = tmp_path_factory.mktemp("weights")
    paths = {suffix: folder / f"made{suffix}" for suffix in (".pth", ".safetensors", ".onnx")}
    torch.save(network.state_dict(), paths[".pth"])
    from safetensors.torch import save_file

    save_file(network.state_dict(), paths[".safetensors"])
    export(ThreeHeads(network).eval(), paths[".onnx"], any_batch=True)
    return network, paths


def export(network: nn.Module, path: Path, size: int = 512, any_batch: bool = False) -> None:
    """any_batch: with the options of the ONNX release."""
    given: dict[str, Any] = {}
    if any_batch:
        given = {"opset_version": 20, "input_names": ["input"], "output_names": ["output"]}
        given["dynamic_axes"] = {"input": {0: "batch_size"}, "output": {0: "batch_size"}}
    with pytest.warns(DeprecationWarning):
        torch.onnx.export(network, (torch.zeros(1, 3, size, size),), path, dynamo=False, **given)


def rule_made(shared: Path) -> dict[str, torch.Tensor]:
    place = shared / "reference" / "rule_tensors.py"
    spec = importlib.util.spec_from_file_location("rule_tensors", place)
    assert spec and spec.loader
    rule: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
    shapes = json.loads((shared / "reference" / "bisenet_state_dict.json").read_text())
    tensors = {
        name: torch.from_numpy(np.asarray(rule.tensor(name, shapes[name]))) for name in shapes
    }
    return {name: one.float() if one.is_floating_point() else one for name, one in tensors.items()}


def test_its_tensors_are_those_of_the_public_checkpoint(reference):
    wanted = reference("bisenet_state_dict")
    assert {name: list(one.shape) for name, one in BiSeNet(19).state_dict().items()} == wanted
    assert len(wanted) == 191


@pytest.mark.slow
def test_it_gives_the_logits_of_the_reference(shared):
    network = BiSeNet(classes=19)
    network.load_state_dict(rule_made(shared), strict=True)
    network.eval()
    case = np.load(shared / "reference" / "bisenet_case.npz")
    x = torch.from_numpy(case["image"]).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        logits = network((x - MEAN) / DEVIATION)[0]
    assert logits.shape == (19, 512, 512)
    y, x = case["points_yx"].T
    wanted = case["logits"]
    off = np.abs(logits[:, y, x].T.numpy() - wanted).max()
    assert off < 1e-4 * np.abs(wanted).max()
    assert (logits.argmax(0).numpy() == case["labels19"]).mean() >= 0.9999


def test_its_logits_have_the_size_of_the_picture():
    with torch.inference_mode():
        assert BiSeNet(classes=4).eval()(torch.zeros(2, 3, 64, 96)).shape == (2, 4, 64, 96)


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


@pytest.mark.slow
def test_a_known_file_has_its_order_wherever_it_lies(made: Made, monkeypatch: pytest.MonkeyPatch):
    own = made[1][".pth"]
    with pytest.raises(UserError, match=r"^parse\.order: .*made\.pth does not say"):
        load(str(own), None, "torch", "float32")
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    monkeypatch.setitem(
        REGISTRY, "bisenet", dataclasses.replace(REGISTRY["bisenet"], sha256=digest)
    )
    assert load(str(own), None, "torch", "float32").made_on == "cpu float32"
    with pytest.raises(UserError, match=r"^parse\.order: the classes of bisenet are in the order"):
        load(str(own), "celebamask", "torch", "float32")


def test_openvino_tells_its_maker_nothing():
    from labels.parsing import by_openvino

    assert by_openvino.openvino.Core().available_devices
    assert sys.modules["openvino_telemetry"] is None


def test_as_many_threads_are_taken_as_the_environment_says(monkeypatch: pytest.MonkeyPatch):
    for given, wanted in (("3", 3), ("", 1), ("2,2", 1), ("0", 1)):
        monkeypatch.setenv("OMP_NUM_THREADS", given)
        assert threads() == wanted
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads() == 1


class Small(nn.Module):
    """A network with so many classes as outputs and nothing learned."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_onnx_files_of_another_kind_are_one_line(tmp_path: Path, runtime: str):
    text = tmp_path / "text.onnx"
    text.write_text("not a network")
    export(Small(11), few := tmp_path / "few.onnx")
    export(Small(19), small := tmp_path / "small.onnx", size=256)
    for path, message in (
        (text, ""),
        (few, "its first output is not 1 x 19 x 512 x 512"),
        (small, "a network of one input 1 x 3 x 512 x 512 is wanted"),
    ):
        with pytest.raises(UserError) as told:
            load(str(path), "zllrunning", runtime, "auto")
        assert str(told.value).startswith(f"{path}: {message}")
        assert "\n" not in str(told.value)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_an_onnx_network_of_another_shape_inside_is_run_whole(tmp_path: Path, runtime: str):
    torch.manual_seed(1)
    network = Small(19)
    export(network, path := tmp_path / "small.onnx")
    picture = pictures(1)[0]
    parsed = runtimes.load(path, 19, runtime, "float32", 8)([picture])[0]
    with torch.inference_mode():
        wanted = network(torch.from_numpy(normalised(picture)))[0].argmax(0)
    assert (parsed == wanted.numpy()).mean() >= 0.9999


class Answers:
    """A network that gives the maps it was made with, whatever the pictures."""

    made_on = "a test"

    def __init__(self, numbers: Sequence[np.ndarray]) -> None:
        self.numbers = list(numbers)

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        return self.numbers[: len(pictures)]


def view(landmarks: np.ndarray, size: tuple[int, int], **given: Any) -> View:
    """A view of a frame (width, height), the frame itself its picture; its looser one is black."""
    wanted = {
        "picture": np.zeros((*size[::-1], 3), np.uint8),
        "affine": SAME,
        "loose": np.zeros((512, 512, 3), np.uint8),
        **given,
    }
    return View(landmarks=landmarks[:468], landmarks_refined=landmarks, frame_size=size, **wanted)


def test_a_frames_map_lies_where_the_looser_picture_was_cut():
    numbers = np.full((512, 512), 17, np.uint8)  # hair: background
    numbers[100:140, 200:260] = 10  # nose
    numbers[300:310, 0:4] = 13  # lower lip, at the border
    # The looser picture shows 256 x 256 of the frame at twice its size, from (-20, 30) on.
    loose_affine = np.array([[2.0, 0, 40], [0, 2, -60]])
    parser = Parser(Answers([numbers]), "zllrunning", Path("made.pth"))
    frame = view(np.zeros((478, 3)), (300, 200), loose_affine=loose_affine)
    (parsing,) = parser([frame])
    wanted = np.zeros((200, 300), np.uint8)
    wanted[80:100, 80:110] = classes.NOSE  # rows 100 to 140 are 30 + 50 to 70, columns -20 + 100
    assert parsing.dtype == np.uint8 and parsing.shape == (200, 300)
    assert (parsing == wanted).all()  # the lip lies left of the frame
    crop = np.array([[0.5, 0, -30], [0, 0.5, -40]])  # half the size, from (60, 80) on
    (parsing,) = parser([frame._replace(picture=np.zeros((16, 32, 3), np.uint8), affine=crop)])
    wanted = np.zeros((16, 32), np.uint8)
    wanted[:10, 10:25] = classes.NOSE
    assert (parsing == wanted).all()


def test_networks_that_give_no_numbers_are_one_line():
    class Broken(Answers):
        def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
            raise NotFiniteError

    parser = Parser(Broken([]), "zllrunning", Path("made.pth"))
    with pytest.raises(
        UserError, match=r"^made\.pth: the network gives values that are no numbers"
    ):
        parser([view(np.zeros((478, 3)), (64, 64), loose_affine=SAME)])
    with pytest.raises(ValueError, match="looser picture"):
        parser([view(np.zeros((478, 3)), (64, 64), loose=None, loose_affine=None)])


@pytest.fixture(scope="module")
def photographs(shared: Path) -> list[tuple[View, np.ndarray]]:
    """Views of the whole photographs with a real network's map of each (1024 x 1024)."""
    found = []
    with load_landmarks("embedded") as finder:
        for name in ("1", "1112", "1309", "1333"):
            image = cv2.imread(str(shared / f"data/bisenet/{name}.jpg"))[..., ::-1]
            theirs = cv2.imread(str(shared / f"data/bisenet/{name}_mask.png"), cv2.IMREAD_UNCHANGED)
            points = finder.find(np.ascontiguousarray(image))[0].landmarks_refined
            half = np.array([[0.5, 0, 0], [0, 0.5, 0]])
            found.append((view(points, (1024, 1024), picture=image, loose_affine=half), theirs))
    return found


def test_a_real_networks_maps_become_the_thirteen_with_their_sides(photographs):
    wanted_of = {17: 0, 14: 0, 1: 1, 6: 6, 10: 9, 11: 10, 12: 11, 13: 12}
    for face, theirs in photographs:
        numbers = theirs[::2, ::2]
        (parsing,) = Parser(Answers([numbers]), "zllrunning", Path("x"))([face])
        whole = numbers.repeat(2, 0).repeat(2, 1)
        for number, wanted in wanted_of.items():
            assert (parsing[whole == number] == wanted).all()
        bridge = face.landmarks_refined[168, 0]
        for left, right in ((2, 3), (4, 5), (7, 8)):
            assert np.isin(parsing[np.isin(whole, (left, right))], (left, right)).all()
            assert (np.nonzero(parsing == left)[1] > bridge).all()
            assert (np.nonzero(parsing == right)[1] < bridge).all()


def test_a_wrong_order_is_refused_while_it_works(photographs):
    for face, theirs in photographs:
        parser = Parser(Answers([theirs[::2, ::2]]), "celebamask", Path("x"))
        with pytest.raises(UserError, match=r"parse\.order: celebamask does not fit"):
            parser([face])


@pytest.mark.slow
def test_it_works_from_a_file_to_a_label_and_neighbours_change_nothing(
    made: Made, portrait: np.ndarray
):
    with load_landmarks("embedded") as finder:
        face = finder.find(portrait)[0]
    height, width = portrait.shape[:2]
    low, high = face.landmarks[:, :2].min(0), face.landmarks[:, :2].max(0)
    side = 2 * float((high - low).max())
    corner = (low + high) / 2 - side / 2
    loose_affine = np.column_stack([np.eye(2) * 512 / side, -corner * 512 / side])
    moved = loose_affine.copy()
    moved[:, 2] -= 0.5 - 256 / side
    loose = cv2.warpAffine(portrait, moved, (512, 512))
    points = face.landmarks_refined
    one = view(points, (width, height), picture=portrait, loose=loose, loose_affine=loose_affine)
    other = one._replace(loose=np.ascontiguousarray(loose[:, ::-1]))
    parser = load(str(made[1][".pth"]), "zllrunning", "auto", "auto")
    assert parser.made_on.split()[0] in ("ncnn", "openvino", "cuda")
    (alone,) = parser([one])
    among = parser([other, one, other])
    assert alone.shape == (height, width) and alone.dtype == np.uint8
    assert len(np.unique(alone)) > 3 and alone.max() <= 12
    assert (among[1] == alone).all() and (among[0] != alone).any()
    # No label comes from outside of the looser picture.
    x = (np.arange(width) + 0.5 - corner[0]) * 512 / side
    assert not alone[:, (x < 0) | (x >= 512)].any()
