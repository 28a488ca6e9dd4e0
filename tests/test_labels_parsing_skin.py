"""Skin and hair told apart on made faces whose colours are known."""

import cv2
import numpy as np
import pytest

from labels import classes
from labels.canonical import VERTICES
from labels.parsing.polygons import face_axes, fill, outlines
from labels.parsing.skin import clear_hair

SIDE = 256
SKIN, HAIR, WALL = (200, 160, 140), (60, 40, 30), (90, 120, 160)
POINTS = np.concatenate([VERTICES[:, :2] * (9, -9) + (128.3, 128.2), np.zeros((10, 2))])
"""The canonical face in a picture of 256 x 256; the irises, which nothing uses, at 0."""
AXES = face_axes(POINTS)
RULES = pytest.mark.parametrize("rule", ["colour", "grabcut"])


def drawn() -> np.ndarray:
    """A disc of skin about the face's middle, larger than its oval, with its parts."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    parsing = (np.hypot((x - 128.3) / 72, (y - 120) / 95) < 1).astype(np.uint8)
    for part in outlines(POINTS):
        fill(parsing, part.polygon, part.value)
    return parsing


def painted(hair: np.ndarray, noise: float = 4) -> np.ndarray:
    """The face of SKIN before a WALL, with HAIR where a mask says so."""
    rng = np.random.default_rng(0)
    image = np.where((drawn() > 0)[..., None], SKIN, WALL)
    image = np.where(hair[..., None], HAIR, image)
    return (image + rng.normal(0, noise, image.shape)).clip(0, 255).astype(np.uint8)


def nowhere() -> np.ndarray:
    return np.zeros((SIDE, SIDE), bool)


def hair_at(place: tuple[slice, ...] | slice) -> np.ndarray:
    hair = nowhere()
    hair[place] = True
    return hair


def cleared(hair: np.ndarray, rule: str = "colour") -> np.ndarray:
    """What is left of the face that is painted with that hair."""
    parsing = drawn()
    clear_hair(parsing, painted(hair), POINTS, AXES, rule=rule)
    return parsing


@RULES
def test_a_face_without_hair_keeps_all_its_skin(rule: str) -> None:
    parsing = cleared(nowhere(), rule)
    # Within a pixel of the wall its colour is in the skin's.
    inside = cv2.erode((drawn() > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert np.array_equal(parsing[inside], drawn()[inside])


@RULES
def test_a_fringe_is_taken_away_to_its_edge(rule: str) -> None:
    parsing = cleared(hair_at(np.s_[:62]), rule)
    assert not parsing[:61].any()
    seen = np.s_[64:75, 80:176]
    assert np.array_equal(parsing[seen], drawn()[seen])


@RULES
def test_hair_beside_the_cheek_is_taken_away(rule: str) -> None:
    parsing = cleared(hair_at(np.s_[60:150, :66]), rule)
    assert not parsing[70:125, :64].any()
    seen = np.s_[90:180, 75:180]
    assert np.array_equal(parsing[seen], drawn()[seen])


@RULES
def test_a_beard_stays(rule: str) -> None:
    parsing = cleared(hair_at(np.s_[190:]), rule)  # below the mouth; a face parser calls it skin
    chin = np.s_[192:205, 118:138]
    assert (drawn()[chin] == classes.SKIN).all()
    assert (parsing[chin] == classes.SKIN).all()
    seen = np.s_[90:180, 75:180]
    assert np.array_equal(parsing[seen], drawn()[seen])


@RULES
def test_skin_that_hair_cuts_off_goes_with_it(rule: str) -> None:
    parsing = cleared(hair_at(np.s_[45:62]), rule)
    assert (drawn()[30:40, 120:136] == classes.SKIN).all()
    assert not parsing[:44].any()


def test_strands_of_the_skins_colour_between_hair_are_cut() -> None:
    hair = hair_at(np.s_[:62])
    hair[:62, 120:126] = False  # six pixels wide; the eyes' corners are 80 apart
    assert not cleared(hair)[:55].any()


@RULES
def test_no_part_but_skin_is_taken(rule: str) -> None:
    parsing = cleared(hair_at(np.s_[:130]), rule)
    parts = drawn() > classes.SKIN
    parts[:85] = False  # a brow wholly under hair is no longer joined to the nose
    assert np.array_equal(parsing[parts & (parsing > 0)], drawn()[parts & (parsing > 0)])
    assert (parsing[drawn() == classes.NOSE] == classes.NOSE).all()


@RULES
def test_the_same_face_gives_the_same_bytes_whatever_came_before(rule: str) -> None:
    # As hard as can be: the colours run from hair to skin without a step.
    image = painted(nowhere(), noise=25)
    share = np.clip((np.arange(SIDE) - 30) / 60, 0, 1)[:, None, None]
    image = (image * share + np.array(HAIR) * (1 - share)).astype(np.uint8)
    seen = []
    threads = cv2.getNumThreads()
    try:
        for count, draws in ((1, 0), (1, 3), (2, 0), (4, 5)):
            cv2.setNumThreads(count)
            for _ in range(draws):  # OpenCV's own generator moves on
                cv2.randu(np.zeros((3, 3), np.uint8), 0, 255)
            parsing = drawn()
            clear_hair(parsing, image, POINTS, AXES, rule=rule)
            seen.append(parsing.tobytes())
    finally:
        cv2.setNumThreads(threads)
    assert len(set(seen)) == 1


@RULES
@pytest.mark.parametrize("lean", [0, 0.3])
def test_the_black_outside_of_the_frame_is_no_colour(rule: str, lean: float) -> None:
    # A frame that ends near column 140, upright or leaning. Two pixels of the face along its border
    # are half black; above the eyes a strip there, nine wide, is the seen part of a broad forehead.
    y, x = np.mgrid[:SIDE, :SIDE]
    border = x + lean * (y - 128) - 140
    hair = (y < 62) | ((y < 88) & (border < -9))
    image = painted(hair)
    known, face = border < -2, border < 0
    image[~known] //= 2
    image[~face] = 0
    whole, cut = drawn(), drawn()
    clear_hair(whole, painted(hair), POINTS, AXES, rule=rule)
    cut[~face] = 0
    clear_hair(cut, image, POINTS, AXES, known, rule)
    assert not cut[~face].any()
    # GrabCut sees reduced pixels, other ones of the smaller face: edges may move by one.
    differing = cv2.erode(((cut != whole) & face).astype(np.uint8), np.ones((2, 2), np.uint8))
    assert differing.sum() < 0.001 * (whole > 0).sum()
    along = face & (border >= -7) & (y >= 70) & (y < 180)
    assert (cut[along] > 0).all()


@RULES
def test_a_face_of_which_no_pixel_is_known_stays_as_it_is(rule: str) -> None:
    parsing = drawn()
    clear_hair(parsing, painted(nowhere()), POINTS, AXES, nowhere(), rule)
    assert np.array_equal(parsing, drawn())


def test_a_large_picture_gives_grabcut_no_more_to_do_and_the_same_face() -> None:
    image, parsing = (
        small.repeat(4, 0).repeat(4, 1) for small in (painted(hair_at(np.s_[:62])), drawn())
    )
    large = POINTS * 4
    before = parsing.copy()
    clear_hair(parsing, image, large, face_axes(large), rule="grabcut")
    assert not parsing[: 4 * 60].any()
    seen = np.s_[4 * 65 : 4 * 75, 4 * 80 : 4 * 176]
    assert np.array_equal(parsing[seen], before[seen])
    # The outline is the mesh's, not that of pixels four times as large.
    below = np.s_[4 * 110 :]
    assert (parsing[below] != before[below]).sum() < 0.001 * (before > 0).sum()


@RULES
def test_a_picture_without_a_face_stays_empty(rule: str) -> None:
    parsing = np.zeros((SIDE, SIDE), np.uint8)
    clear_hair(parsing, painted(nowhere()), POINTS, AXES, rule=rule)
    assert not parsing.any()


def test_another_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="colour, grabcut"):
        clear_hair(drawn(), painted(nowhere()), POINTS, AXES, rule="ink")
