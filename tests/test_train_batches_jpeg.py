"""train/batches/jpeg.py: the transform, its steps, and what Pillow leaves of a picture."""

import io

import numpy as np
import pytest
import torch

from train.batches.jpeg import cosines, jpeg, steps


def test_the_transform_is_orthonormal_and_its_first_row_the_mean():
    matrix = cosines()
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(8, dtype=torch.float64))
    torch.testing.assert_close(matrix[0], torch.full((8,), 8**-0.5, dtype=torch.float64))


def test_the_steps_are_those_that_pillow_writes():
    images = pytest.importorskip("PIL.Image")
    for quality in (1, 10, 49, 50, 75, 95, 100):
        file = io.BytesIO()
        images.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
        tables = images.open(io.BytesIO(file.getvalue())).quantization
        found = steps(torch.tensor([quality], dtype=torch.float64))[0]
        for table, plane in ((tables[0], found[0]), (tables[1], found[2])):
            assert list(table) == plane.flatten().int().tolist()


@pytest.mark.parametrize("quality", [20, 60, 90])
def test_what_is_left_is_what_pillow_leaves(quality: int):
    images = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(quality)
    few = images.fromarray(rng.integers(0, 256, (10, 10, 3), np.uint8))
    picture = few.resize((64, 48), images.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling=0)
    expected = np.asarray(images.open(io.BytesIO(file.getvalue())), int)
    before = np.asarray(picture)
    rgb = torch.from_numpy(before.copy()).permute(2, 0, 1)[None].float() / 255
    found = (jpeg(rgb, torch.tensor([quality], dtype=torch.float64))[0] * 255).round()
    away = np.abs(found.permute(1, 2, 0).numpy() - expected)
    # libjpeg transforms in whole numbers: some coefficients fall to the other side of an edge
    assert np.median(away) == 0 and np.percentile(away, 90) <= 2
    assert np.abs(before - expected).mean() > 5 * away.mean()


def test_quality_nought_leaves_a_picture_and_each_has_its_own():
    rgb = torch.rand(3, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    found = jpeg(rgb, torch.tensor([0, 10, 90], dtype=torch.float64))
    assert torch.equal(found[0], rgb[0])
    lost = (found - rgb).abs().mean((1, 2, 3))
    assert lost[1] > lost[2] > 0
    assert torch.equal(found[1:2], jpeg(rgb[1:2], torch.tensor([10.0], dtype=torch.float64)))
