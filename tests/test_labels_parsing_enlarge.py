"""Classes of enlarged logits, against torch's enlargement."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from labels.parsing.enlarge import enlarged_classes


def by_torch(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    wide = torch.from_numpy(logits)[None].double()
    enlarged = functional.interpolate(wide, (height, width), mode="bilinear", align_corners=True)
    return enlarged[0].argmax(0).numpy()


@pytest.mark.parametrize(
    "shape, size",
    [((19, 64, 64), (512, 512)), ((19, 5, 9), (41, 33)), ((3, 2, 2), (7, 2)), ((2, 1, 4), (1, 9))],
)
def test_they_are_those_of_the_enlarged_logits(shape, size):
    rough = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    found = enlarged_classes(rough, *size)
    assert found.dtype == np.uint8 and found.shape == size
    assert (found != by_torch(rough, *size)).mean() < 1e-4


def test_large_areas_of_one_class_are_right_too():
    noise = np.random.default_rng(2).normal(size=(1, 19, 96, 96))
    smooth = functional.avg_pool2d(torch.from_numpy(noise), 33, 1)[0].float().numpy()
    assert smooth.shape == (19, 64, 64)
    assert (enlarged_classes(smooth, 512, 512) != by_torch(smooth, 512, 512)).mean() < 1e-4


def test_logits_of_full_size_are_only_compared():
    logits = np.random.default_rng(3).normal(size=(19, 40, 30)).astype(np.float32)
    assert (enlarged_classes(logits, 40, 30) == logits.argmax(0)).all()


def test_of_equal_logits_the_first_class_is_taken():
    assert not enlarged_classes(np.ones((4, 3, 3), np.float32), 9, 9).any()
    assert not enlarged_classes(np.ones((4, 3, 3), np.float32), 3, 3).any()


@pytest.mark.parametrize("size", [(8, 8), (2, 2)])
def test_what_is_no_number_is_refused(size):
    logits = np.zeros((3, 2, 2), np.float32)
    logits[1, 0, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        enlarged_classes(logits, *size)


def test_nothing_is_made_smaller():
    with pytest.raises(ValueError, match="cannot be enlarged"):
        enlarged_classes(np.zeros((3, 8, 8), np.float32), 4, 16)
