"""PRNet: the network against the authors' own, the way from picture to depth against geometry."""

import hashlib
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from make_prnet_checkpoint import made
from safetensors.numpy import save_file
from torch import nn

from labels.backends import DEPTH
from labels.depth.maps import FLOOR
from labels.depth.prnet import PRNetDepth, load
from labels.depth.prnet_network import Convolution, PRNet, Transposed, convert, variable_names
from labels.depth.prnet_square import BOX, cut_square, square_affine
from labels.view import LabelError, View
from labels.weights import REGISTRY, Weights
from labels.weights_fetch import fetch
from pipeline.errors import UserError

BATCH = DEPTH["prnet"].batch


def tf_shapes():
    """TensorFlow's shapes of the network's variables, from its structure here."""
    state = PRNet().state_dict()
    shapes = {}
    for name, variable in variable_names().items():
        shape = tuple(state[name].shape)
        shapes[variable] = (*shape[2:], shape[1], shape[0]) if len(shape) == 4 else shape
    return shapes


@pytest.fixture(scope="module")
def variables():
    """Made values of the network's variables."""
    return {name: made(name, shape) for name, shape in tf_shapes().items()}


def test_the_variables_are_those_of_the_released_checkpoint(reference):
    released = {name: tuple(shape) for name, shape in reference("prnet_variables").items()}
    assert tf_shapes() == released
    assert len(released) == 245


@pytest.mark.slow
def test_positions_are_those_of_the_authors_network(reference, shared):
    rule = {}
    exec((shared / "reference" / "rule_tensors.py").read_text(), rule)
    shapes = reference("prnet_variables")
    network = PRNet().eval()
    network.load_state_dict(
        convert({name: rule["tensor"](name, shape) for name, shape in shapes.items()}), strict=True
    )
    with np.load(shared / "reference" / "prnet_case.npz") as case:
        picture = torch.from_numpy(case["image"].transpose(2, 0, 1)[None].copy())
        with torch.inference_mode():
            position = network(picture)[0].numpy()
        y, x = case["points_yx"].T
        assert np.abs(position[:, y, x].T - case["position"]).max() < 1e-3


def test_what_an_optimiser_left_is_passed_over(variables):
    more = variables | {"resfcn256/Conv/weights/Adam": np.ones(1), "global_step": np.int64(3)}
    wanted = convert(variables)
    given = convert(more)
    assert given.keys() == wanted.keys() == PRNet().state_dict().keys()
    assert all(torch.equal(given[name], one) for name, one in wanted.items())


def test_a_missing_variable_is_named(variables):
    name = "resfcn256/resBlock_3/Conv_1/BatchNorm/moving_mean"
    with pytest.raises(UserError, match=f"{name} is missing"):
        convert({one: value for one, value in variables.items() if one != name})


def test_a_variable_of_another_shape_is_named_with_both_shapes(variables):
    name = "resfcn256/Conv2d_transpose_1/weights"
    with pytest.raises(UserError) as caught:
        convert(variables | {name: np.zeros((4, 4, 512, 256))})
    said = str(caught.value)
    assert name in said
    assert "(4, 4, 512, 256), not (4, 4, 256, 512)" in said


def footprint(layer, size, place):
    """Where along a row a layer gives something of a single lit pixel, and with which weight."""
    picture = torch.zeros(1, 1, size, size)
    picture[0, 0, place, place] = 1
    layer.eval()
    layer.convolution.weight.data[:] = torch.arange(1.0, 5.0)  # by column; all rows alike
    with torch.no_grad():
        line = layer(picture)[0, 0].amax(0) * np.sqrt(1.001)  # off with the norm's epsilon
    return {int(i): round(float(line[i]), 3) for i in line.nonzero()[:, 0]}


# TensorFlow pads a kernel of 4 by 1 before and 2 after at stride 1, by 1 and 1 at stride 2, and its
# transposed convolution is the way back: column k of the kernel stands k - 1 from the output.


def test_convolutions_are_padded_as_tensorflow_does():
    assert footprint(Convolution(1, 1, 4, 1), 8, 4) == {2: 4, 3: 3, 4: 2, 5: 1}
    assert footprint(Convolution(1, 1, 4, 2), 8, 4) == {1: 4, 2: 2}
    assert footprint(Convolution(1, 1, 4, 2), 8, 5) == {2: 3, 3: 1}


def test_transposed_convolutions_are_cut_as_tensorflow_does():
    assert footprint(Transposed(1, 1, 1), 8, 4) == {3: 1, 4: 2, 5: 3, 6: 4}
    assert footprint(Transposed(1, 1, 2), 8, 4) == {7: 1, 8: 2, 9: 3, 10: 4}


def test_another_size_of_picture_is_refused():
    with pytest.raises(ValueError, match="256"):
        PRNet()(torch.zeros(1, 3, 128, 128))


# The square that the network sees.


def mesh(low, high):
    """Landmarks whose jaw and brows span a box; all others, forehead too, lie far off."""
    landmarks = np.full((468, 3), -50.0, np.float32)
    landmarks[BOX, :2] = (np.add(low, high)) / 2
    landmarks[BOX[0], :2], landmarks[BOX[1], :2] = low, high
    landmarks[:, 2] = 0
    return landmarks


def test_the_square_is_the_authors_around_jaw_and_brows():
    affine = square_affine(mesh((100, 50), (300, 210)))
    # Sides 200 and 160, so 1.6 * 180 = 288 about (200, 130): from 56 and -14 to 344 and 274.
    corners = np.array([(56, -14), (344, 274)]) @ affine[:, :2].T + affine[:, 2]
    assert np.allclose(corners, [(0.5, 0.5), (255.5, 255.5)])  # centres of the outer pixels


@pytest.mark.parametrize("low", [(np.nan, 50), (300, 210)])
def test_landmarks_without_a_box_give_no_square(low):
    with pytest.raises(LabelError):
        square_affine(mesh(low, (300, 210)))


@pytest.mark.parametrize("scale", [0.55, 0.8, 1.0, 1.7])
def test_the_cut_shows_each_place_where_the_affine_says(scale):
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 200, axis=0)
    picture = np.concatenate([ramp, ramp // 2, 255 - ramp], axis=2)
    affine = np.array([[scale, 0, 20.0], [0, scale, 30.0]])
    seen = cut_square(picture, affine) * 255
    x = (np.arange(256) + 0.5 - 20) / scale  # picture places of the columns' centres
    good = (x > 3) & (x < 253)
    row = int(30 + 100 * scale)
    assert np.abs(seen[0, row, good] - (x[good] - 0.5)).max() < 0.05
    assert np.abs(seen[2, row, good] - (255.5 - x[good])).max() < 0.05
    assert (seen[:, :, x < -1] == 0).all()  # outside is black


def test_the_cut_averages_what_it_shrinks():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 200
    seen = cut_square(stripes, np.array([[0.5, 0, 0.0], [0, 0.5, 0.0]])) * 255
    assert np.abs(seen[:, 2:-2, 2:-2] - 100).max() < 1


# From picture to depth, with a network that gives a part of a sphere.

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


def view(low=(200, 120), high=(320, 260), affine=None, frame_size=(640, 480)):
    """A face whose box is known, in a frame of noise, with a looser picture turned by a quarter."""
    rng = np.random.default_rng(5)
    x, y = np.add(low, high) / 2
    loose_affine = np.array([[0, -1.5, 256 + 1.5 * y], [1.5, 0, 256 - 1.5 * x]])
    affine = np.eye(2, 3) if affine is None else affine
    return View(
        picture=np.zeros((480, 640, 3), np.uint8),
        affine=affine,
        landmarks=mesh(low, high),
        landmarks_refined=np.zeros((478, 3), np.float32),
        frame_size=frame_size,
        loose=rng.integers(0, 256, (512, 512, 3), np.uint8),
        loose_affine=loose_affine,
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
    to_seen = np.array(
        [[255 / 312, 0, 128 - 256 * 255 / 312], [0, 255 / 312, 128 - 256 * 255 / 312]]
    )
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


# With weights from the store.


@pytest.fixture
def fetched(variables, tmp_path, monkeypatch):
    """Made weights and a made face index, fetched as a user fetches them."""
    monkeypatch.setenv("OCIM_WEIGHTS", str(tmp_path / "store"))
    save_file(variables, tmp_path / "prnet.safetensors")
    fetch("prnet", tmp_path / "prnet.safetensors")
    index = tmp_path / "face_ind.txt"
    index.write_text("".join(f"{n}\n" for n in range(10 * 256, 240 * 256)))
    digest = hashlib.sha256(index.read_bytes()).hexdigest()
    made_entry = Weights("face_ind.txt", "a test", "none", "http://x", sha256=digest)
    monkeypatch.setitem(REGISTRY, "prnet-face-index", made_entry)
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


def test_without_weights_the_line_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setenv("OCIM_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match="ocim weights fetch prnet"):
        load("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_not_replaced_silently():
    with pytest.raises(UserError, match="cuda"):
        load("cuda")


def test_the_back_end_is_where_the_registry_says():
    assert import_module(DEPTH["prnet"].module).load is load
