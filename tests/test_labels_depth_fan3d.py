"""fan3d's chain from the looser picture to the depth map, with a network that finds drawn dots."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_fan import Depth, Dots, draw, face
from torch import nn

from labels.backends import DEPTH
from labels.canonical import TRIANGLES
from labels.depth import fan3d
from labels.depth.fan3d import Fan3dDepth
from labels.depth.maps import normalise
from labels.fan import Landmarks
from labels.view import LabelError, View
from labels.zbuffer import zbuffer
from pipeline import crops
from pipeline.errors import UserError

FRAME = (1000, 900)
BATCH = DEPTH["fan3d"].batch


def backend(mesh: np.ndarray, network: nn.Module | None = None) -> Fan3dDepth:
    return Fan3dDepth(Landmarks(network or Dots(), Depth(mesh), batch=BATCH), "cpu float32")


def view(mesh: np.ndarray, mode: str = "box", drawn: np.ndarray | None = None) -> View:
    """What the stage gives of a frame on which the mesh's 68 points (or another's) are drawn."""
    frame = draw(mesh if drawn is None else drawn, FRAME[1], FRAME[0], 5)
    affine = crops.crop_affine(mesh, mode, 1.4, 0.0, 256)
    loose_affine = crops.crop_affine(mesh, mode, 2.0, 0.0, 512)
    landmarks = mesh.astype(np.float32)
    return View(
        picture=crops.warp(frame, affine, (256, 256)),
        affine=affine,
        landmarks=landmarks,
        landmarks_refined=np.concatenate([landmarks, landmarks[:10]]),
        frame_size=FRAME,
        loose=crops.warp(frame, loose_affine, (512, 512)),
        loose_affine=loose_affine,
    )


def true_depth(mesh: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The map of the mesh that was drawn, without anything of FAN."""
    vertices = np.column_stack([crops.transform(affine, mesh[:, :2]), -mesh[:, 2]])
    return normalise(zbuffer(vertices, TRIANGLES, 256, 256))


def assert_close(depth: np.ndarray | LabelError, truth: np.ndarray) -> None:
    assert isinstance(depth, np.ndarray), depth
    assert depth.shape == truth.shape and depth.dtype == np.float32
    assert depth.max() == pytest.approx(1) and depth[depth > 0].min() == pytest.approx(1 / 255)
    both, either = (depth > 0) & (truth > 0), (depth > 0) | (truth > 0)
    assert both.sum() > 0.98 * either.sum()
    assert np.corrcoef(depth[both], truth[both])[0, 1] > 0.998
    assert np.abs(depth - truth)[both].mean() < 0.015


@pytest.mark.slow
@pytest.mark.parametrize(
    ("yaw", "roll", "mode"), [(0, 0, "box"), (30, 8, "box"), (-20, 25, "aligned")]
)
def test_a_drawn_face_gives_its_own_depth(yaw: float, roll: float, mode: str) -> None:
    mesh = face(30, (480.3, 430.8), yaw, roll)
    # The network sees the looser picture; a turn of that picture turns x and y alone.
    one = view(mesh, mode)
    (depth,) = backend(mesh)([one])
    assert_close(depth, true_depth(mesh, one.affine))


@pytest.mark.slow
def test_labels_of_the_whole_frame_have_its_size() -> None:
    mesh = face(18, (500, 450), 10)
    one = view(mesh)._replace(picture=np.zeros((900, 1000, 3), np.uint8), affine=np.eye(2, 3))
    (depth,) = backend(mesh)([one])
    assert isinstance(depth, np.ndarray) and depth.shape == (900, 1000)
    rows, columns = np.nonzero(depth)
    drawn = mesh[:, :2]
    assert np.abs([columns.min() - drawn[:, 0].min(), rows.min() - drawn[:, 1].min()]).max() < 8
    assert np.abs([columns.max() - drawn[:, 0].max(), rows.max() - drawn[:, 1].max()]).max() < 8


@pytest.mark.slow
def test_a_map_does_not_depend_on_the_views_beside_it() -> None:
    meshes = [face(30, (480, 430), yaw) for yaw in (0, 15, -15)]
    views = [view(mesh) for mesh in meshes]
    run = backend(meshes[0])
    alone = [run([one])[0] for one in views]
    for given, order in ((run(views), (0, 1, 2)), (run(views[::-1]), (2, 1, 0))):
        for depth, which in zip(given, order, strict=True):
            assert isinstance(depth, np.ndarray) and depth.tobytes() == alone[which].tobytes()
    assert run([]) == []


@pytest.mark.slow
def test_nothing_is_drawn_outside_of_the_frame() -> None:
    mesh = face(30, (60, 430))  # half of the face is off the left edge
    one = view(mesh)
    whole = face(30, (480, 430))
    shifted = view(whole)
    # The dots off the frame are gone in `one`: it is given the looser picture that has them.
    one = one._replace(loose=shifted.loose)
    (depth,) = backend(mesh)([one])
    assert isinstance(depth, np.ndarray)
    edge = crops.transform(one.affine, np.array([[0.0, 0.0]]))[0, 0]
    columns = np.nonzero(depth)[1] + 0.5
    assert columns.min() >= edge > 50


class Nothing(nn.Module):
    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(patches), 68, 64, 64)


@pytest.mark.slow
def test_landmarks_that_are_no_face_give_a_reason_and_no_map() -> None:
    mesh = face(30, (480, 430))
    one = view(mesh)
    (depth,) = backend(mesh, Nothing())([one])
    assert isinstance(depth, LabelError) and "shape of a face" in str(depth)
    lost = one._replace(landmarks=np.full((468, 3), np.nan, np.float32))
    assert isinstance(backend(mesh)([lost])[0], LabelError)
    # One view's misfortune is its own.
    black = one._replace(loose=np.zeros_like(one.loose))
    first, second = backend(mesh)([black, one])
    assert isinstance(first, LabelError) and isinstance(second, np.ndarray)


def test_a_face_beside_the_one_asked_for_is_refused() -> None:
    mesh = face(14, (480, 430))
    beside = face(7, (580, 530))
    (depth,) = backend(beside)([view(mesh, drawn=beside)])
    assert isinstance(depth, LabelError) and "beside" in str(depth)


def test_it_needs_the_looser_picture() -> None:
    mesh = face(30, (480, 430))
    with pytest.raises(ValueError, match="looser"):
        backend(mesh)([view(mesh)._replace(loose=None)])


def test_missing_weights_are_told_in_one_line(own_store: Path) -> None:
    with pytest.raises(UserError, match="ocim weights fetch 3dfan4"):
        fan3d.load("cpu")


def test_it_says_what_it_ran_on() -> None:
    assert backend(face(30, (480, 430))).made_on == "cpu float32"
