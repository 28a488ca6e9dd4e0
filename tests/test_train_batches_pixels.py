"""Sizes and colour planes against colorsys, PIL and cases worked by hand."""

import colorsys

import numpy as np
import pytest
import torch

from train.batches import pixels


def test_hsv_is_that_of_colorsys():
    rng = np.random.default_rng(0)
    colours = rng.random((500, 3))
    colours[:100] = rng.integers(0, 2, (100, 3))  # corners: grey, pure, ties
    colours[100:200] = rng.integers(0, 256, (100, 1)) / 255  # greys
    rgb = torch.from_numpy(colours.T.reshape(3, 20, 25))
    hsv = pixels.rgb_to_hsv(rgb).reshape(3, -1).T.numpy()
    expected = np.array([colorsys.rgb_to_hsv(*colour) for colour in colours])
    np.testing.assert_allclose(hsv, expected, atol=1e-12)


def test_rounded_hsv_is_that_of_pil():
    image_module = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (256, 256, 3), np.uint8)
    image[:8] = rng.integers(0, 2, (8, 256, 3)) * 255
    expected = np.asarray(image_module.fromarray(image).convert("HSV"))
    made = pixels.to_input(torch.from_numpy(image)[None], 256, hsv="rounded")[0]
    found = (made[3:] * 255).round().byte().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(found, expected)


def test_input_is_rgb_then_hsv_in_unit_range():
    rng = np.random.default_rng(2)
    images = torch.from_numpy(rng.integers(0, 256, (3, 256, 256, 3), np.uint8))
    for size in (64, 96, 256):
        made = pixels.to_input(images, size)
        assert made.shape == (3, 6, size, size)
        assert made.dtype == torch.float32
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
    torch.testing.assert_close(made[:, :3], images.permute(0, 3, 1, 2) / 255)


def test_published_planes_by_hand():
    # red 0, green 127.5, blue 255 of 255
    rgb = torch.tensor([0.0, 0.5, 1.0])[None, :, None, None].expand(2, 3, 4, 5)
    for colours, expected in (
        ("rgb-imagenet", [-0.485 / 0.229, 0.044 / 0.224, 0.594 / 0.225]),
        ("rgb-centred", [-0.99609375, 0.0, 0.99609375]),  # 127.5 / 128
    ):
        made = pixels.planes(rgb, colours)
        assert made.shape == (2, 3, 4, 5)
        torch.testing.assert_close(made[1, :, 2, 3], torch.tensor(expected))
        torch.testing.assert_close(made, made[:1, :, :1, :1].expand_as(made))


@pytest.mark.parametrize("colours", ["rgb-imagenet", "rgb-centred"])
@pytest.mark.parametrize("size", [64, 96, 256])
def test_published_planes_are_made_of_the_reduced_picture(colours: str, size: int):
    images = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (2, 256, 256, 3), np.uint8))
    made = pixels.to_input(images, size, colours)
    assert made.shape == (2, 3, size, size) and made.dtype == torch.float32
    rgb = pixels.to_input(images, size)[:, :3]
    torch.testing.assert_close(made, pixels.planes(rgb, colours))
    # a mean and a deviation are taken off alike before and after a mean over pixels
    whole = pixels.to_input(images, 256, colours)
    torch.testing.assert_close(made.mean((2, 3)), whole.mean((2, 3)), atol=1e-5, rtol=0)


def test_area_weights_by_hand():
    # three pixels to two: each new pixel covers one and a half old ones
    expected = torch.tensor([[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], dtype=torch.float64)
    torch.testing.assert_close(pixels.area_weights(3, 2), expected)


@pytest.mark.parametrize("size", [8, 12, 32])
def test_reduction_by_area_keeps_the_mean(size: int):
    depth = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    small = pixels.reduce_by_area(depth, size)
    assert small.shape == (2, 1, size, size)
    torch.testing.assert_close(small.mean((2, 3)), depth.mean((2, 3)))


def test_whole_factors_agree_with_the_weights():
    image = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    weights = pixels.area_weights(32, 8).float()
    torch.testing.assert_close(pixels.reduce_by_area(image, 8), weights @ image @ weights.T)


def test_classes_are_those_under_the_pixel_centres():
    rows = torch.arange(6, dtype=torch.uint8)[None, :, None].expand(1, 6, 6)
    # thirds: the centre of new pixel i lies in old pixel 3 i + 1
    assert pixels.reduce_by_nearest(rows, 2)[0, :, 0].tolist() == [1, 4]
    # halves: the centre lies on a border and the lower pixel is taken
    assert pixels.reduce_by_nearest(rows, 3)[0, :, 0].tolist() == [1, 3, 5]
    # six to four: centres at 0.75, 2.25, 3.75, 5.25
    assert pixels.reduce_by_nearest(rows, 4)[0, :, 0].tolist() == [0, 2, 3, 5]
