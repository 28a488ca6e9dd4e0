"""Patches for the mesh networks, against places and values worked by hand."""

import numpy as np
import pytest

from labels.patches import PATCH, cut_patch, patch_affine


def test_a_patch_holds_the_box_level_and_in_the_middle() -> None:
    affine = patch_affine(np.array([10.0, 20, 50, 80]), np.array([(20.0, 40), (30.0, 50)]))
    # The eyes' line runs at 45 degrees; 60 pixels fill 192 / 1.5.
    scale = PATCH / 1.5 / 60
    assert np.allclose(affine @ (30, 50, 1), (96, 96))
    assert np.allclose(affine[:, :2] @ (1, 1), (scale * np.sqrt(2), 0))
    assert np.isclose(np.linalg.det(affine[:, :2]), scale**2)


@pytest.mark.parametrize("side", [96, 192, 400, 1000])
def test_patches_are_cut_without_a_shift(side: int) -> None:
    # On a ramp each patch pixel must show the value at its own centre, whatever the shrinking.
    y, x = np.mgrid[:1400, :1400].astype(np.float32) + 0.5
    corner = np.array([203.0, 151])
    scale = PATCH / side
    patch = cut_patch(
        np.stack([x, y, x], -1), np.column_stack([np.eye(2) * scale, -scale * corner])
    )
    centres = (np.arange(PATCH) + 0.5) / scale
    # OpenCV interpolates at thirty-seconds of the (shrunk) picture's pixels.
    step = max(1, side // PATCH) / 32
    assert np.abs(patch[..., 0] - (centres + corner[0])).max() < step
    assert np.abs(patch[..., 1] - (centres + corner[1])[:, None]).max() < step


def test_outside_the_picture_its_border_is_repeated() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, -1] = 200
    affine = np.column_stack([np.eye(2) * 4, (0.0, 0.0)])
    patch = cut_patch(image, affine)
    assert (patch[:, 80:] == 200).all()
    assert (patch[:, :70] == 0).all()
