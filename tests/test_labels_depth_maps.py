"""The range of depth maps, and how they are reduced to the size that training reads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.depth.maps import FLOOR, normalise, reduce_depth


def bicubic_weights(size: int, side: int) -> np.ndarray:
    """(side, size) weights of the cubic of Keys (a = -1/2), as wide as a cell is coarse."""
    step = size / side
    away = np.abs((np.arange(size) + 0.5) / step - (np.arange(side)[:, None] + 0.5))
    near = (1.5 * away - 2.5) * away**2 + 1
    far = ((-0.5 * away + 2.5) * away - 4) * away + 2
    weights = np.where(away < 1, near, np.where(away < 2, far, 0))
    return weights / weights.sum(1, keepdims=True)


def test_normalise_fills_the_range_and_keeps_the_background() -> None:
    nearness = np.array([[np.nan, 2.0], [4.0, 6.0]], np.float32)
    expected = [[0, FLOOR], [(1 + FLOOR) / 2, 1]]
    assert np.allclose(normalise(nearness), expected)
    assert (normalise(np.full((2, 2), np.nan)) == 0).all()


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=50, unique=True))
def test_the_nearest_is_exactly_1_and_the_farthest_the_floor(heights: list[float]) -> None:
    depth = normalise(np.array([heights], np.float32))
    assert depth.max() == 1
    assert depth.min() == np.float32(FLOOR)


def test_reduction_by_area_is_the_mean() -> None:
    depth = np.arange(64, dtype=np.float32).reshape(8, 8)
    assert np.allclose(reduce_depth(depth, 2), [[13.5, 17.5], [45.5, 49.5]])
    assert reduce_depth(np.zeros((256, 256), np.float32), 32).shape == (32, 32)
    with pytest.raises(ValueError, match="multiple"):
        reduce_depth(np.zeros((10, 10), np.float32), 4)


def test_bicubic_reduction_is_the_cubic_convolution_clipped() -> None:
    depth = np.zeros((64, 64), np.float32)
    depth[:, 20:] = np.linspace(0.8, 1, 64)[:, None]
    weights = bicubic_weights(64, 8)
    expected = weights @ depth.astype(np.float64) @ weights.T
    assert expected.max() > 1 and expected.min() < 0  # it does overshoot
    reduced = reduce_depth(depth, 8, "bicubic")
    assert np.abs(reduced - np.clip(expected, 0, 1)).max() < 2 / 255
    assert np.abs(reduced * 255 - np.rint(reduced * 255)).max() < 1e-4  # whole greys, as theirs


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match="area or bicubic"):
        reduce_depth(np.zeros((8, 8), np.float32), 4, "nearest")
