"""Pseudo-depth from the face mesh: z-buffer over its triangles, pose put right."""

import numpy as np

from labels.canonical import TRIANGLES
from labels.pose import correct_pose
from labels.zbuffer import zbuffer

FLOOR = 1 / 255
"""Depth of the farthest face pixel: above the background's 0, also as 8-bit grey."""


def depth_map(
    landmarks: np.ndarray, frame_size: tuple[int, int], affine: np.ndarray, size: int = 256
) -> np.ndarray:
    """Pseudo-depth (size, size) of one face in crop geometry; see depth_picture."""
    return depth_picture(landmarks, frame_size, affine, size, size)


def depth_picture(
    landmarks: np.ndarray,
    frame_size: tuple[int, int],
    affine: np.ndarray,
    height: int,
    width: int,
) -> np.ndarray:
    """Pseudo-depth (height, width) float32 in [0, 1] of one face: nearest 1, background 0.

    landmarks: (468, 3) frame pixels. frame_size: (width, height). affine: (2, 3) frame to picture,
    without shear (the identity for the frame itself). Raises labels.pose.PoseError where the
    landmarks are no face.
    """
    posed = correct_pose(landmarks, frame_size)
    affine = np.asarray(affine, np.float64)
    vertices = np.empty_like(posed)
    vertices[:, :2] = posed[:, :2] @ affine[:, :2].T + affine[:, 2]
    scale = np.sqrt(abs(np.linalg.det(affine[:, :2])))
    vertices[:, 2] = -posed[:, 2] * scale
    return normalise(zbuffer(vertices, TRIANGLES, height, width))


def normalise(nearness: np.ndarray) -> np.ndarray:
    """Nearness (H, W), NaN for background, to depth float32: farthest FLOOR, nearest 1, else 0.

    The range is that of the pixels seen. That of all vertices would not depend on the size of the
    picture, but from 30 degrees of yaw on a third of it is behind the face.
    """
    face = np.isfinite(nearness)
    depth = np.zeros(nearness.shape, np.float32)
    if face.any():
        low, high = nearness[face].min(), nearness[face].max()
        span = max(high - low, np.finfo(np.float32).tiny)
        depth[face] = FLOOR + (1 - FLOOR) * (nearness[face] - low) / span
    return depth


def reduce_depth(depth: np.ndarray, factor: int = 8) -> np.ndarray:
    """Depth (..., H, W) reduced by the mean over factor x factor pixels, float32."""
    *lead, height, width = depth.shape
    if height % factor or width % factor:
        raise ValueError(f"{height} x {width} is not a multiple of {factor}")
    blocks = depth.reshape(*lead, height // factor, factor, width // factor, factor)
    return blocks.mean((-3, -1), dtype=np.float64).astype(np.float32)
