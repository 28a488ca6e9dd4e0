"""Pseudo-depth from FAN's 68 landmarks in space: the face mesh through them, then its z-buffer.

It reads the looser picture. FAN's z stands as it comes: it was taught with faces fitted without
perspective, and whether it leans like the face mesh's (labels.pose) has not been measured.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from labels import devices
from labels.affines import moved
from labels.backends import DEPTH
from labels.boxes import bounds, overlap
from labels.canonical import TRIANGLES
from labels.depth.maps import normalise
from labels.fan import Landmarks, load_landmarks
from labels.frames import clear_outside
from labels.mesh_fit import fit_mesh, points68
from labels.view import LabelError, View
from labels.zbuffer import zbuffer

MIN_OVERLAP = 0.3
"""A mesh whose box has a smaller overlap with that of the view's landmarks is another face's."""


class Fan3dDepth:
    """Views to depth maps; `made_on` says what the networks ran on."""

    def __init__(self, landmarks: Landmarks, made_on: str) -> None:
        self._landmarks = landmarks
        self.made_on = made_on

    def __call__(self, views: Sequence[View]) -> list[np.ndarray | LabelError]:
        """Depth (H, W) float32 in [0, 1] of each view's picture, or why there is none.

        FAN's square is laid around the smallest box of the view's own 68 points in the looser
        picture. It reaches a little above that picture, where it is black. Raises ValueError for a
        view without the looser picture.
        """
        if not views:
            return []
        images, boxes = [], []
        for view in views:
            if view.loose is None or view.loose_affine is None:
                raise ValueError("fan3d reads the looser picture, and this view has none")
            images.append(view.loose)
            boxes.append(bounds(points68(moved(view.landmarks, view.loose_affine))))
        found = self._landmarks(images, boxes)
        return [_depth(*each) for each in zip(views, found, strict=True)]


def load(device: str) -> Fan3dDepth:
    """FAN with the fetched weights. device: `auto` (CUDA where torch sees it), `cpu`, `cuda`.

    UserError where weights are missing or wrong, or there is no such device.
    """
    device = devices.choose(device)
    return Fan3dDepth(
        load_landmarks(device, DEPTH["fan3d"].batch), f"{devices.kind(device)} float32"
    )


def _depth(view: View, points: np.ndarray) -> np.ndarray | LabelError:
    """One depth map from FAN's points (68, 3) in the looser picture."""
    assert view.loose_affine is not None
    try:
        mesh = fit_mesh(points)
    except LabelError as error:
        return LabelError(f"FAN: {error}")
    expected = moved(view.landmarks, view.loose_affine)
    if overlap(bounds(mesh), bounds(expected)) < MIN_OVERLAP:
        return LabelError("FAN: the landmarks lie beside the face")
    vertices = moved(moved(mesh, cv2.invertAffineTransform(view.loose_affine)), view.affine)
    vertices[:, 2] *= -1
    nearness = zbuffer(vertices, TRIANGLES, *view.picture.shape[:2])
    clear_outside(nearness, view.affine, view.frame_size, np.nan)
    depth = normalise(nearness)
    return depth if depth.any() else LabelError("FAN: the face lies outside of the frame")
