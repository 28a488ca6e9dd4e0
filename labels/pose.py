"""The pose of a face by perspective: the head's angles, and the tilt of the face mesh put right.

The mesh network treats its patch as an orthographic view, so its z leans: forehead too near, chin
too far. MediaPipe's canonical face, posed once by perspective and once the network's way, tells by
how much. Only the pose changes; the person's shape and expression stay.
"""

from typing import NamedTuple

import cv2
import numpy as np

from labels.canonical import VERTICES

WEIGHT = 0.75
"""Share of the difference that is added."""

MAX_MISFIT = 0.2
"""Mean distance between the posed canonical face and the landmarks, over the face's extent, from
which they are no face. Real ones have 0.02 to 0.05."""

# The canonical face in the axes of a picture: x right, y down, z away from the viewer.
_MODEL = VERTICES.astype(np.float64) * (1, -1, -1)


class PoseError(ValueError):
    """The landmarks fit no face in front of the camera."""


class Pose(NamedTuple):
    """Where MediaPipe's canonical face stands before the camera.

    Axes: x to the picture's right, y down, z away from the viewer. turn: (3, 3) float64 rotation,
    the identity for an upright face that looks against the camera's axis. shift: (3,) float64,
    centimetres. focal: the camera's, in pixels.
    """

    turn: np.ndarray
    shift: np.ndarray
    focal: float


def correct_pose(
    landmarks: np.ndarray,
    frame_size: tuple[int, int],
    weight: float = WEIGHT,
    pose: Pose | None = None,
) -> np.ndarray:
    """Landmarks (468, 3) with their z's pose put right; x and y are kept.

    landmarks: frame pixels, z in the same unit, smaller is nearer. frame_size: (width, height) of
    the whole frame, never of a crop: it gives the camera, whose focal length is taken as the longer
    side and whose axis goes through the middle. weight: 0 changes nothing, 1 takes all of it. pose:
    what solve gives for these landmarks, where it is at hand already. Returns float64. Raises
    PoseError where no face in front of the camera fits.
    """
    points = _checked(landmarks)
    pose = pose or solve(points, frame_size)
    depth = _posed(pose)[:, 2]
    # A centimetre at the face's mean distance is this many pixels.
    seen = (depth - depth.mean()) * pose.focal / depth.mean()
    drawn = similarity(_MODEL, points)
    corrected = points.copy()
    corrected[:, 2] += weight * (seen - drawn[:, 2])
    return corrected


def angles(
    landmarks: np.ndarray, frame_size: tuple[int, int], pose: Pose | None = None
) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a head in degrees; all 0 for an upright face that looks at the camera.

    landmarks, frame_size, pose, errors: as for correct_pose; the landmarks' z is not used.
    Yaw, -180 to 180, is positive when the subject turns to their own left, so that the nose points
    to the right of the picture. Pitch, -90 to 90, is positive when the face looks up. Roll, -180
    to 180, is positive when the head is tilted clockwise in the picture.

    The face is turned by yaw about its own upright axis, then by pitch about the picture's
    horizontal, then by roll in the picture: Rz(roll) Rx(-pitch) Ry(-yaw) in the axes of Pose. So a
    picture that is turned changes the roll alone. They are angles to the line from the camera to
    the middle of the face, not to the camera's axis: a face at the frame's border that looks into
    the lens is frontal, whatever the focal length was.
    """
    points = _checked(landmarks)
    pose = pose or solve(points, frame_size)
    turn = _facing(_posed(pose).mean(0)).T @ pose.turn
    yaw = np.arctan2(turn[2, 0], turn[2, 2])
    pitch = -np.arcsin(np.clip(turn[2, 1], -1, 1))
    roll = np.arctan2(-turn[0, 1], turn[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def _facing(place: np.ndarray) -> np.ndarray:
    """The smallest turn (3, 3) that leads from the camera's axis to the line to a place (3,)."""
    x, y, z = place / np.linalg.norm(place)
    axis = np.array([-y, x, 0.0])
    length = np.hypot(x, y)
    if length == 0:
        return np.eye(3)
    return np.asarray(cv2.Rodrigues(axis / length * np.arctan2(length, z))[0])


def _checked(landmarks: np.ndarray) -> np.ndarray:
    points = np.asarray(landmarks, np.float64)
    if points.shape != _MODEL.shape:
        raise ValueError(f"landmarks must be {_MODEL.shape}, not {points.shape}")
    if not np.isfinite(points).all():
        raise PoseError("landmarks are not finite")
    return points


def _posed(pose: Pose) -> np.ndarray:
    """The canonical face (468, 3) before the camera, centimetres."""
    return _MODEL @ pose.turn.T + pose.shift


def solve(landmarks: np.ndarray, frame_size: tuple[int, int]) -> Pose:
    """The pose by perspective of a face's landmarks; arguments and errors as for correct_pose."""
    points = np.ascontiguousarray(_checked(landmarks)[:, :2])
    width, height = frame_size
    focal = float(max(width, height))
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    try:
        _, turn, shift = cv2.solvePnP(_MODEL, points, camera, None, flags=cv2.SOLVEPNP_EPNP)
        _, turn, shift = cv2.solvePnP(
            _MODEL, points, camera, None, turn, shift, True, flags=cv2.SOLVEPNP_ITERATIVE
        )
    except cv2.error as error:
        raise PoseError(f"no pose fits the landmarks ({error.err})") from error
    pose = Pose(cv2.Rodrigues(turn)[0], shift[:, 0], focal)
    posed = _posed(pose)
    depth = posed[:, 2]
    if not np.isfinite(posed).all() or depth.min() <= 0:
        raise PoseError("the landmarks fit no face in front of the camera")
    projected = focal * posed[:, :2] / depth[:, None] + (width / 2, height / 2)
    misfit = np.hypot(*(projected - points).T).mean()
    if not misfit < MAX_MISFIT * np.ptp(points, axis=0).max():
        raise PoseError("the landmarks have not the shape of a face")
    return pose


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """source (N, 3) turned, scaled and moved onto target (N, 3), least squares, no mirroring.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    PAMI 13 (1991).
    """
    middle, goal = source.mean(0), target.mean(0)
    centred, wanted = source - middle, target - goal
    u, stretch, vt = np.linalg.svd(wanted.T @ centred)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    turn = (u * sign) @ vt
    scale = (stretch * sign).sum() / (centred**2).sum()
    return scale * centred @ turn.T + goal
