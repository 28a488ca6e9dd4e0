"""The canonical face, turned and seen without perspective."""

import numpy as np
from made_meshes import FRONT


def rotation(yaw: float = 0, pitch: float = 0, roll: float = 0) -> np.ndarray:
    """The rotation (3, 3) of a head in a picture, in degrees.

    yaw: to the subject's right. pitch: downwards. roll: clockwise, done last.
    """
    a, b, c = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def turned(
    middle: tuple[float, float], scale: float, yaw: float = 0, pitch: float = 0, roll: float = 0
) -> np.ndarray:
    """Landmarks (468, 3) whose mean lies at a place; scale: pixels in a centimetre."""
    return scale * (FRONT - FRONT.mean(0)) @ rotation(yaw, pitch, roll).T + (*middle, 0)


def distance(landmarks: np.ndarray, others: np.ndarray) -> float:
    """Mean distance in the picture of two meshes' landmarks, over the longer side of the others."""
    away = np.linalg.norm(landmarks[:, :2] - others[:, :2], axis=1)
    return float(away.mean() / np.ptp(others[:, :2], axis=0).max())
