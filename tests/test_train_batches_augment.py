"""Augmentations against PIL, scipy, the labels' own flip and cases worked by hand."""

import numpy as np
import pytest
import torch

from train.batches import augment


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


def test_landmarks_are_mirrored_and_change_sides_as_the_labels_do_it():
    flip = pytest.importorskip("labels.flip")
    assert list(augment.MIRROR) == flip.MIRROR[:468].tolist()
    points = np.random.default_rng(0).random((2, 468, 3), np.float32) * 256
    found = augment.flip_landmarks(torch.from_numpy(points), 256).numpy()
    np.testing.assert_array_equal(found, flip.flip_landmarks(points, 256))
    # 33 and 263 are the outer corners of the subject's right and left eye
    assert found[0, 33].tolist() == [256 - points[0, 263, 0], *points[0, 263, 1:]]


def test_a_zoom_by_two_of_the_right_lower_quarter_by_hand():
    ramp = torch.arange(8.0).repeat(8, 1)  # column j is j
    rgb = torch.stack([ramp, ramp.T, torch.zeros(8, 8)])[None]
    parsing = (ramp * 1).byte()[None]
    places = torch.tensor([[2.0, 0.5, 0.5]], dtype=torch.float64)
    big, depth, classes = augment.zoom(rgb, ramp[None, None], parsing, places)
    # new pixel i has its centre at 4 + (i + 0.5) / 2, where the ramp of centres j + 0.5 is that
    # less 0.5; the last lies beyond the centre of the last pixel
    expected = [3.75, 4.25, 4.75, 5.25, 5.75, 6.25, 6.75, 7.0]
    assert big[0, 0, 3].tolist() == expected
    assert big[0, 1, :, 3].tolist() == expected
    assert depth[0, 0, 0].tolist() == expected
    assert classes[0, 5].tolist() == [4, 4, 5, 5, 6, 6, 7, 7]
    points = torch.tensor([[[4.0, 4.0, -1.0], [6.0, 5.0, 3.0]]])
    moved = augment.zoom_landmarks(points, places, 8)
    assert moved.tolist() == [[[0, 0, -2], [4, 2, 6]]]


def test_a_zoom_by_one_changes_nothing():
    rgb = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    parsing = (rgb[:, 0] * 13).byte()
    places = torch.tensor([[1.0, 0, 0]] * 2, dtype=torch.float64)
    big, depth, classes = augment.zoom(rgb, rgb[:, :1], parsing, places)
    torch.testing.assert_close(big, rgb, atol=1e-5, rtol=0)
    torch.testing.assert_close(depth, rgb[:, :1], atol=1e-5, rtol=0)
    assert torch.equal(classes, parsing)


def test_a_zoom_keeps_picture_and_labels_on_each_other():
    rgb = torch.zeros(1, 3, 256, 256)
    rgb[:, :, 96:160, 64:128] = 1
    places = torch.tensor([[1.3, 0.11, 0.17]], dtype=torch.float64)
    depth = rgb[:, :1, 4::8, 4::8]
    big, near, classes = augment.zoom(rgb, depth, (rgb[:, 0] * 9).byte(), places)
    assert ((big[:, 0] > 0.5) == (classes == 9)).double().mean() > 0.999
    assert ((near[0, 0] > 0.5) == (big[0, 0, 4::8, 4::8] > 0.5)).double().mean() > 0.97
    corners = augment.zoom_landmarks(torch.tensor([[[64.0, 96, 0], [128, 160, 0]]]), places, 256)
    rows, columns = (classes[0] == 9).nonzero().T
    left, top, right, bottom = corners[0, :, :2].flatten().tolist()
    assert (int(columns.min()), int(rows.min())) == (round(left), round(top))
    assert (int(columns.max()) + 1, int(rows.max()) + 1) == (round(right), round(bottom))


@pytest.mark.parametrize(("name", "place"), [("Brightness", 0), ("Contrast", 1), ("Color", 2)])
@pytest.mark.parametrize("factor", [0.6, 1.0, 1.4])
def test_colour_is_that_of_pils_image_enhance(name: str, place: int, factor: float):
    image_module = pytest.importorskip("PIL.Image")
    enhance = pytest.importorskip("PIL.ImageEnhance")
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    expected = np.asarray(getattr(enhance, name)(image_module.fromarray(image)).enhance(factor))
    factors = torch.ones(1, 3)
    factors[0, place] = factor
    rgb = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    found = augment.colour(rgb, factors)[0].permute(1, 2, 0).numpy() * 255
    np.testing.assert_allclose(found, expected, atol=1.5)  # PIL rounds luma and the result


def test_colour_changes_each_picture_by_its_own_factors():
    rgb = torch.full((2, 3, 4, 4), 0.5)
    found = augment.colour(rgb, torch.tensor([[1.5, 1, 1], [0.5, 1, 1]]))
    assert found[0].unique().tolist() == [0.75]
    assert found[1].unique().tolist() == [0.25]


def test_blur_is_the_gaussian_of_scipy():
    ndimage = pytest.importorskip("scipy.ndimage")
    rgb = torch.rand(3, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    found = augment.blur(rgb, torch.tensor([0.0, 0.8, 3.0]))
    assert torch.equal(found[0], rgb[0])
    for at, sigma in ((1, 0.8), (2, 3.0)):
        for channel in range(3):
            expected = ndimage.gaussian_filter(
                rgb[at, channel].double().numpy(), sigma, mode="mirror", radius=15
            )
            np.testing.assert_allclose(found[at, channel].numpy(), expected, atol=1e-5)


def test_erasing_fills_the_pixels_whose_centres_lie_within():
    rgb = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    edges = torch.tensor([[0.25, 0.75, 0.0, 0.6], [0.0, 0.0, 0.0, 0.0]])
    found = augment.erase(rgb, edges)
    assert torch.equal(found[1], rgb[1])
    for row in range(4):
        for column in range(4):
            gone = row in (1, 2) and column in (0, 1)  # centres at 0.125, 0.375, 0.625, 0.875
            expected = rgb[0].mean((1, 2)) if gone else rgb[0, :, row, column]
            torch.testing.assert_close(found[0, :, row, column], expected)


def test_no_picture_is_zoomed_and_blurred_to_none():
    rgb, depth = torch.empty(0, 3, 64, 64), torch.empty(0, 1, 8, 8)
    parsing = torch.empty(0, 64, 64, dtype=torch.uint8)
    found = augment.zoom(rgb, depth, parsing, torch.empty(0, 3, dtype=torch.float64))
    assert [part.shape for part in found] == [rgb.shape, depth.shape, parsing.shape]
    assert augment.blur(rgb, torch.empty(0)).shape == rgb.shape
