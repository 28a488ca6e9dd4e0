"""Prints and screens as sheets: their media, textures, bends and places in a frame."""

import numpy as np
import pytest

from pipeline.replica.attacks import (
    MARGIN,
    MEDIA,
    SheetPose,
    place_sheet,
    sheet_mesh,
    sheet_texture,
    show_print,
    show_screen,
)

FLAT = SheetPose(160, 120, 100, 0, 0, 0, 0, 0, 320)


@pytest.mark.parametrize("name", MEDIA)
def test_borders_are_wide_enough_and_white_or_black(name: str) -> None:
    medium = MEDIA[name]
    assert 0.03 <= medium.border <= 0.065
    assert max(medium.colour) < 0.05 if medium.screen else min(medium.colour) > 0.9
    low, high = medium.widths
    assert (low >= 2.0 and high <= 2.2) if medium.screen else (low >= 1.6 and high <= 2.5)


def test_a_flat_sheet_is_as_wide_as_its_pose_says() -> None:
    points, shade = sheet_mesh(FLAT, 1.3)
    assert np.ptp(points[:, 0]) == pytest.approx(100)
    assert np.ptp(points[:, 1]) == pytest.approx(130)
    assert points[:, :2].mean(0) == pytest.approx([160, 120])
    assert shade == pytest.approx(np.full(len(shade), shade[0]))


def test_bending_keeps_the_length_along_the_sheet() -> None:
    bent = SheetPose(160, 120, 100, 0, 0, 0, 1.4, 0, 320)
    points, _ = sheet_mesh(bent, 1.3)
    # Back from the frame into units of the sheet's width; the chord is 2 sin(0.7) / 1.4.
    z = points[:, 2]
    x = (points[:, 0] - bent.x) * z / bent.focal
    assert np.ptp(x) == pytest.approx(2 * np.sin(0.7) / 1.4)
    row = np.column_stack([x, z])[:13]
    assert np.linalg.norm(np.diff(row, axis=0), axis=1).sum() == pytest.approx(1, abs=0.002)


def test_a_texture_has_its_border_on_all_four_sides() -> None:
    medium = MEDIA["printer1"]
    picture = np.zeros((120, 100, 3), np.uint8)
    texture = sheet_texture(picture, medium)
    sheet = texture[MARGIN:-MARGIN, MARGIN:-MARGIN]
    border = (sheet.shape[1] - 100) // 2
    assert border / sheet.shape[1] == pytest.approx(medium.border, abs=0.01)
    for side in (sheet[:border], sheet[-border:], sheet[:, :border], sheet[:, -border:]):
        assert side[..., :3].min() > 230
    assert texture[0, 0].tolist() == [0, 0, 0, 0]


def test_a_placed_sheet_finds_its_own_points_again() -> None:
    texture = sheet_texture(np.full((130, 100, 3), 90, np.uint8), MEDIA["display1"])
    placed = place_sheet(texture, FLAT, 240, 320)
    middle = np.array([[texture.shape[1] / 2, texture.shape[0] / 2]])
    assert placed.locate(middle, texture)[0] == pytest.approx([160, 120], abs=0.01)
    assert placed.colour[120, 160, 3] == 255
    assert placed.colour[5, 5, 3] == 0


def test_print_and_screen_have_a_narrow_gamut() -> None:
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (60, 60, 3), np.uint8)
    for shown in (
        show_print(picture, MEDIA["print"], 1.25),
        show_screen(picture, MEDIA["display1"]),
    ):
        assert shown.min() > picture.min() + 10
        assert np.ptp(shown.astype(float), axis=-1).mean() < np.ptp(picture, axis=-1).mean()


def test_screens_are_washed_out_and_blue() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    red, green, blue = show_screen(grey, MEDIA["ipad"])[0, 0]
    assert red < green < blue
    assert green > 110
