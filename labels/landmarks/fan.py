"""Faces and their landmarks by face-alignment's networks: S3FD, then 3DFAN, then the mesh's fit.

For those who must not use MediaPipe. Its mesh is the better one: here 468 points are laid through
68, so what lies between them (forehead, cheeks) is an average face's, the irises look straight
ahead, and the refined mesh is the plain one.
"""

import numpy as np

from labels import devices
from labels.fan import Detector, Landmarks, load_detector, load_landmarks
from labels.landmarks.search import Detection, FaceFinder
from labels.mesh_fit import fit_mesh, with_irises
from labels.patches import shrink
from labels.view import LabelError

LONGEST = 640
"""Longer side in pixels of what the detector sees: larger pictures are shrunk to it, by area. Its
smallest anchor is 16 pixels: a face of a fortieth of the picture's longer side."""

_LEVEL = np.array([(0.0, 0.0), (1.0, 0.0)])


class FanFinder(FaceFinder):
    """Finds faces and their meshes. Use as a context manager, or call close().

    The eyes that `at` takes are not used: 3DFAN was taught with turned pictures.
    """

    reach = LONGEST
    # S3FD sees in the whole picture what the others see in a quarter of it, and takes seconds.
    pieces = ()

    def __init__(self, detector: Detector, landmarks: Landmarks, made_on: str) -> None:
        self._detector = detector
        self._landmarks = landmarks
        self.made_on = made_on

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces that S3FD sees; it says nothing of their eyes."""
        seen = shrink(image, LONGEST)
        back = np.tile(np.array(image.shape[1::-1]) / seen.shape[1::-1], 2)
        faces = self._detector(seen)
        return [Detection(float(face[4]), face[:4] * back, _LEVEL) for face in faces]

    def meshes(
        self, image: np.ndarray, box: np.ndarray, eyes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The mesh through the 68 landmarks near a box, and with irises; None if they are none."""
        try:
            mesh = fit_mesh(self._landmarks([image], [box])[0])
        except LabelError:
            return None
        return mesh.astype(np.float32), with_irises(mesh).astype(np.float32)

    def close(self) -> None:
        """Nothing to free: the networks go with this object."""


def load(device: str = "auto") -> FanFinder:
    """The runtime with the fetched weights. device: `auto` (CUDA where torch sees it), `cpu`,
    `cuda`. UserError where weights are missing or wrong, or there is no such device.
    """
    device = devices.choose(device)
    detector = load_detector(device)
    return FanFinder(detector, load_landmarks(device), f"{devices.kind(device)} float32")
