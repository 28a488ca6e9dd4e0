"""A person drawn before a view, and the truth of it."""

from pathlib import Path

import numpy as np
import pytest

from labels import classes
from pipeline.replica.mesh import rotation
from pipeline.replica.person import Motion, express, head_motion, make_person
from pipeline.replica.scene import FACE_WIDTH, Actor, Drawn, Light, project, view_for
from pipeline.replica.source import Source, load_source
from pipeline.replica.truth import depth_truth, face_box, truth_of, write_truth

VIEW = view_for(240, 320, 80, 160, 110, 1.2)
LIGHT = Light(np.array([0.0, 0.0, 1.0]), 0.5)
STILL = Motion(0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def source() -> Source:
    return load_source()


@pytest.fixture(scope="module")
def drawn(source: Source) -> Drawn:
    person = make_person(source, np.random.default_rng(1))
    return Actor(source, person, VIEW, LIGHT).draw(STILL)


def test_a_face_at_its_distance_is_as_wide_as_asked_for() -> None:
    edge = np.array([[-FACE_WIDTH / 2, 0, 0], [FACE_WIDTH / 2, 0, 0]])
    points = project(edge, VIEW)
    assert points[1, 0] - points[0, 0] == pytest.approx(80)
    assert points[:, 1] == pytest.approx([110, 110])


def test_what_is_nearer_looks_larger() -> None:
    near, far = (project(np.array([[5.0, 0, z]]), VIEW)[0, 0] - 160 for z in (5, -5))
    assert near / far == pytest.approx((VIEW.distance + 5) / (VIEW.distance - 5))


def test_yaw_turns_the_nose_to_the_subjects_left() -> None:
    turned = np.array([0, 0, 1.0]) @ rotation(0.2, 0, 0).T
    assert turned[0] == pytest.approx(np.sin(0.2))


def test_the_landmarks_and_the_drawn_picture_agree(source: Source, drawn: Drawn) -> None:
    """The pixel under a visible landmark shows that landmark's place of the photograph."""
    for landmark in (1, 9, 61, 291, 199):
        x, y = drawn.landmarks[landmark, :2]
        column, row = int(x), int(y)
        # The map's slope is about 2.3 source pixels a frame pixel; half a pixel of rounding.
        assert drawn.where[row, column] == pytest.approx(source.landmarks[landmark, :2], abs=2.5), (
            landmark
        )


def test_the_nose_is_the_nearest_point_of_the_true_depth(drawn: Drawn) -> None:
    depth = depth_truth(drawn)
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    assert depth.max() == 1
    assert np.hypot(*(drawn.landmarks[1, :2] - (column, row))) < 8
    assert (depth[~np.isfinite(drawn.depth)] == 0).all()


def test_the_subjects_left_is_at_the_right_of_the_picture(source: Source, drawn: Drawn) -> None:
    parsing = truth_of(source, [drawn])["parsing"][0]
    columns = np.arange(parsing.shape[1])[None, :] * np.ones((parsing.shape[0], 1))
    for left, right in (
        (classes.LEFT_EYE, classes.RIGHT_EYE),
        (classes.LEFT_BROW, classes.RIGHT_BROW),
    ):
        assert columns[parsing == left].mean() > columns[parsing == right].mean()
    present = set(np.unique(parsing))
    assert present >= set(range(13)) - {classes.EYEGLASSES, classes.LEFT_EAR, classes.RIGHT_EAR}


def test_truth_lies_inside_the_box_and_is_padded_to_the_largest(
    source: Source, drawn: Drawn
) -> None:
    closer = Actor(
        source,
        make_person(source, np.random.default_rng(1)),
        view_for(240, 320, 100, 150, 110, 1.2),
        LIGHT,
    ).draw(STILL)
    truth = truth_of(source, [drawn, closer])
    x0, y0, x1, y1 = face_box(closer)
    assert truth["box"].tolist()[1] == [x0, y0, x1, y1]
    assert truth["depth"].shape == truth["parsing"].shape == (2, y1 - y0, x1 - x0)
    assert truth["depth"].dtype == np.float16
    assert truth["parsing"].dtype == np.uint8
    assert truth["landmarks"].shape == (2, 468, 3)
    assert (truth["landmarks"][1, :, :2] >= (x0, y0)).all()


def test_written_truth_has_the_same_bytes_twice(
    source: Source, drawn: Drawn, tmp_path: Path
) -> None:
    arrays = truth_of(source, [drawn])
    for name in ("a.npz", "b.npz"):
        write_truth(tmp_path / name, arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        for name, array in arrays.items():
            assert np.array_equal(stored[name], array)


def test_blinking_lowers_the_upper_lids_alone(source: Source) -> None:
    moved = express(source.shape, Motion(0, 0, 0, 0, 0, 0.8, 0)) - source.shape
    assert moved[159, 1] < -0.3
    assert moved[145, 1] == 0
    assert moved[1] == pytest.approx([0, 0, 0])


def test_subjects_differ_in_shape_and_colour(source: Source) -> None:
    one, other = (make_person(source, np.random.default_rng(seed)) for seed in (1, 2))
    assert np.linalg.norm(one.shape - other.shape, axis=1).mean() > 0.1  # cm
    cheek = tuple(int(v) for v in source.landmarks[50, 1::-1])
    assert np.abs(one.texture[cheek].astype(int) - other.texture[cheek]).max() > 5


def test_heads_move_smoothly() -> None:
    path = head_motion(20, np.random.default_rng(0))
    yaw = np.array([m.yaw for m in path])
    assert 0 < np.abs(np.diff(yaw)).max() < np.deg2rad(5)
    assert np.abs(yaw).max() < np.deg2rad(20)
