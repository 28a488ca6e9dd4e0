import colorsys

import numpy as np
import pytest
import torch

from train import augment


def test_hsv_is_that_of_colorsys():
    rng = np.random.default_rng(0)
    colours = rng.random((500, 3))
    colours[:100] = rng.integers(0, 2, (100, 3))  # corners: grey, pure, ties
    colours[100:200] = rng.integers(0, 256, (100, 1)) / 255  # greys
    rgb = torch.from_numpy(colours.T.reshape(3, 20, 25))
    hsv = augment.rgb_to_hsv(rgb).reshape(3, -1).T.numpy()
    expected = np.array([colorsys.rgb_to_hsv(*colour) for colour in colours])
    np.testing.assert_allclose(hsv, expected, atol=1e-12)


def test_rounded_hsv_is_that_of_pil():
    image_module = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (256, 256, 3), np.uint8)
    image[:8] = rng.integers(0, 2, (8, 256, 3)) * 255
    expected = np.asarray(image_module.fromarray(image).convert("HSV"))
    made = augment.to_input(torch.from_numpy(image)[None], 256, "rounded")[0]
    found = (made[3:] * 255).round().byte().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(found, expected)


def test_input_is_rgb_then_hsv_in_unit_range():
    rng = np.random.default_rng(2)
    images = torch.from_numpy(rng.integers(0, 256, (3, 256, 256, 3), np.uint8))
    for size in (64, 96, 256):
        made = augment.to_input(images, size)
        assert made.shape == (3, 6, size, size)
        assert made.dtype == torch.float32
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
    torch.testing.assert_close(made[:, :3], images.permute(0, 3, 1, 2) / 255)


def test_area_weights_by_hand():
    # three pixels to two: each new pixel covers one and a half old ones
    expected = torch.tensor([[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], dtype=torch.float64)
    torch.testing.assert_close(augment.area_weights(3, 2), expected)


@pytest.mark.parametrize("size", [8, 12, 32])
def test_reduction_by_area_keeps_the_mean(size: int):
    depth = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    small = augment.reduce_by_area(depth, size)
    assert small.shape == (2, 1, size, size)
    torch.testing.assert_close(small.mean((2, 3)), depth.mean((2, 3)))


def test_whole_factors_agree_with_the_weights():
    image = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    weights = augment.area_weights(32, 8).float()
    torch.testing.assert_close(augment.reduce_by_area(image, 8), weights @ image @ weights.T)


def test_classes_are_those_under_the_pixel_centres():
    rows = torch.arange(6, dtype=torch.uint8)[None, :, None].expand(1, 6, 6)
    # thirds: the centre of new pixel i lies in old pixel 3 i + 1
    assert augment.reduce_by_nearest(rows, 2)[0, :, 0].tolist() == [1, 4]
    # halves: the centre lies on a border and the lower pixel is taken
    assert augment.reduce_by_nearest(rows, 3)[0, :, 0].tolist() == [1, 3, 5]
    # six to four: centres at 0.75, 2.25, 3.75, 5.25
    assert augment.reduce_by_nearest(rows, 4)[0, :, 0].tolist() == [0, 2, 3, 5]


def test_a_flip_mirrors_and_swaps_the_sides():
    images = torch.arange(4.0).reshape(1, 1, 1, 4)
    parsing = torch.tensor([[[2, 4, 7, 9]]])
    mirrored, depth, classes = augment.flip(images, images, parsing)
    assert mirrored.flatten().tolist() == [3, 2, 1, 0]
    assert depth.flatten().tolist() == [3, 2, 1, 0]
    assert classes.flatten().tolist() == [9, 8, 5, 3]


def test_the_flip_table_is_that_of_the_labels():
    classes = pytest.importorskip("labels.classes")
    assert list(augment.FLIP) == classes.FLIP.tolist()
