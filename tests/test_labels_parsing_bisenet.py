"""The back end bisenet: the thirteen classes with their sides, the order that weights are in."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.parts.made_bisenet import made_network
from labels import classes
from labels.landmarks import Face
from labels.parsing.bisenet import Parser, load
from labels.parsing.networks import NotFiniteError
from labels.view import View
from labels.weights import REGISTRY
from pipeline import crops
from pipeline.errors import UserError

SAME = np.eye(2, 3)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is in no registry."""
    path = tmp_path_factory.mktemp("weights") / "made.pth"
    torch.save(made_network().state_dict(), path)
    return path


@pytest.mark.slow
def test_a_known_file_has_its_order_wherever_it_lies(
    weights: Path, monkeypatch: pytest.MonkeyPatch
):
    own = str(weights)
    with pytest.raises(UserError, match=r"^parse\.order: .*made\.pth does not say"):
        load(own, None, "torch", "float32")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    monkeypatch.setitem(
        REGISTRY, "bisenet", dataclasses.replace(REGISTRY["bisenet"], sha256=digest)
    )
    assert load(own, None, "torch", "float32").made_on == "cpu float32"
    with pytest.raises(UserError, match=r"^parse\.order: the classes of bisenet are in the order"):
        load(own, "celebamask", "torch", "float32")


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


def photographed(landmarks: np.ndarray) -> View:
    """A view of a whole photograph, its looser picture half as large."""
    return view(landmarks, (1024, 1024), loose_affine=SAME / 2)


def test_a_real_networks_maps_become_the_thirteen_with_their_sides(parsed_photographs):
    wanted_of = {17: 0, 14: 0, 1: 1, 6: 6, 10: 9, 11: 10, 12: 11, 13: 12}
    for _, theirs, landmarks in parsed_photographs:
        numbers = theirs[::2, ::2]
        (parsing,) = Parser(Answers([numbers]), "zllrunning", Path("x"))([photographed(landmarks)])
        whole = numbers.repeat(2, 0).repeat(2, 1)
        for number, wanted in wanted_of.items():
            assert (parsing[whole == number] == wanted).all()
        bridge = landmarks[168, 0]
        for left, right in ((2, 3), (4, 5), (7, 8)):
            assert np.isin(parsing[np.isin(whole, (left, right))], (left, right)).all()
            assert (np.nonzero(parsing == left)[1] > bridge).all()
            assert (np.nonzero(parsing == right)[1] < bridge).all()


def test_a_wrong_order_is_refused_while_it_works(parsed_photographs):
    for _, theirs, landmarks in parsed_photographs:
        parser = Parser(Answers([theirs[::2, ::2]]), "celebamask", Path("x"))
        with pytest.raises(UserError, match=r"parse\.order: celebamask does not fit"):
            parser([photographed(landmarks)])


@pytest.mark.slow
def test_it_works_from_a_file_to_a_label_and_neighbours_change_nothing(
    weights: Path, portrait: np.ndarray, portrait_face: Face
):
    height, width = portrait.shape[:2]
    loose_affine = crops.crop_affine(portrait_face.landmarks, "box", 2.0, 0.0, 512)
    loose = crops.warp(portrait, loose_affine, (512, 512))
    points = portrait_face.landmarks_refined
    one = view(points, (width, height), picture=portrait, loose=loose, loose_affine=loose_affine)
    other = one._replace(loose=np.ascontiguousarray(loose[:, ::-1]))
    parser = load(str(weights), "zllrunning", "auto", "auto")
    assert parser.made_on.split()[0] in ("ncnn", "openvino", "cuda")
    (alone,) = parser([one])
    among = parser([other, one, other])
    assert alone.shape == (height, width) and alone.dtype == np.uint8
    assert len(np.unique(alone)) > 3 and alone.max() <= 12
    assert (among[1] == alone).all() and (among[0] != alone).any()
    # No label comes from outside of the looser picture.
    x = (np.arange(width) + 0.5) * loose_affine[0, 0] + loose_affine[0, 2]
    assert not alone[:, (x < 0) | (x >= 512)].any()
