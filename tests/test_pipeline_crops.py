import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import crops

finite = {"allow_nan": False, "allow_infinity": False}
FACE = np.array([[100.0, 60.0, -7.0], [180.0, 110.0, 3.0], [140.0, 160.0, 0.0]], np.float32)
"""Landmarks with the bounding box x 100 to 180, y 60 to 160: centre (140, 110), side 100."""


@st.composite
def faces(draw: st.DrawFn) -> np.ndarray:
    """Two opposite corners of a mesh of 8 to 4,000 pixels in frames of up to 4,000 pixels."""
    corner = [draw(st.floats(-500, 4000, **finite)) for _ in range(2)]
    extent = [draw(st.floats(8, 4000, **finite)) for _ in range(2)]
    return np.array([corner, np.add(corner, extent)])


@given(
    faces(),
    st.floats(1.0, 3.0, **finite),
    st.floats(-0.5, 0.5, **finite),
    st.integers(16, 1024),
    st.lists(st.tuples(*[st.floats(-200, 1200, **finite)] * 2), min_size=1, max_size=8),
)
def test_points_come_back_from_crop_to_frame_to_crop(face, margin, shift, size, points):
    affine = crops.box_affine(face, margin, shift, size)
    points = np.array(points)
    back = crops.transform(crops.inverse(affine), points)
    assert np.abs(crops.transform(affine, back) - points).max() < 1e-6
    assert (
        np.abs(crops.transform(crops.inverse(affine), crops.transform(affine, back)) - back).max()
        < 1e-6
    )


@given(
    st.floats(0, 2 * np.pi, **finite),
    st.floats(0.05, 20, **finite),
    st.tuples(*[st.floats(-3000, 3000, **finite)] * 2),
    st.lists(st.tuples(*[st.floats(0, 4000, **finite)] * 2), min_size=1, max_size=8),
)
def test_turned_affines_are_undone_as_well(angle, scale, move, points):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    affine = np.hstack([turn, np.array(move)[:, None]])
    points = np.array(points)
    there = crops.transform(affine, points)
    assert np.abs(crops.transform(crops.inverse(affine), there) - points).max() < 1e-6
    assert crops.scale_of(affine) == pytest.approx(scale)


def test_the_face_square_is_the_longer_side_around_the_middle_of_the_landmarks():
    assert crops.face_square(FACE) == (140.0, 110.0, 100.0)
    assert crops.face_square(FACE[:, [1, 0]]) == (110.0, 140.0, 100.0)


def test_the_face_squares_corners_lie_where_the_margin_says():
    # The square from (90, 60) to (190, 160) fills 1 / 1.4 of a crop of 280 pixels: 40 are left.
    affine = crops.box_affine(FACE, margin=1.4, shift=0.0, size=280)
    corners = np.array([[90.0, 60.0], [190.0, 160.0], [140.0, 110.0]])
    assert np.allclose(crops.transform(affine, corners), [[40, 40], [240, 240], [140, 140]])
    tight = crops.box_affine(FACE, margin=1.0, shift=0.0, size=256)
    assert np.allclose(crops.transform(tight, corners), [[0, 0], [256, 256], [128, 128]])


def test_a_shift_moves_the_crop_down_so_the_face_up():
    # A tenth of the face square is 10 frame pixels, which are 20 of a crop at scale 2.
    affine = crops.box_affine(FACE, margin=1.4, shift=0.1, size=280)
    assert np.allclose(crops.transform(affine, np.array([[140.0, 120.0]])), [[140, 140]])
    assert np.allclose(crops.transform(affine, np.array([[90.0, 60.0]])), [[40, 20]])


def noise(height: int, width: int, *channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, *channels), np.uint8)


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_whole_pixel_translation_copies_pixels_exactly(channels, nearest):
    image = noise(40, 50, *channels)
    affine = np.array([[1.0, 0, -7], [0, 1, -5]])
    assert np.array_equal(crops.warp(image, affine, (30, 20), nearest), image[5:25, 7:37])


def test_what_lies_outside_of_the_frame_is_black():
    image = np.full((10, 10, 3), 200, np.uint8)
    drawn = crops.warp(image, np.array([[1.0, 0, 4], [0, 1, 3]]), (20, 20))
    assert (drawn[3:13, 4:14] == 200).all()
    drawn[3:13, 4:14] = 0
    assert not drawn.any()


def test_one_pixel_drawn_twice_as_large_stays_centred_on_itself():
    # Pixel (3, 2) covers x 3 to 4, so crop pixels 6 and 7. Their centres 6.5 and 7.5 lie at frame
    # 3.25 and 3.75, a quarter from the pixel's centre: weight 3/4; those of 5 and 8 weigh 1/4.
    image = np.zeros((6, 8), np.float32)
    image[2, 3] = 16
    drawn = crops.warp(image, np.array([[2.0, 0, 0], [0, 2, 0]]), (16, 12))
    expected = np.zeros((12, 16))
    weights = np.array([0.25, 0.75, 0.75, 0.25])
    expected[3:7, 5:9] = 16 * np.outer(weights, weights)
    assert np.allclose(drawn, expected)


@pytest.mark.parametrize("times", [2, 4, 8])
def test_a_picture_that_shrinks_by_a_whole_factor_gives_the_means_of_its_blocks(times):
    image = np.random.default_rng(1).random((8 * times, 12 * times)).astype(np.float32)
    affine = np.array([[1 / times, 0, 0], [0, 1 / times, 0]])
    means = image.reshape(8, times, 12, times).mean(axis=(1, 3))
    assert np.allclose(crops.warp(image, affine, (12, 8)), means, atol=1e-5)


def test_fine_stripes_become_their_mean_instead_of_a_false_pattern():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 200
    drawn = crops.warp(stripes, np.array([[0.25, 0, 0], [0, 0.25, 0]]), (16, 16))
    assert (drawn == 100).all()


@pytest.mark.parametrize("scale", [0.13, 0.5, 1.7, 3.0])
def test_nearest_keeps_class_numbers(scale):
    image = np.random.default_rng(2).choice(np.array([0, 3, 12], np.uint8), (40, 40))
    affine = np.array([[scale, 0, 1.3], [0, scale, 2.1]])
    drawn = crops.warp(image, affine, (50, 50), nearest=True)
    assert set(np.unique(drawn)) <= {0, 3, 12}


def test_nearest_takes_the_value_at_each_pixels_centre():
    classes = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    drawn = crops.warp(classes, np.array([[3.0, 0, 0], [0, 3, 0]]), (12, 9), nearest=True)
    assert np.array_equal(drawn, np.repeat(np.repeat(classes, 3, axis=0), 3, axis=1))


def test_a_picture_and_its_landmarks_land_on_the_same_place():
    # A bright square around (140, 110) must have its centre of mass at the crop's middle.
    image = np.zeros((220, 280), np.float32)
    image[105:115, 135:145] = 1
    for margin in (1.0, 1.4, 3.0):
        drawn = crops.warp(image, crops.box_affine(FACE, margin, 0.0, 256), (256, 256))
        rows, columns = np.indices(drawn.shape) + 0.5
        assert (drawn * rows).sum() / drawn.sum() == pytest.approx(128, abs=0.02)
        assert (drawn * columns).sum() / drawn.sum() == pytest.approx(128, abs=0.02)


@pytest.mark.parametrize(
    "frame, expected",
    [
        ((400, 300), 0.0),
        # The crop covers x 70 to 210 and y 40 to 180, 140 each way.
        ((140, 300), 0.5),
        ((140, 110), 0.75),
        ((400, 145), 0.25),
        ((70, 300), 1.0),
        ((20, 20), 1.0),
    ],
)
def test_padding_is_the_share_of_the_crop_outside_of_the_frame(frame, expected):
    affine = crops.box_affine(FACE, 1.4, 0.0, 256)
    assert crops.padding(affine, frame, 256) == pytest.approx(expected, abs=1e-12)
    black = np.ones(frame[::-1], np.float32)
    drawn = crops.warp(black, affine, (256, 256))
    assert (drawn < 0.5).mean() == pytest.approx(expected, abs=0.01)


def test_padding_counts_what_lies_left_and_above_as_well():
    moved = FACE[:, :2] - [105.0, 75.0]  # the crop covers x -35 to 105 and y -35 to 105
    affine = crops.box_affine(moved, 1.4, 0.0, 256)
    assert crops.padding(affine, (400, 400), 256) == pytest.approx(1 - (105 / 140) ** 2)
