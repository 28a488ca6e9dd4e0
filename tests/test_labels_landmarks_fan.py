"""Faces by S3FD and FAN: boxes through a shrunk picture, landmarks that make a face."""

from pathlib import Path

import numpy as np
import pytest
from made_fan import Depth, Dots, Maps, draw, face, tight_box

from labels.fan import Detector, Landmarks
from labels.landmarks import fan
from labels.landmarks.fan import LONGEST, FanFinder
from pipeline.errors import UserError


def hot(boxes: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Cells with given boxes: (x0, y0, x1, y1, score) in pixels of what the detector is shown.

    All are in row 0 of level 1, which has steps of 8 and boxes of 32 pixels.
    """
    cells = []
    for i, (x0, y0, x1, y1, score) in enumerate(boxes):
        logit, own = np.log(score / (1 - score)), np.array([4 + 8 * i, 4])
        middle, size = np.array([x0 + x1, y0 + y1]) / 2, np.array([x1 - x0, y1 - y0])
        code = [*(middle - own) / 32 / 0.1, *np.log(size / 32) / 0.2]
        cells.append((1, 0, i, logit, *code))
    return cells


def finder(mesh: np.ndarray, boxes: list[tuple[float, ...]]) -> FanFinder:
    return FanFinder(Detector(Maps(hot(boxes))), Landmarks(Dots(), Depth(mesh)), "cpu float32")


def test_a_face_is_found_where_it_was_drawn() -> None:
    mesh = face(14, (300.2, 200.7), 12)
    picture = draw(mesh, 420, 600, 2.6)
    with finder(mesh, [(*tight_box(mesh), 0.9)]) as runtime:
        (found,) = runtime.find(picture)
    assert found.score == pytest.approx(0.9)
    assert found.box == pytest.approx(tuple(tight_box(mesh)), abs=1e-3)
    assert found.landmarks.shape == (468, 3) and found.landmarks.dtype == np.float32
    assert found.landmarks_refined.shape == (478, 3)
    assert found.landmarks_refined.dtype == np.float32
    assert np.array_equal(found.landmarks_refined[:468], found.landmarks)
    side = np.ptp(mesh[:, 1])
    assert np.linalg.norm((found.landmarks - mesh)[:, :2], axis=1).max() < 0.02 * side
    # The depth network's z is relative to FAN's square, so it comes back exactly.
    assert np.abs((found.landmarks - mesh)[:, 2]).max() < 0.02 * side
    assert found.landmarks[4, 2] < found.landmarks[234, 2]  # the nose is nearer than an ear


@pytest.mark.slow
def test_a_large_picture_is_shrunk_for_the_detector_alone() -> None:
    mesh = face(40, (900.5, 700.25))
    picture = draw(mesh, 1280, 1920, 7)
    box = tight_box(mesh)
    runtime = finder(mesh, [(*box / 3, 0.8)])
    (found,) = runtime.find(picture)
    seen = runtime._detector._network.shapes
    assert seen == [(1, 3, 427, LONGEST)]
    assert found.box == pytest.approx(tuple(box), rel=0.002)  # 427 is not quite a third of 1280
    assert np.abs((found.landmarks - mesh)[:, :2]).max() < 0.02 * np.ptp(mesh[:, 1])


def test_a_picture_without_faces_is_looked_at_once() -> None:
    runtime = finder(face(10, (100, 100)), [])
    assert runtime.find(np.zeros((900, 1600, 3), np.uint8)) == []
    assert len(runtime._detector._network.shapes) == 1


def test_the_better_score_comes_first_and_what_is_no_face_is_left_out() -> None:
    left, right = face(12, (160, 200)), face(12, (460, 200))
    picture = np.maximum(draw(left, 400, 640, 2.4), draw(right, 400, 640, 2.4))
    boxes = [(*tight_box(left), 0.7), (*tight_box(right), 0.9), (280, 330, 340, 390, 0.95)]
    runtime = finder(left, boxes)
    found = runtime.find(picture)
    assert [round(one.score, 3) for one in found] == [0.9, 0.7]
    assert found[0].landmarks[:, 0].mean() > found[1].landmarks[:, 0].mean()
    assert len(runtime.find(picture, 1)) == 1


def test_a_face_is_found_at_a_given_box() -> None:
    mesh = face(14, (300, 200), -10)
    picture = draw(mesh, 420, 600, 2.6)
    runtime = finder(mesh, [])
    box = tuple(float(v) for v in tight_box(mesh))
    found = runtime.at(picture, box)
    assert found is not None and np.isnan(found.score) and found.box == box
    assert np.abs((found.landmarks - mesh)[:, :2]).max() < 0.02 * np.ptp(mesh[:, 1])
    assert runtime.at(np.zeros_like(picture), box) is None
    assert runtime.at(picture, (700, 10, 800, 90)) is None


def test_missing_weights_are_told_in_one_line(own_store: Path) -> None:
    with pytest.raises(UserError, match="ocim weights fetch s3fd"):
        fan.load("cpu")
