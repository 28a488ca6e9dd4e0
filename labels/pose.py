"""The pose of a face by perspective: the head's angles, and the tilt of the face mesh put right.

The mesh network treats its patch as an orthographic view, so its z leans: forehead too near, chin
too far. MediaPipe's canonical face, posed once by perspective and once the network's way, tells by
how much. Only the pose changes; the person's shape and expression stay.
"""

from typing import NamedTuple

import cv2
import numba
import numpy as np

from labels.canonical import VERTICES
from labels.view import LabelError

WEIGHT = 0.75
"""Share of the difference that is added."""

MAX_MISFIT = 0.2
"""Mean distance between the posed canonical face and the landmarks, over the face's extent, from
which they are no face. Real ones have 0.02 to 0.05."""

MAX_STEPS = 50
CONVERGED = 1e-6
"""Of the search for a pose: the last step's turn in radians, its move over the distance."""

# The canonical face in the axes of a picture: x right, y down, z away from the viewer.
_MODEL = VERTICES.astype(np.float64) * (1, -1, -1)


class PoseError(LabelError):
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
    PoseError where no face in front of the camera fits, ValueError for another shape.
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
        _, start, shift = cv2.solvePnP(_MODEL, points, camera, None, flags=cv2.SOLVEPNP_EPNP)
    except cv2.error as error:
        raise PoseError(f"no pose fits the landmarks ({error.err})") from error
    turn, place = cv2.Rodrigues(start)[0], shift[:, 0]
    try:
        fits = _refine(_MODEL, (points - (width / 2, height / 2)) / focal, turn, place)
    except np.linalg.LinAlgError:  # points on one line, say
        fits = False
    if not fits:
        raise PoseError("the landmarks fit no face in front of the camera")
    pose = Pose(turn, place, focal)
    posed = _posed(pose)
    depth = posed[:, 2]
    if not np.isfinite(posed).all() or depth.min() <= 0:
        raise PoseError("the landmarks fit no face in front of the camera")
    projected = focal * posed[:, :2] / depth[:, None] + (width / 2, height / 2)
    misfit = np.hypot(*(projected - points).T).mean()
    if not misfit < MAX_MISFIT * np.ptp(points, axis=0).max():
        raise PoseError("the landmarks have not the shape of a face")
    return pose


@numba.njit(cache=True)
def _refine(model: np.ndarray, seen: np.ndarray, turn: np.ndarray, shift: np.ndarray) -> bool:
    """Move a pose, in place, to the least sum of squared errors of projection; False if it fails.

    model: (N, 3). seen: (N, 2) x / z and y / z as the camera sees them. turn: (3, 3), shift: (3,).
    Gauss-Newton over a small turn w and a move: a point p of the turned model goes to p + w x p.
    What OpenCV's solvePnP comes to (SOLVEPNP_ITERATIVE), in a fifth of its time.
    """
    for _ in range(MAX_STEPS):
        normal, right = np.zeros((6, 6)), np.zeros(6)
        for i in range(len(model)):
            mx, my, mz = model[i]
            px = turn[0, 0] * mx + turn[0, 1] * my + turn[0, 2] * mz
            py = turn[1, 0] * mx + turn[1, 1] * my + turn[1, 2] * mz
            pz = turn[2, 0] * mx + turn[2, 1] * my + turn[2, 2] * mz
            depth = pz + shift[2]
            if not depth > 0:
                return False
            near = 1 / depth
            x, y = (px + shift[0]) * near, (py + shift[1]) * near
            # Derivatives of x and y by turn and move.
            by_x = (-x * py * near, (pz + x * px) * near, -py * near, near, 0.0, -x * near)
            by_y = (-(pz + y * py) * near, y * px * near, px * near, 0.0, near, -y * near)
            for j in range(6):
                right[j] += by_x[j] * (seen[i, 0] - x) + by_y[j] * (seen[i, 1] - y)
                for k in range(6):
                    normal[j, k] += by_x[j] * by_x[k] + by_y[j] * by_y[k]
        step = np.linalg.solve(normal, right)
        wx, wy, wz = step[:3]
        angle = np.sqrt(wx * wx + wy * wy + wz * wz)
        if angle > 0:  # Rodrigues
            cross = np.array([[0.0, -wz, wy], [wz, 0.0, -wx], [-wy, wx, 0.0]])
            part = np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle**2 * cross @ cross
            turn += part @ turn
        shift += step[3:]
        if angle < CONVERGED and np.abs(step[3:]).max() < CONVERGED * shift[2]:
            return True
    return False


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
