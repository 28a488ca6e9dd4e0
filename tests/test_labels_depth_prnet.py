"""PRNet's way from picture to depth, with a network that gives a part of a sphere."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_prnet import made_variables, mesh
from made_weights import register
from safetensors.numpy import save_file
from torch import nn

from labels.backends import DEPTH
from labels.depth.maps import FLOOR
from labels.depth.prnet import PRNetDepth, load
from labels.depth.prnet_square import cut_square
from labels.view import LabelError, View
from labels.weights_fetch import fetch
from pipeline.errors import UserError

BATCH = DEPTH["prnet"].batch
SAME = np.eye(2, 3)
RADIUS = 70.0
REACH_DEGREES = 60


class Sphere(nn.Module):
    """In place of PRNet: always the cap of a sphere in the middle of what is seen."""

    def __init__(self):
        super().__init__()
        v, u = (np.mgrid[:256, :256] - 127.5) / 127.5
        self.valid = u**2 + v**2 <= 1
        polar = np.hypot(u, v) * np.radians(REACH_DEGREES)
        turn = np.arctan2(v, u)
        self.map = np.stack([
            127.5 + RADIUS * np.sin(polar) * np.cos(turn),
            127.5 + RADIUS * np.sin(polar) * np.sin(turn),
            40 + RADIUS * np.cos(polar),
        ]).astype(np.float32)  # fmt: skip
        self.seen = None

    def forward(self, pictures):
        self.seen = pictures
        return torch.from_numpy(self.map)[None].repeat(len(pictures), 1, 1, 1)


@pytest.fixture
def sphere():
    network = Sphere()
    return SimpleNamespace(network=network, depth=PRNetDepth(network, network.valid, "cpu"))


def view(low=(200, 120), high=(320, 260), affine=SAME, frame_size=(640, 480)):
    """A face whose box is known, in a frame of noise, with a looser picture turned by a quarter."""
    rng = np.random.default_rng(5)
    x, y = np.add(low, high) / 2
    return View(
        picture=np.zeros((480, 640, 3), np.uint8),
        affine=affine,
        landmarks=mesh(low, high),
        landmarks_refined=np.zeros((478, 3), np.float32),
        frame_size=frame_size,
        loose=rng.integers(0, 256, (512, 512, 3), np.uint8),
        loose_affine=np.array([[0, -1.5, 256 + 1.5 * y], [1.5, 0, 256 - 1.5 * x]]),
    )


def check_cap(depth, x0, y0, radius):
    """That a depth map of 640 x 480 is the sphere's cap about a place."""
    y, x = np.mgrid[:480, :640] + 0.5
    z = np.sqrt(np.maximum(radius**2 - (x - x0) ** 2 - (y - y0) ** 2, 0))
    inside = z > radius * np.cos(np.radians(REACH_DEGREES))
    assert depth.dtype == np.float32
    assert ((depth > 0) & inside).sum() > 0.99 * ((depth > 0) | inside).sum()
    # At the rim, where a pixel is a thirtieth of the range, the lowest pixel is chance: it is put
    # right before heights are compared, half a pixel to the side would be 0.02 all the same.
    core = z > radius * np.cos(np.radians(REACH_DEGREES - 10))
    ranges = [(one - one[core].min()) / np.ptp(one[core]) for one in (depth, z)]
    assert np.abs(ranges[0] - ranges[1])[core].max() < 0.006
    assert depth[inside & (depth > 0)].min() == np.float32(FLOOR)
    assert depth.max() == 1


def test_a_made_position_map_becomes_the_depth_of_its_sphere(sphere):
    (depth,) = sphere.depth([view()])
    # The box is 120 x 140, so 255 pixels of the network are 1.6 * 130 = 208 of the frame.
    check_cap(depth, 260, 190, RADIUS * 208 / 255)


def test_depth_is_drawn_in_the_pictures_own_geometry(sphere):
    affine = np.array([[1.2, -0.5, 40.0], [0.5, 1.2, -60.0]])  # turned and 1.3 times the size
    (depth,) = sphere.depth([view(affine=affine)])
    x, y = affine @ (260, 190, 1)
    check_cap(depth, x, y, RADIUS * 208 / 255 * 1.3)


def test_outside_of_the_frame_there_is_no_depth(sphere):
    (depth,) = sphere.depth([view(frame_size=(260, 480))])
    assert (depth[:, 260:] == 0).all()
    assert depth[190, 259] > 0.99


def test_the_network_sees_the_looser_picture_and_a_batch_of_one_shape(sphere):
    one = view()
    sphere.depth([one, one])
    seen = sphere.network.seen
    assert seen.shape == (BATCH, 3, 256, 256)
    assert seen.dtype == torch.float32
    assert (seen[2:] == 0).all()
    assert torch.equal(seen[0], seen[1])
    # The box's centre is the middle of both; 312 pixels of the looser picture are 255 of this one.
    scale, shift = 255 / 312, 128 - 256 * 255 / 312
    to_seen = np.array([[scale, 0, shift], [0, scale, shift]])
    assert np.abs(seen[0].numpy() - cut_square(one.loose, to_seen)).max() < 0.02


def test_a_face_that_gives_no_depth_says_why_and_spoils_no_other(sphere):
    away = np.array([[1, 0, 5000.0], [0, 1, 0.0]])
    good, lost, blind = sphere.depth([view(), view(affine=away), view(low=(np.nan, 1))])
    assert good.max() == 1
    assert isinstance(lost, LabelError)
    assert isinstance(blind, LabelError)


def test_a_view_without_the_looser_picture_and_too_many_views_are_mistakes(sphere):
    with pytest.raises(ValueError, match="looser"):
        sphere.depth([view()._replace(loose=None)])
    with pytest.raises(ValueError, match="batch"):
        sphere.depth([view()] * (BATCH + 1))


@pytest.fixture
def fetched(own_store, tmp_path, monkeypatch):
    """Made weights and a made face index, fetched as a user fetches them."""
    save_file(made_variables(), tmp_path / "prnet.safetensors")
    fetch("prnet", tmp_path / "prnet.safetensors")
    index = tmp_path / "face_ind.txt"
    index.write_text("".join(f"{n}\n" for n in range(10 * 256, 240 * 256)))
    digest = hashlib.sha256(index.read_bytes()).hexdigest()
    register(monkeypatch, "prnet-face-index", sha256=digest)
    fetch("prnet-face-index", index)


def faces(count):
    return [view(low=(150 + 20 * i, 120), high=(290 + 20 * i, 260)) for i in range(count)]


@pytest.mark.slow
def test_a_samples_map_is_the_same_alone_and_among_others(fetched):
    depth = load("cpu")
    assert depth.made_on == "cpu float32"
    among = depth(faces(BATCH))
    assert not np.array_equal(among[2], among[5])
    for i in (2, 5):
        (alone,) = depth([faces(BATCH)[i]])
        assert alone.tobytes() == among[i].tobytes()
    again = depth(faces(BATCH)[::-1])
    assert [one.tobytes() for one in again[::-1]] == [one.tobytes() for one in among]


def test_without_weights_the_line_says_what_to_run(own_store):
    with pytest.raises(UserError, match="ocim weights fetch prnet"):
        load("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_not_replaced_silently():
    with pytest.raises(UserError, match="cuda"):
        load("cuda")
