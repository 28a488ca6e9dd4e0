"""FAN and S3FD beside the library's own code, on networks whose answer is known."""

import re
import socket
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from face_alignment import FaceAlignment, LandmarksType
from face_alignment.detection.sfd.bbox import nms
from face_alignment.detection.sfd.detect import detect
from face_alignment.detection.sfd.net_s3fd import s3fd
from face_alignment.models import FAN, ResNetDepth
from made_fan import Depth, Dots, Maps, draw, face, square_side, tight_box
from safetensors.torch import save_file
from torch import nn

from labels import fan, weights
from labels.fan import Detector, Landmarks
from labels.mesh_fit import points68
from pipeline.errors import UserError


class Fixed(nn.Module):
    """Heatmaps of two values at places of one's choice; mirrored where the right is brighter."""

    def __init__(self, first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
        super().__init__()
        self.heat = torch.zeros(68, 64, 64)
        for j, ((x, y), (x2, y2)) in enumerate(zip(first, second, strict=True)):
            self.heat[j, y2, x2] = 0.5
            self.heat[j, y, x] = 1

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        heat = self.heat.expand(len(patches), -1, -1, -1)
        left, right = patches.split(128, 3)
        return heat if left.mean() > right.mean() else fan.flip(heat.clone(), is_label=True)


class Same(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        return torch.full((len(patches), 68), self.value)


def library(network: nn.Module, depth: nn.Module) -> FaceAlignment:
    """The library's class with these networks, made without its constructor, which downloads."""
    made = object.__new__(FaceAlignment)
    made.device, made.dtype, made.flip_input, made.max_batch_size = "cpu", torch.float32, True, 1
    made.landmarks_type = LandmarksType.THREE_D
    made.face_detector = SimpleNamespace(reference_scale=195)
    made.face_alignment_net, made.depth_prediciton_net = network.eval(), depth.eval()
    return made


def assert_like_library(own: np.ndarray, theirs: np.ndarray, side: float, cut: int = 0) -> None:
    """The library rounds towards 0 and numbers patches' pixels from 1: up to a pixel of each.

    cut: 1 where the patch begins left of or above the picture; there, rounding moves it inwards.
    """
    difference = own[:, :2] - theirs[:, :2]
    assert difference.min() > -1 and difference.max() <= 1 + cut + side / 256
    assert own[:, 2] == pytest.approx(-theirs[:, 2], rel=1e-5, abs=1e-4)


def filled(network: nn.Module, seed: int) -> nn.Module:
    """Weights of a usual size: a network's own start makes outputs that hardly differ."""
    random = torch.Generator().manual_seed(seed)
    for name, one in network.state_dict().items():
        if name.endswith("running_var"):
            one.uniform_(0.5, 1.5, generator=random)
        elif name.endswith("running_mean") or name.endswith("bias"):
            one.normal_(0, 0.1, generator=random)
        elif one.ndim == 1 and one.dtype == torch.float32:
            one.uniform_(0.8, 1.2, generator=random)
        elif one.ndim > 1:
            one.normal_(0, (1 / one[0].numel()) ** 0.5, generator=random)
    return network.eval()


def test_coordinates_as_worked_out_by_hand() -> None:
    # Around the box 200, 300, 395, 495 the middle is 297.5, 374.1 and the side 400. The library
    # crops columns 99 to 496 and rows 175 to 573, rounding down. Cell 10 ends at 11 of 64.
    first, second = [(10, 20)] * 68, [(40, 40)] * 68
    second[5] = (11, 20)  # its neighbour at the right is higher: a quarter of a cell towards it
    second[6] = (10, 19)
    picture = np.zeros((700, 700, 3), np.uint8)
    picture[:, :298] = 200
    run = Landmarks(Fixed(first, second), Same(5))
    # The second heatmap value is the same mirrored: it adds up, and the first stays the largest.
    (found,) = run([picture], [np.array([200, 300, 395, 495])])
    x, y = 99 + 10.5 / 64 * 398, 175 + 20.5 / 64 * 399
    assert found[0] == pytest.approx([x, y, -5 * 400 / 256])
    assert found[5] == pytest.approx([x + 0.25 / 64 * 398, y, -7.8125])
    assert found[6] == pytest.approx([x, y - 0.25 / 64 * 399, -7.8125])


@pytest.mark.slow
def test_points_come_back_from_where_they_were_drawn() -> None:
    errors = []
    for shift in (0.0, 0.3, 0.5, 0.8):
        for scale, yaw in ((20, 0), (23, 25), (17, -15)):
            mesh = face(scale, (300 + shift, 260 - shift), yaw, roll=5)
            picture = draw(mesh, 560, 620, 0.18 * scale)
            box = tight_box(mesh)
            (found,) = Landmarks(Dots(), Depth(mesh))([picture], [box])
            cell = square_side(box) / 64
            error = found - points68(mesh)
            assert np.abs(error[:, :2]).max() < 0.5 * cell
            assert np.abs(error[:, 2]).max() < 1e-3
            errors.append(error[:, :2] / cell)
    # A patch's pixel is a quarter of a cell: half of one would show as 0.125.
    assert np.abs(np.concatenate(errors).mean(0)).max() < 0.03


@pytest.mark.slow
def test_landmarks_are_the_librarys() -> None:
    mesh = face(12, (170.3, 180.9), 10)
    box = tight_box(mesh)
    picture = draw(mesh, 400, 320, 2.5)
    (own,) = Landmarks(Dots(), Depth(mesh))([picture], [box])
    (theirs,) = library(Dots(), Depth(mesh)).get_landmarks_from_image(picture, [box])
    assert_like_library(own, theirs, square_side(box))


@pytest.mark.slow
def test_landmarks_are_the_librarys_with_its_own_networks(portrait: np.ndarray) -> None:
    # Whatever these say of a photograph, they say it to both; the second box leaves the picture.
    network, depth = filled(FAN(4), 1), filled(ResNetDepth(), 2)
    boxes = [np.array([88.2, 40.1, 205.7, 203.3]), np.array([-30.0, -60, 90, 77])]
    own = Landmarks(network, depth, batch=3)([portrait, portrait], boxes)
    theirs = library(network, depth).get_landmarks_from_image(portrait, boxes)
    for mine, other, box in zip(own, theirs, boxes, strict=True):
        assert len(np.unique(mine[:, :2], axis=0)) > 20 and np.ptp(mine[:, 2]) > 1
        assert_like_library(mine, other, square_side(box), cut=1)


@pytest.mark.slow
def test_what_a_face_gets_does_not_depend_on_its_neighbours() -> None:
    meshes = [face(14, (150.2, 140.7), yaw) for yaw in (0, 10, 20, -20, 30)]
    pictures = [draw(mesh, 300, 300, 2.6) for mesh in meshes]
    boxes = [tight_box(mesh) for mesh in meshes]
    network = Dots()
    run = Landmarks(network, Depth(meshes[0]), batch=4)
    together = run(pictures, boxes)
    alone = np.concatenate([run([p], [b]) for p, b in zip(pictures, boxes, strict=True)])
    assert together.tobytes() == alone.tobytes()
    assert set(network.shapes) == {(4, 3, 256, 256)}
    assert run([], []).shape == (0, 68, 3)


@pytest.mark.parametrize(
    "box",
    [
        (10, -499, 11, 1),
        (-900, 10, -800, 110),
        (30.2, 30.2, 30.4, 30.4),
        (5, 999, 105, 1099),
        (-1e6, -1e6, 1e6, 1e6),
    ],
)
def test_a_box_that_shows_nothing_gives_a_black_patch(box: tuple[float, ...]) -> None:
    seen = []

    class Look(nn.Module):
        def forward(self, patches: torch.Tensor) -> torch.Tensor:
            seen.append(float(patches.max()))
            return torch.zeros(len(patches), 68, 64, 64)

    found = Landmarks(Look(), Same(0))([np.full((60, 80, 3), 255, np.uint8)], [np.array(box)])
    assert np.isfinite(found).all() and seen == [0, 0]


def test_boxes_as_worked_out_by_hand() -> None:
    # Level 1 has steps of 8 pixels and boxes of 32; level 2 steps of 16 and boxes of 64.
    hot = [(1, 3, 5, 1.0), (2, 1, 6, 2.0), (2, 2, 1, -0.5), (1, 3, 6, 0.5)]
    found = Detector(Maps(hot))(np.zeros((64, 128, 3), np.uint8))
    # The third scores below 0.5; the last overlaps the first by more than 0.3.
    wanted = [
        [104 - 32, 24 - 32, 104 + 32, 24 + 32, 1 / (1 + np.exp(-2))],
        [44 - 16, 28 - 16, 44 + 16, 28 + 16, 1 / (1 + np.exp(-1))],
    ]
    assert found == pytest.approx(np.array(wanted))
    assert Detector(Maps([]))(np.zeros((64, 128, 3), np.uint8)).shape == (0, 5)


@pytest.mark.slow
def test_boxes_are_the_librarys(portrait: np.ndarray) -> None:
    network = filled(s3fd(), 3)
    for name, one in network.state_dict().items():
        if name.endswith("conf.weight"):
            one.mul_(40)  # some scores on either side of 0.5
    picture = portrait[:160, :120]
    own = Detector(network)(picture)
    theirs = np.asarray(detect(network, picture, "cpu")[0])
    theirs = theirs[nms(theirs, 0.3)]
    theirs = theirs[theirs[:, 4] > 0.5]
    assert len(theirs) > 3
    assert own == pytest.approx(theirs, rel=1e-5)


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No socket opens, and the user's home and store are new and empty."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name, place in (("HOME", "home"), ("OCIM_WEIGHTS", "weights"), ("TORCH_HOME", "torch")):
        monkeypatch.setenv(name, str(tmp_path / place))
    return tmp_path


def test_missing_weights_are_named_and_nothing_is_fetched(no_network: Path) -> None:
    for load, name in ((fan.load_landmarks, "3dfan4"), (fan.load_detector, "s3fd")):
        with pytest.raises(UserError) as told:
            load("cpu")
        line = str(told.value)
        assert "\n" not in line and name in line and f"ocim weights fetch {name}" in line
    assert not [path for path in no_network.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_converted_weights_load_whole_and_only_into_their_own_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: Path
) -> None:
    made = {"3dfan4": FAN(4), "fan-depth": ResNetDepth(), "s3fd": s3fd()}
    for seed, (name, network) in enumerate(made.items()):
        save_file(filled(network, seed).state_dict(), tmp_path / f"{name}.safetensors")
    monkeypatch.setattr(weights, "find", lambda name: tmp_path / f"{name}.safetensors")
    picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    box = np.array([20.0, 25, 70, 80])
    loaded = fan.load_landmarks("cpu")([picture], [box])
    assert np.array_equal(loaded, Landmarks(made["3dfan4"], made["fan-depth"])([picture], [box]))
    assert np.array_equal(fan.load_detector("cpu")(picture), Detector(made["s3fd"])(picture))
    monkeypatch.setattr(weights, "find", lambda _: tmp_path / "s3fd.safetensors")
    with pytest.raises(UserError, match=re.escape("s3fd.safetensors")):
        fan.load_landmarks("cpu")
    for name in made:
        (tmp_path / f"{name}.safetensors").unlink()
