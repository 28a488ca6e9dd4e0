"""Labels in turned crops: nothing in labels/ may take it that a crop is upright."""

import cv2
import numpy as np
import pytest

from labels import classes
from labels.depth.facemesh import depth_map
from labels.landmarks import Face, FaceFinder
from labels.parsing.facemesh import parse
from pipeline import crops

SIDE = 256
FINE = 768
"""Side of the box crops that are seen through the aligned ones, so that drawing costs little."""

Scene = tuple[np.ndarray, Face, float]
"""A picture, its face, and by how many degrees it was turned clockwise."""


@pytest.fixture(scope="module")
def wide(portrait: np.ndarray) -> np.ndarray:
    """The portrait with room for turning it, 520 x 520."""
    return cv2.copyMakeBorder(portrait, 40, 80, 80, 120, cv2.BORDER_REPLICATE)


def turn(picture: np.ndarray, clockwise: float) -> np.ndarray:
    """The picture turned about its middle; by OpenCV itself, not by what is tested."""
    height, width = picture.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, -clockwise, 1)
    return cv2.warpAffine(
        picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


@pytest.fixture(scope="module", params=[0, 15, 30, -25])
def scene(request: pytest.FixtureRequest, wide: np.ndarray, embedded: FaceFinder) -> Scene:
    picture = turn(wide, request.param)
    (face,) = embedded.find(picture)
    return picture, face, request.param


def affine_of(face: Face, mode: str, size: int) -> np.ndarray:
    return crops.crop_affine(face.landmarks, mode, 1.4, 0.0, size)


def box_to_aligned(face: Face) -> np.ndarray:
    """The affine from the fine box crop to the aligned one."""
    back = crops.inverse(affine_of(face, "box", FINE))
    aligned = affine_of(face, "aligned", SIDE)
    return np.column_stack([aligned[:, :2] @ back[:, :2], crops.transform(aligned, back[:, 2])])


def test_the_crop_is_turned_back_by_as_much_as_the_picture_was_turned(scene: Scene) -> None:
    _, face, clockwise = scene
    affine = affine_of(face, "aligned", SIDE)
    # The line of the pupils falls by 2.5 pixels in 43 in the photograph, read off by eye.
    lean = clockwise + np.degrees(np.arctan2(2.5, 43))
    assert np.degrees(np.arctan2(affine[1, 0], affine[0, 0])) == pytest.approx(-lean, abs=1.5)


def test_depth_in_an_aligned_crop_is_that_of_the_box_crop_turned(scene: Scene) -> None:
    picture, face, _ = scene
    size = picture.shape[1], picture.shape[0]
    aligned = depth_map(face.landmarks, size, affine_of(face, "aligned", SIDE))
    box = depth_map(face.landmarks, size, affine_of(face, "box", FINE), FINE, FINE)
    seen = crops.warp(box, box_to_aligned(face), (SIDE, SIDE))
    mask = crops.warp((box > 0).astype(np.uint8), box_to_aligned(face), (SIDE, SIDE), nearest=True)
    face_seen, face_drawn = mask > 0, aligned > 0
    both = face_seen & face_drawn
    assert np.corrcoef(aligned[both], seen[both])[0, 1] > 0.995
    assert both.sum() / (face_seen | face_drawn).sum() > 0.99
    # Depth's range is that of the pixels seen: the farthest are slivers that a crop may miss.
    assert np.abs(aligned - seen)[both].mean() < 0.04


def test_classes_in_an_aligned_crop_are_those_of_the_box_crop_turned(scene: Scene) -> None:
    picture, face, _ = scene
    drawn = []
    for mode, side in (("aligned", SIDE), ("box", FINE)):
        affine = affine_of(face, mode, side)
        crop = crops.warp(picture, affine, (side, side))
        drawn.append(parse(crop, face.landmarks_refined, affine))
    aligned, box = drawn
    seen = crops.warp(box, box_to_aligned(face), (SIDE, SIDE), nearest=True)
    assert set(np.unique(seen)) == set(np.unique(aligned))
    for value in np.unique(aligned):
        either = ((aligned == value) | (seen == value)).sum()
        overlap = ((aligned == value) & (seen == value)).sum() / either
        # Skin's border with the hair goes by the colour of pixels, which differ from crop to crop.
        least = 0.94 if value in (classes.BACKGROUND, classes.SKIN) else 0.9
        assert overlap > least, (classes.NAMES[value], overlap)


def test_the_aligned_crop_of_a_turned_picture_looks_like_that_of_the_upright_one(
    scene: Scene, wide: np.ndarray, embedded: FaceFinder
) -> None:
    picture, face, clockwise = scene
    (upright,) = embedded.find(wide)
    aligned, box = (
        [
            crops.warp(one, affine_of(found, mode, SIDE), (SIDE, SIDE)).astype(float)
            for one, found in ((picture, face), (wide, upright))
        ]
        for mode in ("aligned", "box")
    )
    difference = np.abs(aligned[0] - aligned[1]).mean()
    # Landmarks move by about a pixel between the pictures; sharp hair makes most of it.
    assert difference < 8
    if clockwise:
        assert difference < 0.3 * np.abs(box[0] - box[1]).mean()
