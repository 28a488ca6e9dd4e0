"""The square that PRNet sees, worked by hand, and what is drawn in it."""

import numpy as np
import pytest
from made_prnet import mesh

from labels.depth.prnet_square import cut_square, square_affine
from labels.view import LabelError


def test_the_square_is_the_authors_around_jaw_and_brows():
    affine = square_affine(mesh((100, 50), (300, 210)))
    # Sides 200 and 160, so 1.6 * 180 = 288 about (200, 130): from 56 and -14 to 344 and 274.
    corners = np.array([(56, -14), (344, 274)]) @ affine[:, :2].T + affine[:, 2]
    assert np.allclose(corners, [(0.5, 0.5), (255.5, 255.5)])  # centres of the outer pixels


@pytest.mark.parametrize("low", [(np.nan, 50), (300, 210)])
def test_landmarks_without_a_box_give_no_square(low):
    with pytest.raises(LabelError):
        square_affine(mesh(low, (300, 210)))


@pytest.mark.parametrize("scale", [0.55, 0.8, 1.0, 1.7])
def test_the_cut_shows_each_place_where_the_affine_says(scale):
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 200, axis=0)
    picture = np.concatenate([ramp, ramp // 2, 255 - ramp], axis=2)
    affine = np.array([[scale, 0, 20.0], [0, scale, 30.0]])
    seen = cut_square(picture, affine) * 255
    x = (np.arange(256) + 0.5 - 20) / scale  # picture places of the columns' centres
    good = (x > 3) & (x < 253)
    row = int(30 + 100 * scale)
    assert np.abs(seen[0, row, good] - (x[good] - 0.5)).max() < 0.05
    assert np.abs(seen[2, row, good] - (255.5 - x[good])).max() < 0.05
    assert (seen[:, :, x < -1] == 0).all()  # outside is black


def test_the_cut_averages_what_it_shrinks():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 200
    seen = cut_square(stripes, np.array([[0.5, 0, 0.0], [0, 0.5, 0.0]])) * 255
    assert np.abs(seen[:, 2:-2, 2:-2] - 100).max() < 1
