"""Depth maps of the canonical face, of a photograph, and beside one that PRNet made."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_faces import turned

from labels.canonical import TRIANGLES
from labels.depth.facemesh import depth_map, load
from labels.depth.maps import FLOOR
from labels.landmarks import Face, FaceFinder
from labels.pose import correct_pose
from labels.view import LabelError, View

FRAME = (400, 300)
SAME = np.eye(2, 3)


def head(yaw: float = 0, pitch: float = 0) -> np.ndarray:
    """The canonical face as landmarks (468, 3) in the middle of a frame."""
    return turned((200, 150), 9, yaw, pitch)


def test_nearest_is_one_and_background_zero() -> None:
    depth = depth_map(head(), FRAME, SAME, 300, 400)
    assert depth.shape == (300, 400)
    assert depth.dtype == np.float32
    assert depth.max() == 1
    assert depth[depth > 0].min() == np.float32(FLOOR)
    assert depth[0, 0] == depth[-1, -1] == 0
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    nose = head()[4]
    assert np.hypot(column + 0.5 - nose[0], row + 0.5 - nose[1]) < 5


def test_eyes_and_mouth_are_closed() -> None:
    depth = depth_map(head(), FRAME, SAME, 300, 400)
    face = (depth > 0).astype(np.uint8)
    _, _, holes, _ = cv2.connectedComponentsWithStats(1 - face, connectivity=4)
    assert len(holes) == 2  # what is not face is one piece: the background


def test_a_symmetric_face_gives_a_symmetric_map() -> None:
    depth = depth_map(head(), FRAME, SAME, 300, 400)
    mirrored = depth[:, ::-1]
    both = (depth > 0) & (mirrored > 0)
    assert both.sum() > 0.97 * (depth > 0).sum()
    assert np.abs(depth - mirrored)[both].max() < 0.02


@settings(max_examples=20)
@given(st.integers(-40, 40), st.integers(-30, 30), st.floats(-50, 50))
def test_whole_shifts_of_the_picture_shift_the_map(dx: int, dy: int, yaw: float) -> None:
    landmarks = head(yaw)
    whole = depth_map(landmarks, FRAME, SAME, 300, 400)
    shift = np.array([[1, 0, dx], [0, 1, dy]], float)
    moved = depth_map(landmarks, FRAME, shift, 300, 400)
    expected = np.roll(whole, (dy, dx), (0, 1))
    # At a silhouette a centre may fall to the other side by rounding.
    assert (np.abs(moved - expected) > 1e-4).sum() < 10


@settings(max_examples=20)
@given(st.floats(0.7, 2), st.floats(-50, 50), st.floats(-20, 20))
def test_the_scale_of_the_crop_scales_the_map(scale: float, yaw: float, pitch: float) -> None:
    # The same places of the face have the same depth but for the range's end, which is the lowest
    # pixel on a steep rim: one straight line takes one map to the other.
    landmarks = head(yaw, pitch)
    whole = depth_map(landmarks, FRAME, SAME, 300, 400)
    affine = np.array([[scale, 0, 0], [0, scale, 0]])
    other = depth_map(landmarks, FRAME, affine, 600, 800)
    y, x = np.nonzero(cv2.erode((whole > 0).astype(np.uint8), np.ones((9, 9))))
    there = other[np.int64((y + 0.5) * scale), np.int64((x + 0.5) * scale)]
    slope, start = np.polyfit(whole[y, x], there, 1)
    assert abs(slope - 1) < 0.25
    assert abs(slope + start - 1) < 0.03  # the nearest is 1 in both
    assert np.abs(slope * whole[y, x] + start - there).mean() < 0.01


def test_a_turned_crop_turns_the_map() -> None:
    landmarks = head(20)
    upright = depth_map(landmarks, FRAME, np.array([[1, 0, -72], [0, 1, -22]], float))
    quarter = depth_map(landmarks, FRAME, np.array([[0, -1, 278], [1, 0, -72]], float))
    assert (np.abs(quarter - np.rot90(upright, -1)) > 1e-3).sum() < 10


@pytest.mark.parametrize("yaw", [-60, 60])
def test_what_the_head_hides_when_it_turns_is_not_seen(yaw: float) -> None:
    # By brute force: of all triangles that the line of sight through a pixel meets, the nearest.
    landmarks = correct_pose(head(yaw), FRAME)
    depth = depth_map(head(yaw), FRAME, SAME, 300, 400)
    rows, columns = np.nonzero(depth)
    corners = landmarks[TRIANGLES]
    matrices = np.stack([corners[..., 0], corners[..., 1], np.ones(corners.shape[:2])], 1)
    solid = np.abs(np.linalg.det(matrices)) > 1e-9
    inverses, heights = np.linalg.inv(matrices[solid]), corners[solid][..., 2]
    nearest, hiding = [], 0
    some = slice(None, None, 37)
    for row, column in zip(rows[some], columns[some], strict=True):
        weights = inverses @ (column + 0.5, row + 0.5, 1)
        met = (weights * heights).sum(1)[(weights >= 0).all(1)]
        nearest.append(met.min())
        hiding += met.max() - met.min() > 5
    assert hiding > 3
    slope, start = np.polyfit(nearest, depth[rows[some], columns[some]], 1)
    assert slope < 0
    assert np.abs(slope * np.array(nearest) + start - depth[rows[some], columns[some]]).max() < 1e-4


def test_what_lies_outside_of_the_frame_has_no_depth() -> None:
    # The face stands at the frame's left border, half of it outside; the crop shows both halves.
    landmarks = head() - (200, 0, 0)
    shift = np.array([[1, 0, 128], [0, 1, -22]], float)
    depth = depth_map(landmarks.astype(np.float32), FRAME, shift)
    assert not depth[:, :128].any()
    assert depth[:, 128:].max() == 1
    assert (depth[:, 128] > 0).sum() > 50


def test_a_batch_gives_each_view_its_map_or_its_reason() -> None:
    picture, affine = np.zeros((256, 256, 3), np.uint8), np.array([[1, 0, -72], [0, 1, -22]], float)
    good = View(picture, affine, head(), np.zeros((478, 3)), FRAME)
    no_face = good._replace(landmarks=np.random.default_rng(0).permutation(head()))
    outside = good._replace(landmarks=head() + (300, 0, 0))
    made, shapeless, away = load("auto")([good, no_face, outside])
    assert np.array_equal(made, depth_map(head(), FRAME, affine))
    assert isinstance(shapeless, LabelError) and "face" in str(shapeless)
    assert isinstance(away, LabelError) and "outside" in str(away)


def test_the_nose_of_a_photograph_is_brightest(portrait_face: Face) -> None:
    depth = depth_map(portrait_face.landmarks, (320, 400), SAME, 400, 320)
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    assert np.hypot(column - 144.5, row - 126) < 6
    for x, y in [(123, 101), (166, 103), (142, 146), (142, 170)]:  # eyes, mouth, chin
        assert 0 < depth[y, x] < 0.9
    for x, y in [(20, 20), (90, 130), (300, 200), (142, 195)]:  # hair, wall, neck
        assert depth[y, x] == 0


def test_the_map_agrees_with_the_one_that_prnet_made(shared: Path, embedded: FaceFinder) -> None:
    image = cv2.imread(str(shared / "data/prnet/face.jpg"), cv2.IMREAD_COLOR_RGB)
    theirs = cv2.imread(str(shared / "data/prnet/face_prnet_depth.png"), cv2.IMREAD_GRAYSCALE)
    height, width = theirs.shape
    face = embedded.find(image, faces=1)[0]
    ours = depth_map(face.landmarks, (width, height), SAME, height, width)
    both = (ours > 0) & (theirs > 0)
    assert np.corrcoef(ours[both], theirs[both])[0, 1] >= 0.96
    assert both.sum() / ((ours > 0) | (theirs > 0)).sum() >= 0.85
