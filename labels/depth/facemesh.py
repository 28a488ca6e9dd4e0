"""Pseudo-depth from the face mesh: z-buffer over its triangles, pose put right."""

from collections.abc import Callable, Sequence

import numpy as np

from labels.affines import moved
from labels.canonical import TRIANGLES
from labels.depth.maps import normalise
from labels.frames import clear_outside
from labels.pose import correct_pose
from labels.view import LabelError, View
from labels.zbuffer import zbuffer


def depth_map(
    landmarks: np.ndarray,
    frame_size: tuple[int, int],
    affine: np.ndarray,
    height: int = 256,
    width: int = 256,
) -> np.ndarray:
    """Pseudo-depth (height, width) float32 in [0, 1] of one face: nearest 1, background 0.

    landmarks: (468, 3) frame pixels. frame_size: (width, height). affine: (2, 3) frame to picture,
    without shear (the identity for the frame itself). Outside of the frame nothing is seen: 0.
    Raises labels.pose.PoseError where the landmarks are no face.
    """
    vertices = moved(correct_pose(landmarks, frame_size), affine)
    vertices[:, 2] *= -1
    nearness = zbuffer(vertices, TRIANGLES, height, width)
    clear_outside(nearness, affine, frame_size, np.nan)
    return normalise(nearness)


class FaceMeshDepth:
    """Depth maps (H, W) of views, by the mesh that comes with them. made_on: where it runs."""

    made_on = "cpu"

    def __call__(self, views: Sequence[View]) -> list[np.ndarray | LabelError]:
        """One map a view, or why it has none."""
        return [self._one(view) for view in views]

    def _one(self, view: View) -> np.ndarray | LabelError:
        height, width = view.picture.shape[:2]
        try:
            depth = depth_map(view.landmarks, view.frame_size, view.affine, height, width)
        except LabelError as error:
            return error
        return depth if depth.any() else LabelError("the face lies outside of the frame")


def load(device: str) -> Callable[[Sequence[View]], list[np.ndarray | LabelError]]:
    """The back end; it knows no device."""
    return FaceMeshDepth()
