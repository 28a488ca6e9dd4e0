"""The tilt of the face mesh put right by perspective.

The mesh network treats its patch as an orthographic view, so its z leans: forehead too near, chin
too far. MediaPipe's canonical face, posed once by perspective and once the network's way, tells by
how much. Only the pose changes; the person's shape and expression stay.
"""

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


def correct_pose(
    landmarks: np.ndarray, frame_size: tuple[int, int], weight: float = WEIGHT
) -> np.ndarray:
    """Landmarks (468, 3) with their z's pose put right; x and y are kept.

    landmarks: frame pixels, z in the same unit, smaller is nearer. frame_size: (width, height) of
    the whole frame, never of a crop: it gives the camera, whose focal length is taken as the longer
    side and whose axis goes through the middle. weight: 0 changes nothing, 1 takes all of it.
    Returns float64. Raises PoseError where no face in front of the camera fits.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != _MODEL.shape:
        raise ValueError(f"landmarks must be {_MODEL.shape}, not {points.shape}")
    if not np.isfinite(points).all():
        raise PoseError("landmarks are not finite")
    seen = _perspective(np.ascontiguousarray(points[:, :2]), frame_size)
    drawn = similarity(_MODEL, points)
    corrected = points.copy()
    corrected[:, 2] += weight * (seen - drawn[:, 2])
    return corrected


def _perspective(points: np.ndarray, frame_size: tuple[int, int]) -> np.ndarray:
    """z (468,) of the canonical face posed by perspective, in pixels, its mean at 0."""
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
    posed = _MODEL @ cv2.Rodrigues(turn)[0].T + shift.T
    depth = posed[:, 2]
    if not np.isfinite(posed).all() or depth.min() <= 0:
        raise PoseError("the landmarks fit no face in front of the camera")
    projected = focal * posed[:, :2] / depth[:, None] + (width / 2, height / 2)
    misfit = np.hypot(*(projected - points).T).mean()
    if not misfit < MAX_MISFIT * np.ptp(points, axis=0).max():
        raise PoseError("the landmarks have not the shape of a face")
    # A centimetre at the face's mean distance is this many pixels.
    return (depth - depth.mean()) * focal / depth.mean()


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
