"""Parsing of made faces: where the classes lie, what hides them, and what gives a reason."""

import numpy as np
import pytest
from made_faces import turned

from labels import classes
from labels.flip import flip_landmarks
from labels.parsing import facemesh
from labels.parsing.facemesh import fit_plane, parse
from labels.view import LabelError, View

SAME = np.eye(2, 3)


def head(yaw: float = 0) -> np.ndarray:
    """The canonical face as refined landmarks (478, 3) in a picture of 256 x 256.

    The irises, which no polygon uses, stay at 0.
    """
    return np.concatenate([turned((128.3, 128.2), 9, yaw), np.zeros((10, 3))])


def plain(size: int = 256) -> np.ndarray:
    return np.full((size, size, 3), 128, np.uint8)


def centre(parsing: np.ndarray, part: int) -> np.ndarray:
    """Mean x, y of a class's pixels."""
    y, x = np.nonzero(parsing == part)
    assert y.size, classes.NAMES[part]
    return np.array([x.mean(), y.mean()]) + 0.5


def differing(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the face's pixels that differ."""
    return float((one != other).sum() / (one != 0).sum())


def test_all_classes_that_a_mesh_can_give_are_given() -> None:
    parsing = parse(plain(), head(), SAME)
    assert parsing.shape == (256, 256)
    assert parsing.dtype == np.uint8
    never = {classes.LEFT_EAR, classes.RIGHT_EAR, classes.EYEGLASSES}
    # The canonical face's mouth is a slit, too narrow for a pixel's centre here and there.
    assert set(np.unique(parsing)) | {classes.MOUTH} == set(range(13)) - never


def test_the_subjects_left_is_at_the_right_of_the_picture() -> None:
    parsing = parse(plain(), head(), SAME)
    for left, right in (
        (classes.LEFT_EYE, classes.RIGHT_EYE),
        (classes.LEFT_BROW, classes.RIGHT_BROW),
    ):
        assert centre(parsing, left)[0] > 128.3 > centre(parsing, right)[0]


def test_the_parts_lie_below_one_another() -> None:
    parsing = parse(plain(), head(), SAME)
    order = [classes.LEFT_BROW, classes.LEFT_EYE, classes.NOSE]
    order += [classes.UPPER_LIP, classes.LOWER_LIP]
    heights = [centre(parsing, part)[1] for part in order]
    assert heights == sorted(heights)


@pytest.mark.parametrize("yaw", [0, 25, -50])
def test_flipping_picture_and_landmarks_flips_the_classes(yaw: float) -> None:
    rng = np.random.default_rng(0)
    # Skin-like colours with a dark right half above, so that the colour rule has work.
    image = rng.normal((190, 150, 130), 5, (256, 256, 3)).clip(0, 255).astype(np.uint8)
    image[:90, 128:] = 30
    landmarks = head(yaw)
    parsing = parse(image, landmarks, SAME)
    other = parse(np.ascontiguousarray(image[:, ::-1]), flip_landmarks(landmarks, 256), SAME)
    assert (parsing[60:85, 130:170] == classes.BACKGROUND).any()
    assert differing(classes.flip(parsing), other) < 0.005


def test_turning_picture_and_landmarks_turns_the_classes() -> None:
    landmarks = head(30)
    quarter = landmarks.copy()
    quarter[:, 0], quarter[:, 1] = 256 - landmarks[:, 1], landmarks[:, 0]
    parsing = parse(plain(), landmarks, SAME)
    assert differing(np.rot90(parsing, -1), parse(plain(), quarter, SAME)) < 0.005


def test_the_crop_of_a_parsing_is_the_parsing_of_the_crop() -> None:
    landmarks = head(20)
    whole = parse(plain(), landmarks, SAME)
    shifted = parse(plain(), landmarks, np.array([[1, 0, -17], [0, 1, 11]], float))
    assert differing(shifted[11:, :-17], whole[:-11, 17:]) < 0.005
    doubled = parse(plain(512), landmarks, np.array([[2, 0, 0], [0, 2, 0]], float))
    mean = np.array([(whole == part).sum() for part in range(13)])
    large = np.array([(doubled == part).sum() for part in range(13)]) / 4
    common = mean > 200
    assert np.abs(large / np.maximum(mean, 1) - 1)[common].max() < 0.05


@pytest.mark.parametrize("yaw", [-60, 60])
def test_the_eye_behind_the_nose_is_not_drawn_over_it(yaw: float) -> None:
    landmarks = head(yaw)
    parsing = parse(plain(), landmarks, SAME)
    near, far = classes.RIGHT_EYE, classes.LEFT_EYE
    if yaw > 0:
        near, far = far, near
    assert (parsing == near).sum() > 30
    assert (parsing == far).sum() < 0.5 * (parsing == near).sum()
    # The ridge of the nose is what one sees there.
    for number in (6, 197, 5):
        x, y = landmarks[number, :2] + ((1.5, 0) if yaw > 0 else (-1.5, 0))
        assert parsing[int(y), int(x)] == classes.NOSE


def test_hair_over_the_forehead_is_cut_away_and_skin_stays() -> None:
    rng = np.random.default_rng(1)
    landmarks = head()
    image = rng.normal((200, 160, 140), 6, (256, 256, 3)).clip(0, 255).astype(np.uint8)
    brow, top = int(landmarks[105, 1]), int(landmarks[10, 1])
    line = (brow + top) // 2
    image[:line] = rng.normal((60, 40, 30), 6, (line, 256, 3)).clip(0, 255)
    parsing = parse(image, landmarks, SAME)
    assert (parsing[: line - 2] == classes.BACKGROUND).all()
    columns = slice(int(landmarks[105, 0]), int(landmarks[334, 0]))
    assert (parsing[line + 2 : brow - 12, columns] == classes.SKIN).all()


def test_a_forehead_in_shadow_stays_skin() -> None:
    landmarks = head()
    y = np.arange(256)[:, None, None]
    light = np.clip(0.7 + 0.3 * (y - 60) / 100, 0.7, 1)
    image = (np.array([200, 160, 140]) * light * np.ones((1, 256, 1))).astype(np.uint8)
    assert np.array_equal(parse(image, landmarks, SAME), parse(plain(), landmarks, SAME))


def test_a_plane_through_points_of_a_plane_is_that_plane() -> None:
    points = np.array([(0, 0), (4, 1), (2, 7), (9, 3)], float)
    assert np.allclose(fit_plane(points, points @ (2, -3) + 5), (2, -3, 5))


def test_a_plane_through_points_on_one_line_is_level_across_it() -> None:
    points = np.array([(0, 0), (1, 1), (2, 2), (5, 5)], float)
    assert np.allclose(fit_plane(points, points.sum(1)), (1, 1, 0), atol=1e-6)
    assert np.allclose(fit_plane(points[:1], np.array([7.0])), (0, 0, 7))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="478"):
        parse(plain(), head()[:468], SAME)
    with pytest.raises(ValueError, match="uint8"):
        parse(plain()[..., 0], head(), SAME)


def test_the_back_end_gives_a_map_or_a_reason_for_each_view() -> None:
    landmarks = head()
    lost, together = landmarks.copy(), landmarks.copy()
    lost[100, 1] = np.nan
    together[:] = 7
    away = np.array([[1, 0, -400], [0, 1, 0]], float)
    parser = facemesh.load("colour")
    assert parser.made_on == "cpu"
    one, *errors, other = parser([
        View(plain(), affine, points[:468], points, (256, 256))
        for points, affine in (
            (landmarks, SAME), (lost, SAME), (together, SAME), (landmarks, away), (landmarks, SAME)
        )
    ])  # fmt: skip
    for labels in (one, other):
        assert isinstance(labels, np.ndarray)
        assert np.array_equal(labels, parse(plain(), landmarks, SAME))
    for error, word in zip(errors, ("finite", "eyes", "outside"), strict=True):
        assert isinstance(error, LabelError)
        assert word in str(error)


def test_a_rule_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="colour, grabcut"):
        facemesh.load("ink")


def test_outside_of_the_frame_nothing_is_seen() -> None:
    # The frame's right border runs through the face, 150 pixels from the left.
    landmarks = head(10)
    whole = parse(plain(), landmarks, SAME)
    image = plain()
    image[:, 150:] = 0
    cut = parse(image, landmarks, SAME, (150, 256))
    assert (whole[:, 150:] > 0).any()
    assert (cut[:, 150:] == 0).all()
    assert np.array_equal(cut[:, :150], whole[:, :150])


def test_eyes_further_apart_than_the_picture_is_wide_give_a_reason() -> None:
    with pytest.raises(LabelError, match="too far apart"):
        parse(plain(), head() * 1e6, SAME)
