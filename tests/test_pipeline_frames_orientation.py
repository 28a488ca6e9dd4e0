"""The eight ways in which a stored picture is turned and mirrored to stand upright."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.frames.orientation import AS_STORED, EXIF, TURNED, from_exif, from_matrix

ONE = 65536
SYMMETRIES = [
    (a, b, c, d)
    for a, b, c, d in itertools.product((-1, 0, 1), repeat=4)
    if abs(a) == abs(d) != abs(b) == abs(c) and a * b == 0 and a * a + b * b == 1
]


def matrix(a: float, b: float, c: float, d: float) -> list[int]:
    values = (a, b, 0, c, d, 0, 640, 480, 0)
    return [round(value * ONE) for value in values[:8]] + [1 << 30]


def shown(image: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """Each stored pixel put where the matrix shows it, one by one."""
    height, width = image.shape[:2]
    places = {
        (a * x + c * y, b * x + d * y): image[y, x] for y in range(height) for x in range(width)
    }
    left, top = min(x for x, _ in places), min(y for _, y in places)
    size = (height, width) if a else (width, height)
    out = np.zeros((*size, 3), np.uint8)
    for (x, y), value in places.items():
        out[y - top, x - left] = value
    return out


@pytest.mark.parametrize("values", SYMMETRIES)
def test_each_of_the_eight_matrices_puts_every_pixel_where_it_says(values):
    image = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    expected = shown(image, *values)
    for scale in (1, 0.5, 3):
        found = from_matrix(matrix(*(scale * value for value in values))).apply(image)
        assert np.array_equal(found, expected)
        assert found.flags.c_contiguous


def test_there_are_eight_and_they_differ():
    assert len(SYMMETRIES) == len(EXIF) == 8
    assert len({from_matrix(matrix(*values)) for values in SYMMETRIES}) == 8
    assert set(EXIF.values()) == {from_matrix(matrix(*values)) for values in SYMMETRIES}


@pytest.mark.parametrize("value", range(1, 9))
def test_exif_orientations_are_those_of_pillow(value):
    image = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    picture = Image.fromarray(image)
    picture.getexif()[0x0112] = value
    expected = np.asarray(ImageOps.exif_transpose(picture))
    assert np.array_equal(from_exif(value).apply(image), expected)


@pytest.mark.parametrize("value", [0, 9, -1, None, "6", 6.5])
def test_an_exif_orientation_without_a_meaning_says_nothing(value):
    assert from_exif(value) == AS_STORED


def test_a_matrix_of_zeros_says_nothing():
    assert from_matrix([0] * 9) == AS_STORED


def test_rounding_in_the_matrix_is_no_slant():
    assert from_matrix([2, ONE, 0, -ONE, -1, 0, 0, 0, 1 << 30]) == from_matrix(matrix(0, 1, -1, 0))


@pytest.mark.parametrize("values, message", [
    ((0.7071, 0.7071, -0.7071, 0.7071), "turns by -45 degrees, not a multiple of 90"),
    ((0.866, -0.5, 0.5, 0.866), "turns by 30 degrees"),
    ((1, 0, 0.5, 1), "distorts"),
    ((1, 0, 0, 0), "distorts"),
])  # fmt: skip
def test_other_matrices_are_told(values, message):
    with pytest.raises(ValueError, match=message):
        from_matrix(matrix(*values))


@pytest.mark.parametrize("quarters", range(4))
def test_a_picture_is_turned_anticlockwise_by_quarters(quarters):
    image = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    assert np.array_equal(TURNED[90 * quarters].apply(image), np.rot90(image, quarters))
