"""Mirroring: permutation, affines and samples against cases worked by hand, and a photograph."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels import classes
from labels.canonical import TRIANGLES, VERTICES
from labels.depth.facemesh import depth_map
from labels.flip import MIRROR, flip_affine, flip_landmarks, flip_sample, flip_view
from labels.landmarks import Face, FaceFinder
from labels.parsing.facemesh import parse
from labels.view import View
from pipeline import crops


@pytest.fixture(scope="module")
def view(portrait: np.ndarray, portrait_face: Face) -> View:
    """A crop of the portrait, of an odd shape, so that a mistaken width shows."""
    face = portrait_face
    square = crops.crop_affine(face.landmarks, "aligned", 1.5, 0.0, 200)
    picture = crops.warp(portrait, square, (200, 220))
    wide = crops.crop_affine(face.landmarks, "box", 2.0, 0.0, 512)
    loose = crops.warp(portrait, wide, (512, 512))
    size = portrait.shape[1], portrait.shape[0]
    return View(picture, square, face.landmarks, face.landmarks_refined, size, loose, wide)


def same(one: View, other: View) -> None:
    for name, a, b in zip(View._fields, one, other, strict=True):
        assert np.allclose(np.asarray(a), np.asarray(b), rtol=0, atol=1e-4), name


def test_each_landmark_changes_places_with_its_partner() -> None:
    # Outer corners of the eyes, corners of the mouth, brows, irises; the nose's tip is its own.
    pairs = [(33, 263), (61, 291), (105, 334), (468, 473), (469, 476), (1, 1), (152, 152)]
    for one, other in pairs:
        assert MIRROR[one] == other
        assert MIRROR[other] == one
    assert np.array_equal(MIRROR[MIRROR], np.arange(478))


def test_the_mirrored_mesh_has_the_same_triangles_and_shape() -> None:
    triangles = {tuple(sorted(three)) for three in TRIANGLES.tolist()}
    assert {tuple(sorted(three)) for three in MIRROR[TRIANGLES].tolist()} == triangles
    assert np.allclose(VERTICES[MIRROR[:468]], VERTICES * (-1, 1, 1), atol=1e-6)


@given(
    seed=st.integers(0, 2**32 - 1), count=st.sampled_from([468, 478]), width=st.integers(1, 4000)
)
def test_mirroring_landmarks_twice_changes_nothing(seed: int, count: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    # Eighths of pixels: exact in float32, so that nothing is rounded.
    landmarks = (rng.integers(-8000, 32000, (2, count, 3)) / 8).astype(np.float32)
    kept = landmarks.copy()
    once = flip_landmarks(landmarks, width)
    assert once.dtype == np.float32
    assert np.array_equal(once[..., 263, 0], width - landmarks[..., 33, 0])
    assert np.array_equal(flip_landmarks(once, width), landmarks)
    assert np.array_equal(landmarks, kept)


def test_other_numbers_of_landmarks_are_refused() -> None:
    with pytest.raises(ValueError, match="468 or 478"):
        flip_landmarks(np.zeros((68, 3)), 10)


def test_an_affine_of_mirrored_pictures_takes_mirrored_points_to_mirrored_points() -> None:
    # (10, 20) of a frame 100 wide goes to (13, 42) of a picture 50 wide: (90, 20) to (37, 42).
    affine = np.array([[1, -0.5, 13], [0.2, 2, 0]])
    assert np.allclose(affine @ (10, 20, 1), (13, 42))
    assert np.allclose(flip_affine(affine, 100, 50) @ (90, 20, 1), (37, 42))
    assert np.array_equal(flip_affine(flip_affine(affine, 100, 50), 100, 50), affine)


def test_a_sample_is_mirrored_as_a_whole() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    depth = np.array([[0, 0.5]], np.float32)
    parsing = np.array([[2, 3, 9], [4, 8, 1]], np.uint8)
    landmarks = np.zeros((468, 3))
    landmarks[33] = 1, 7, -2
    flipped = flip_sample(image, depth, parsing, landmarks)
    assert flipped[0][:, 0].tolist() == image[:, 2].tolist()
    assert flipped[1].tolist() == [[0.5, 0]]
    assert flipped[2].tolist() == [[9, 2, 3], [1, 7, 5]]
    assert flipped[3][263].tolist() == [2, 7, -2]
    again = flip_sample(*flipped)
    arrays: list[np.ndarray] = [image, depth, parsing, landmarks]
    assert all(np.array_equal(one, array) for one, array in zip(again, arrays, strict=True))


def test_the_mesh_of_a_mirrored_photograph_is_the_mesh_mirrored(
    embedded: FaceFinder, portrait_face: Face, portrait: np.ndarray
) -> None:
    (mirrored,) = embedded.find(np.ascontiguousarray(portrait[:, ::-1]))
    for name in ("landmarks", "landmarks_refined"):
        points = getattr(portrait_face, name)
        away = flip_landmarks(points, portrait.shape[1]) - getattr(mirrored, name)
        height = np.ptp(points[:468, 1])
        away = np.hypot(away[:, 0], away[:, 1]) / height
        assert away.mean() < 0.02, name
        assert away.max() < 0.04, name  # a wrong partner is farther, but on the lips
    assert away[468:].max() < 0.02  # an iris is 0.07 wide


def test_a_mirrored_view_shows_the_mirrored_frame(view: View, portrait: np.ndarray) -> None:
    flipped = flip_view(view)
    frame = np.ascontiguousarray(portrait[:, ::-1])
    drawn = crops.warp(frame, flipped.affine, (200, 220)).astype(int)
    assert np.abs(drawn - flipped.picture).mean() < 0.5
    assert flipped.loose is not None
    assert flipped.loose_affine is not None
    drawn = crops.warp(frame, flipped.loose_affine, (512, 512)).astype(int)
    assert np.abs(drawn - flipped.loose).mean() < 0.5
    same(flip_view(flipped), view)


def test_a_view_without_the_loose_picture_is_mirrored_too(view: View) -> None:
    bare = flip_view(view._replace(loose=None, loose_affine=None))
    assert bare.loose is None
    assert bare.loose_affine is None
    assert np.array_equal(bare.picture, flip_view(view).picture)


def test_the_labels_of_a_mirrored_view_are_the_labels_mirrored(view: View) -> None:
    flipped = flip_view(view)
    one, other = (parse(v.picture, v.landmarks_refined, v.affine) for v in (view, flipped))
    assert (classes.flip(one) != other).sum() < 0.005 * (one > 0).sum()
    one, other = (depth_map(v.landmarks, v.frame_size, v.affine, 220, 200) for v in (view, flipped))
    assert ((one[:, ::-1] > 0) != (other > 0)).sum() < 0.005 * (one > 0).sum()
    both = (one[:, ::-1] > 0) & (other > 0)
    assert np.abs(one[:, ::-1] - other)[both].mean() < 0.005
