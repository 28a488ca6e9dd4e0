"""Crops as pictures: where dots come to lie, what borders, odd frames and strong scales do."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_meshes import finite, turn_of

from pipeline import crops

FRAME = (300, 220)


def affine_to(
    scale: float, degrees: float, middle: tuple[float, float], size: tuple[int, int]
) -> np.ndarray:
    """The similarity that brings a frame point to the middle of a picture."""
    linear = scale * turn_of(degrees)
    return np.column_stack([linear, np.array(size) / 2 - linear @ middle])


def dot(size: tuple[int, int], place: np.ndarray, deviation: float) -> np.ndarray:
    """A soft spot: the mean brightness of each pixel (width, height), not the one at its centre."""
    columns, rows = (
        np.diff(np.vectorize(math.erf)((np.arange(length + 1) - at) / deviation / np.sqrt(2)))
        for length, at in zip(size, place, strict=True)
    )
    drawn = np.outer(rows, columns)
    return (drawn / drawn.max()).astype(np.float32)


def centroid(picture: np.ndarray) -> np.ndarray:
    values = picture.astype(np.float64)
    rows, columns = np.indices(values.shape) + 0.5
    return np.array([(values * columns).sum(), (values * rows).sum()]) / values.sum()


@settings(max_examples=60)
@given(
    scale=st.floats(np.log(1 / 20), np.log(20), **finite).map(np.exp),
    degrees=st.floats(-180, 180, **finite),
    aside=st.tuples(*[st.floats(-0.15, 0.15, **finite)] * 2),
    moved=st.tuples(*[st.floats(0, 1, **finite)] * 2),
    larger=st.floats(1.0, 2.0, **finite),
    whole=st.booleans(),
)
def test_a_dot_comes_to_lie_where_its_place_is_taken_and_back(
    scale, degrees, aside, moved, larger, whole
):
    # A dot that is soft in the crop, a crop that holds eight deviations of it, a frame around.
    deviation = max(0.75, 2.5 / scale)
    size = int(max(64, 14 * deviation * scale) * larger)
    side = int(np.ceil(1.5 * size / scale)) + 10
    middle = side / 2 + np.array(moved)
    affine = affine_to(scale, degrees, middle, (size, size))
    place = middle + np.array(aside) * size / scale
    frame = dot((side, side), place, deviation)
    if whole:
        frame = np.rint(frame * 255).astype(np.uint8)
    crop = crops.warp(frame, affine, (size, size))
    assert np.abs(centroid(crop) - crops.transform(affine, place[None])[0]).max() < 0.1
    back = crops.warp(crop, crops.inverse(affine), (side, side))
    assert np.abs(centroid(back) - place).max() < 0.1 * max(1, 1 / scale)


@pytest.mark.parametrize("scale", [0.11, 0.4, 1.0, 2.3, 5.0])
@pytest.mark.parametrize("degrees", [0, 20, 135])
def test_ten_trips_of_a_picture_do_not_move_it(scale, degrees):
    size = 160
    side = int(1.5 * size / scale) + 20
    middle = np.array([side / 2 + 0.3, side / 2 - 0.4])
    affine = affine_to(scale, degrees, middle, (size, size))
    place = middle + (8 / scale, -5 / scale)
    picture = dot((side, side), place, max(2.0, 4 / scale))
    picture = np.rint(picture * 255).astype(np.uint8)
    for _ in range(10):
        crop = crops.warp(picture, affine, (size, size))
        picture = crops.warp(crop, crops.inverse(affine), (side, side))
        assert np.abs(centroid(crop) - crops.transform(affine, place[None])[0]).max() < 0.1
    assert np.abs(centroid(picture) - place).max() < 0.1 * max(1, 1 / scale)


def noise(height: int, width: int, *channels: int) -> np.ndarray:
    """No two places alike, and nothing black."""
    return np.random.default_rng(3).integers(40, 256, (height, width, *channels), np.uint8)


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_the_identity_returns_the_picture(channels, nearest):
    picture = noise(31, 47, *channels)
    for affine in (np.eye(2, 3), np.eye(2, 3, dtype=int)):
        drawn = crops.warp(picture, affine, (47, 31), nearest)
        assert np.array_equal(drawn, picture)
        assert drawn.dtype == picture.dtype


@pytest.mark.parametrize("nearest", [False, True])
def test_quarter_turns_are_those_of_the_pixels(nearest):
    picture = noise(31, 47, 3)
    for quarters in (1, 2, 3):
        turned = np.rot90(picture, -quarters)  # clockwise
        size = turned.shape[1::-1]
        affine = affine_to(1, 90 * quarters, (23.5, 15.5), size)
        affine[:, :2] = np.rint(affine[:, :2])
        assert np.array_equal(crops.warp(picture, affine, size, nearest), turned)


@pytest.mark.parametrize(
    "x, y", [(-60, 50), (250, 50), (100, -70), (100, 180), (-50, -40), (270, 190)]
)
def test_a_face_over_the_border_is_padded_with_black_on_that_side_and_never_wrapped(x, y):
    # A face square of 100 from (x, y) on, seen one to one: the crop is a plain cut-out.
    frame = noise(FRAME[1], FRAME[0], 3)
    face = np.array([[x, y], [x + 100, y + 100]], np.float32)
    affine = crops.box_affine(face, 1.0, 0.0, 100)
    wide = np.pad(frame, ((100, 100), (100, 100), (0, 0)))
    expected = wide[y + 100 : y + 200, x + 100 : x + 200]
    drawn = crops.warp(frame, affine, (100, 100))
    assert np.array_equal(drawn, expected)
    assert crops.padding(affine, FRAME, 100) == pytest.approx((expected == 0).mean(), abs=1e-9)
    assert 0 < (expected == 0).mean() < 1


@settings(max_examples=60)
@given(
    scale=st.floats(np.log(1 / 12), np.log(12), **finite).map(np.exp),
    degrees=st.floats(-180, 180, **finite),
    middle=st.tuples(st.floats(-100, 400, **finite), st.floats(-100, 320, **finite)),
)
def test_black_is_where_the_frame_is_not_and_nowhere_else(scale, degrees, middle):
    frame = noise(FRAME[1], FRAME[0])
    affine = affine_to(scale, degrees, middle, (96, 96))
    drawn = crops.warp(frame, affine, (96, 96))
    rows, columns = np.indices(drawn.shape) + 0.5
    places = crops.transform(crops.inverse(affine), np.stack([columns, rows], axis=-1))
    # How far inside the frame, in frame pixels; what is drawn sees a pixel around its place.
    inside = np.minimum(places, np.array(FRAME) - places).min(axis=-1)
    reach = 0.75 / scale + 1
    assert drawn[inside > reach].all()
    assert not drawn[inside < -reach].any()


@pytest.mark.parametrize("scale", [1 / 40, 1 / 8, 0.3, 1, 3, 30])
@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("shape", [(220, 300, 3), (16, 16), (1, 1), (1, 50), (5, 40000)])
def test_a_crop_outside_of_the_frame_is_black(scale, nearest, shape):
    frame = np.full(shape, 255, np.uint8)
    for middle in ((-1e4, 0), (1e5, 8), (3, -1e4), (20, 1e4), (1e9, 1e9)):
        affine = affine_to(scale, 15, middle, (64, 48))
        drawn = crops.warp(frame, affine, (64, 48), nearest)
        assert drawn.shape == (48, 64, *shape[2:])
        assert not drawn.any()


@pytest.mark.parametrize("scale", [1 / 12, 1 / 3, 1, 2.2, 9])
@pytest.mark.parametrize("nearest", [False, True])
def test_a_frame_too_long_for_opencv_gives_what_its_piece_gives(scale, nearest):
    # The piece begins at a whole block of pixels, whatever the frame is reduced by.
    frame = noise(64, 40000)
    for long, axis in ((frame, 0), (np.ascontiguousarray(frame.T), 1)):
        middle = np.array([32.0, 32.0])
        middle[axis] = 35003.4
        affine = affine_to(scale, 25, middle, (80, 60))
        piece = long[:, 33600:36960] if axis == 0 else long[33600:36960]
        inside = affine.copy()
        inside[:, 2] += affine[:, axis] * 33600
        expected = crops.warp(np.ascontiguousarray(piece), inside, (80, 60), nearest)
        drawn = crops.warp(long, affine, (80, 60), nearest)
        # OpenCV takes places in steps of 1/32 pixel, so pieces of one frame differ by rounding.
        assert (drawn.astype(int) - expected != 0).mean() < 0.05
        assert np.abs(drawn.astype(int) - expected).mean() < 0.5
        assert drawn.any()


@pytest.mark.parametrize("shrink", [0.25, 0.7, 1, 1.3, 2, 4.6, 7.9, 8])
@pytest.mark.parametrize("degrees", [0, 25])
def test_ordinary_crops_are_drawn_by_the_rule_of_the_format_byte_for_byte(shrink, degrees):
    # docs/bundle.md: bilinear, at the next whole multiple where it shrinks, then averaged by area.
    frame = np.random.default_rng(6).integers(0, 256, (330, 410, 3), np.uint8)
    affine = affine_to(1 / shrink, degrees, (170, 190), (64, 64))
    times = max(1, int(np.ceil(shrink - 1e-6)))
    shifted = affine * times
    shifted[:, 2] += shifted[:, :2].sum(axis=1) / 2 - 0.5  # OpenCV's pixel centres
    drawn = cv2.warpAffine(frame, shifted, (64 * times, 64 * times), flags=cv2.INTER_LINEAR)
    expected = cv2.resize(drawn, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.array_equal(crops.warp(frame, affine, (64, 64)), expected)


@pytest.mark.parametrize("side", [1, 3, 16])
def test_tiny_frames_are_drawn_in_their_place(side):
    frame = np.full((side, side), 200, np.uint8)
    affine = affine_to(64 / side, 30, (side / 2, side / 2), (128, 128))
    drawn = crops.warp(frame, affine, (128, 128))
    # Bilinear against black: full to half a pixel from the border, then falling for a pixel.
    rows, columns = np.indices(drawn.shape) + 0.5
    places = crops.transform(crops.inverse(affine), np.stack([columns, rows], axis=-1))
    expected = 200 * np.clip(np.minimum(places, side - places) + 0.5, 0, 1).prod(axis=-1)
    assert np.abs(drawn - expected).max() < 6  # places in steps of 1/32 pixel
    assert abs((drawn - expected).mean()) < 0.05


@pytest.mark.parametrize("times", [9, 16, 24])
def test_a_picture_that_shrinks_by_more_than_eight_gives_the_means_of_its_blocks(times):
    image = np.random.default_rng(1).random((8 * times, 12 * times)).astype(np.float32)
    image += np.linspace(0, 4, 12 * times, dtype=np.float32)  # noise on a slope
    affine = np.array([[1 / times, 0, 0], [0, 1 / times, 0]])
    means = image.reshape(8, times, 12, times).mean(axis=(1, 3))
    drawn = crops.warp(image, affine, (12, 8))
    # Nine is reduced by two and drawn at five: the blocks are met, their borders not quite.
    assert np.abs(drawn - means)[1:-1, 1:-1].max() < (1e-5 if times % 8 == 0 else 0.03)


@pytest.mark.parametrize("times", [3, 7.7, 8.3, 11, 15.9, 30])
@pytest.mark.parametrize("degrees", [0, 33])
def test_noise_is_averaged_over_all_pixels_that_a_crop_pixel_covers(times, degrees):
    # The mean of n pixels has the deviation over sqrt(n); drawing is a little softer than a box.
    side = int(64 * times * 1.5)
    frame = np.random.default_rng(5).random((side, side), np.float32)
    affine = affine_to(1 / times, degrees, (side / 2, side / 2), (64, 64))
    drawn = crops.warp(frame, affine, (64, 64))
    assert 0.5 < drawn.std() / (frame.std() / times) < 1.1
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("scale", [3.0, 4.0, 5.0, 8.0, 16.0, 23.7, 64.0])
def test_a_slope_enlarged_has_the_right_value_everywhere(scale):
    # OpenCV alone is up to 1/64 of a frame pixel off: a quarter of a crop pixel at 16.
    slope = np.tile(np.arange(40, dtype=np.float32) + 0.5, (30, 1))
    for aside in (0.0, 0.25, 0.4):
        affine = affine_to(scale, 0, (20, 15), (200, 100))
        affine[0, 2] += aside
        drawn = crops.warp(slope, affine, (200, 100))
        x = (np.arange(200) + 0.5 - affine[0, 2]) / scale
        known = (x > 1) & (x < 39)
        assert np.abs(drawn[50] - x)[known].max() * scale < 0.07


def test_an_enlarged_pixel_is_a_tent():
    frame = np.zeros((5, 5), np.float32)
    frame[2, 2] = 1
    scale = 10
    drawn = crops.warp(frame, affine_to(scale, 0, (2.5, 2.5), (50, 50)), (50, 50))
    away = np.abs(np.arange(50) + 0.5 - 25) / scale
    tent = np.maximum(0, 1 - away)
    assert np.abs(drawn - np.outer(tent, tent)).max() < 0.05


def test_nearest_in_a_long_frame_takes_the_value_at_each_pixels_centre():
    classes = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    frame = np.zeros((3, 40000), np.uint8)
    frame[:, 36000:36004] = classes
    affine = np.array([[3.0, 0, -3 * 36000], [0, 3, 0]])
    drawn = crops.warp(frame, affine, (12, 9), nearest=True)
    assert np.array_equal(drawn, np.repeat(np.repeat(classes, 3, axis=0), 3, axis=1))
