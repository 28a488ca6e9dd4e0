"""Pictures as the browser gets them, read back by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from labels import classes
from pipeline.browse import pictures
from pipeline.bundle import BundleError


def opened(made, kind):
    assert made[0] == kind
    return Image.open(io.BytesIO(made[1]))


def test_an_exact_crop_keeps_every_value():
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    assert np.array_equal(opened(pictures.crop(image, True), "image/png"), image)


def test_a_crop_is_a_jpeg_near_to_it():
    y, x = np.mgrid[:256, :256]
    image = np.stack([x, y, (x + y) // 2], axis=2).astype(np.uint8)
    shown = np.asarray(opened(pictures.crop(image, False), "image/jpeg"), np.int16)
    assert np.abs(shown - image).mean() < 1.5


def test_depth_is_grey_and_clear_where_it_is_zero_or_no_number():
    depth = np.array([[0, 1e-6, 0.5], [1, np.nan, 2]], np.float32)
    shown = opened(pictures.depth(depth), "image/png").convert("RGBA")
    rgba = np.asarray(shown)
    assert rgba[..., 0].tolist() == [[0, 1, 128], [255, 0, 255]]
    assert rgba[..., 3].tolist() == [[0, 255, 255], [255, 0, 255]]


def test_parsing_has_the_colours_of_the_classes_and_shows_those_that_are_asked_for():
    parsing = np.arange(13, dtype=np.uint8).reshape(1, 13)
    picture = opened(pictures.parsing(parsing, [1, 12]), "image/png")
    assert np.array_equal(np.asarray(picture), parsing)  # its values are the classes
    rgba = np.asarray(picture.convert("RGBA"))
    assert np.array_equal(rgba[0, :, :3], classes.COLOURS)
    assert rgba[0, :, 3].tolist() == [0, 255, *[0] * 10, 255]


def test_a_class_that_there_is_not_is_told():
    with pytest.raises(BundleError, match="above 12"):
        pictures.parsing(np.full((2, 2), 13, np.uint8), [1])


def test_a_large_frame_is_made_smaller_in_its_proportions():
    shown = opened(pictures.frame(np.zeros((3000, 4000, 3), np.uint8)), "image/jpeg")
    assert shown.size == (2000, 1500)
    small = opened(pictures.frame(np.zeros((30, 40, 3), np.uint8)), "image/jpeg")
    assert small.size == (40, 30)
