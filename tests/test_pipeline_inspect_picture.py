"""A sample is drawn where its affine and its mesh say, and no picture is too wide."""

from typing import Any

import numpy as np
import pytest
from made_origin import AFFINE

from pipeline.inspect.picture import Picture, _wrapped, draw


def drawn(frame: np.ndarray | None, affine: np.ndarray = AFFINE, **changes: Any) -> np.ndarray:
    """A picture of black crop and labels, its mesh outside of the frame."""
    values: dict[str, Any] = {
        "landmarks": np.full((468, 3), -99, np.float32),
        "image": np.zeros((256, 256, 3), np.uint8),
        "depth": np.zeros((32, 32), np.float32),
        "parsing": np.zeros((256, 256), np.uint8),
        "lines": [("name", "text")],
        **changes,
    }
    return np.asarray(draw(Picture(frame=frame, affine=affine, **values)))


def marks(picture: np.ndarray, like: str) -> np.ndarray:
    """(x, y) of the pixels of a colour, over a black frame."""
    red, _, blue = np.moveaxis(picture.astype(int), -1, 0)
    found = {"yellow": (red > 200) & (blue < 60), "cyan": (blue > 150) & (red < 60)}[like]
    return np.argwhere(found)[:, ::-1]


def test_the_outline_lies_where_the_inverse_affine_puts_the_crop():
    """A frame of 554 x 554 is drawn at scale 1, from (20, 48) on."""
    frame = np.zeros((554, 554, 3), np.uint8)
    # Half size: the crop covers 512 frame pixels, from (20, 30) on.
    places = marks(drawn(frame, np.array([(0.5, 0, -10), (0, 0.5, -15)])), "yellow")
    assert np.abs(places.min(axis=0) - (20 + 20, 48 + 30)).max() <= 1
    assert np.abs(places.max(axis=0) - (20 + 532, 48 + 542)).max() <= 1
    # A quarter turn about the frame's middle, at scale 1: corners 128 from it on both axes.
    turned = np.array([(0, 1, 128 - 277), (-1, 0, 128 + 277)])
    places = marks(drawn(frame, turned), "yellow")
    assert np.abs(places.min(axis=0) - (20 + 149, 48 + 149)).max() <= 1
    assert np.abs(places.max(axis=0) - (20 + 405, 48 + 405)).max() <= 1


def test_a_crop_that_leaves_the_frame_is_outlined_as_far_as_it_shows():
    frame = np.zeros((554, 554, 3), np.uint8)
    places = marks(drawn(frame, np.array([(0.5, 0, 50), (0, 0.5, 50)])), "yellow")  # from -100 on
    assert places.min() >= 20
    assert np.abs(places.max(axis=0) - (20 + 412, 48 + 412)).max() <= 1


def test_the_mesh_lies_on_its_points():
    mesh = np.full((468, 3), 100, np.float32)
    mesh[0] = 300, 200, 5
    mesh[1] = np.nan, 50, 5
    mesh[2] = 1e30, -1e30, 5
    frame = np.zeros((554, 554, 3), np.uint8)
    places = marks(drawn(frame, landmarks=mesh), "cyan")
    near = [np.abs(places - (20 + x, 48 + y)).max(axis=1) <= 3 for x, y in ((100, 100), (300, 200))]
    assert near[0].any()
    assert near[1].any()
    assert (near[0] | near[1]).all()


@pytest.mark.parametrize("size", [(4000, 300), (300, 4000), (4096, 2160), (16, 12), (1, 3000)])
def test_no_picture_is_wider_than_1600_pixels(size):
    frame = np.full((size[1], size[0], 3), 90, np.uint8)
    height, width, _ = drawn(frame).shape
    assert width <= 1600
    assert height < 1000
    assert drawn(None).shape[1] < 1200


@pytest.mark.parametrize("affine", [np.zeros((2, 3)), np.full((2, 3), np.nan), AFFINE * 1e200])
def test_an_affine_that_is_none_breaks_no_picture(affine):
    assert not len(marks(drawn(np.zeros((300, 300, 3), np.uint8), affine), "yellow"))


def test_long_texts_are_broken_and_letters_that_the_font_lacks_are_told():
    short = drawn(None)
    long = drawn(None, lines=[("name", "a, b " * 60 + "x" * 300)])
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0] + 4 * 28
    # Two rows of white at the right edge: nothing is cut off there.
    assert (long[:, -2:] == 255).all()
    wrapped = list(_wrapped([("n", "größe 脸/ä, " + "b" * 90)], 500))
    assert wrapped[0] == ("n", r"größe \u8138/ä,")
    assert [name for name, _ in wrapped[1:]] == [""] * (len(wrapped) - 1)
    assert "".join(text for _, text in wrapped[1:]) == "b" * 90
