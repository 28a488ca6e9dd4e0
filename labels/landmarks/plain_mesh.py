"""MediaPipe's plain mesh network by OpenVINO: the same landmarks in two thirds of the time."""

from pathlib import Path

import numpy as np

from labels.openvino_runtime import compiled, openvino
from labels.patches import PATCH

POINTS, FACE = 1404, 1
"""Sizes of the network's two outputs: 468 landmarks, and the logit of the patch being a face."""


class PlainMesh:
    """The network face_landmark.tflite of MediaPipe's wheel, on whole patches, in float32.

    One thread: work is parallel by partition. path: of the file.
    """

    def __init__(self, path: Path) -> None:
        network = compiled(path, threads=1, precision="f32")
        self._request = network.create_infer_request()
        self._input = np.empty((1, PATCH, PATCH, 3), np.float32)
        self._request.set_input_tensor(openvino.Tensor(self._input, shared_memory=True))
        sizes = [int(np.prod(list(port.shape))) for port in network.outputs]
        self._points, self._face = sizes.index(POINTS), sizes.index(FACE)

    def run(self, patch: np.ndarray) -> np.ndarray | None:
        """Landmarks (468, 3) float64 in patch pixels, or None where the network sees no face.

        patch: (192, 192, 3) uint8 RGB; ValueError for another. As in MediaPipe's graph: its pixels
        in [0, 1], a face from a probability of 0.5 on.
        """
        if patch.shape != (PATCH, PATCH, 3) or patch.dtype != np.uint8:
            raise ValueError(f"patch must be (192, 192, 3) uint8, not {patch.shape} {patch.dtype}")
        np.multiply(patch, np.float32(1 / 255), out=self._input[0])
        self._request.infer()
        if not self._request.get_output_tensor(self._face).data.item() > 0:
            return None
        points = self._request.get_output_tensor(self._points).data
        return points.reshape(-1, 3).astype(np.float64)
