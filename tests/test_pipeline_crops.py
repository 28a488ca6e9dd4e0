"""Crop geometry: against hand-worked places, and as properties of all faces, turns and borders."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_meshes import FACE, FRONT, affines, finite, mesh

from labels.parsing import polygons
from pipeline import crops


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


@given(affines(), st.lists(st.tuples(*[st.floats(-1, 2, **finite)] * 2), min_size=1, max_size=8))
def test_no_point_drifts_in_ten_trips_there_and_back(crop, points):
    made, size = crop
    affine = np.frombuffer(made.astype("<f8").tobytes(), "<f8").reshape(2, 3)  # as it is stored
    start = np.array(points) * size
    back = crops.inverse(affine)
    frame = place = crops.transform(back, start)
    for _ in range(10):
        place = crops.transform(affine, place)
        assert np.abs(place - start).max() < 1e-6
        place = crops.transform(back, place)
        assert np.abs(place - frame).max() < 1e-6


@given(affines())
def test_no_crop_is_stretched_or_mirrored(crop):
    linear = crop[0][:, :2]
    assert np.linalg.det(linear) > 0
    assert np.allclose(linear @ linear.T, crops.scale_of(crop[0]) ** 2 * np.eye(2), rtol=1e-9)


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


def test_the_places_of_the_eyes_are_those_of_the_canonical_face():
    x, y, side = crops.face_square(FRONT)
    right, left = crops.eye_centres(FRONT)
    assert pytest.approx(np.hypot(*(left - right)) / side, abs=1e-7) == crops.EYE_DISTANCE
    assert pytest.approx((y - (right + left)[1] / 2) / side, abs=1e-7) == crops.EYE_RAISE
    assert (right + left)[0] / 2 == pytest.approx(x, abs=1e-6)


def test_the_eyes_are_the_rings_of_the_parser_the_subjects_right_first():
    assert (crops.RIGHT_EYE, crops.LEFT_EYE) == (polygons.RIGHT_EYE, polygons.LEFT_EYE)
    right, left = crops.eye_centres(FRONT.astype(np.float32))
    assert right[0] < 0 < left[0]  # the subject's right is at the picture's left
    assert crops.eye_centres(FRONT).dtype == np.float64


@pytest.mark.parametrize("margin, shift, size", [(1.0, 0.0, 64), (1.4, 0.1, 256), (3, -0.4, 512)])
def test_an_upright_frontal_canonical_face_has_the_same_crop_in_both_modes(margin, shift, size):
    face = mesh(200, 0, 0, (310.0, 170.0))
    corners = np.array([[200.0, 60.0], [420.0, 280.0]])
    box, aligned = (
        crops.transform(crops.crop_affine(face, mode, margin, shift, size), corners)
        for mode in ("box", "aligned")
    )
    assert np.abs(box - aligned).max() < 1e-3


@pytest.mark.parametrize("roll", [-170, -90, -25, 0, 40, 90, 180])
@pytest.mark.parametrize("yaw", [-40, 0, 30])
def test_aligned_eyes_are_level_and_at_fixed_places(roll, yaw):
    face = mesh(300, yaw, roll, (500.0, 400.0))
    affine = crops.crop_affine(face, "aligned", 2.0, 0.25, 400)
    eyes = crops.transform(affine, crops.eye_centres(face))
    # A face square is 200 crop pixels; the crop's centre lies a quarter of that below its own.
    y = 200 - (0.25 + crops.EYE_RAISE) * 200
    apart = crops.EYE_DISTANCE * 200
    assert np.allclose(eyes, [[200 - apart / 2, y], [200 + apart / 2, y]])
    chin = crops.transform(affine, face[[152]])[0]
    assert chin[1] > y + 50  # the right way up


def test_swapped_eyes_turn_the_crop_and_never_mirror_it():
    eyes = np.array([[100.0, 80.0], [160.0, 80.0]])
    there, swapped = (crops.aligned_affine(one, 1.4, 0.0, 256) for one in (eyes, eyes[::-1]))
    assert np.allclose(swapped[:, :2], -there[:, :2])


NO_FACE = {
    "not finite": np.where(np.arange(468)[:, None] == 7, np.nan, mesh(100, 0, 0, (200, 200))),
    "infinite": np.where(np.arange(468)[:, None] == 7, np.inf, mesh(100, 0, 0, (200, 200))),
    "a point": np.full((468, 2), 120.0),
    "half a pixel": mesh(0.5, 0, 0, (200, 200)),
    "none": np.empty((0, 2)),
    "too large for a number": mesh(100, 0, 0, (0, 0)).astype(np.float32) * np.float32(5e36),
}


@pytest.mark.parametrize("mode", ["box", "aligned"])
@pytest.mark.parametrize("landmarks", NO_FACE.values(), ids=NO_FACE.keys())
def test_what_has_no_extent_gives_an_error_and_no_crop(landmarks, mode):
    with pytest.raises(crops.CropError), np.errstate(over="ignore"):
        crops.crop_affine(landmarks, mode, 1.4, 0.0, 256)


@pytest.mark.parametrize(
    "eyes", [[[50, 60], [50, 60]], [[50, 60], [50.2, 60.1]], [[np.nan, 60], [90, 60]]]
)
def test_eyes_that_coincide_or_are_nowhere_give_an_error(eyes):
    with pytest.raises(crops.CropError):
        crops.aligned_affine(np.array(eyes, float), 1.4, 0.0, 256)


def test_a_head_that_is_turned_away_is_not_aligned_by_its_eyes():
    # Without perspective the eyes' distance shrinks with the cosine: 0.34 at 70, 0.17 at 80.
    crops.crop_affine(mesh(200, 70, 0, (300, 300)), "aligned", 1.4, 0.0, 256)
    for yaw in (80, -80, 90, 100):
        face = mesh(200, yaw, 0, (300, 300))
        with pytest.raises(crops.CropError, match="turned away"):
            crops.crop_affine(face, "aligned", 1.4, 0.0, 256)
        crops.crop_affine(face, "box", 1.4, 0.0, 256)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="box or aligned"):
        crops.crop_affine(mesh(100, 0, 0, (200, 200)), "tight", 1.4, 0.0, 256)
