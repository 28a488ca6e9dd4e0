"""PRNet as a depth back end: faces with their looser pictures in, pseudo-depth out.

The network sees a square of the looser picture; the surface that its position map describes is
drawn on the picture that is asked for.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from labels import devices
from labels.affines import after, moved
from labels.backends import DEPTH
from labels.depth.maps import normalise
from labels.depth.position_map import SIDE, grid_triangles, nearness, read_face_index
from labels.depth.prnet_network import PRNet, convert
from labels.depth.prnet_square import cut_square, square_affine
from labels.frames import clear_outside
from labels.tensors import load_strict, read_tensors
from labels.view import LabelError, View
from labels.weights import find


class PRNetDepth:
    """Views to depth maps; `made_on` says what the network ran on."""

    def __init__(self, network: PRNet, valid: np.ndarray, device: str) -> None:
        self.network = network.to(device).eval()
        self.valid = valid
        self.triangles = grid_triangles(valid)
        self.batch = DEPTH["prnet"].batch
        self.device = device
        self.made_on = f"{devices.kind(device)} float32"

    def __call__(self, views: Sequence[View]) -> list[np.ndarray | LabelError]:
        """Depth (H, W) float32 in [0, 1] of each view's picture, or why there is none.

        The network sees a square of the looser picture, upright in it, so also of a head that
        `aligned` crops have turned upright. Raises ValueError for more views than a batch holds
        (labels.backends), or one without the looser picture.
        """
        if len(views) > self.batch:
            raise ValueError(f"{len(views)} views, and a batch holds {self.batch}")
        seen = np.zeros((self.batch, 3, SIDE, SIDE), np.float32)
        back: list[np.ndarray | LabelError] = []
        for i, view in enumerate(views):
            try:
                seen[i], way = _square(view)
                back.append(way)
            except LabelError as error:
                back.append(error)
        positions = self._positions(seen)[: len(views)]
        return [self._depth(*each) for each in zip(views, positions, back, strict=True)]

    def _positions(self, seen: np.ndarray) -> np.ndarray:
        """The maps (batch, 3, 256, 256) of a whole batch, which always has the same shape."""
        with torch.inference_mode(), devices.exact():
            return self.network(torch.from_numpy(seen).to(self.device)).cpu().numpy()

    def _depth(
        self, view: View, positions: np.ndarray, back: np.ndarray | LabelError
    ) -> np.ndarray | LabelError:
        if isinstance(back, LabelError):
            return back
        height, width = view.picture.shape[:2]
        near = nearness(positions, self.valid, self.triangles, back, height, width)
        clear_outside(near, view.affine, view.frame_size, np.nan)
        depth = normalise(near)
        return depth if depth.any() else LabelError("PRNet's surface lies outside of the frame")


def _square(view: View) -> tuple[np.ndarray, np.ndarray]:
    """What the network sees of a view, (3, 256, 256), and the affine from there to its picture."""
    if view.loose is None or view.loose_affine is None:
        raise ValueError("prnet reads the looser picture, and this view has none")
    loose = np.asarray(view.loose_affine, np.float64)
    square = square_affine(moved(view.landmarks, loose))
    to_frame = cv2.invertAffineTransform(after(square, loose))
    return cut_square(view.loose, square), after(np.asarray(view.affine, np.float64), to_frame)


def load(device: str) -> PRNetDepth:
    """PRNet with the fetched weights. device: `auto` (CUDA where torch sees it), `cpu`, `cuda`.

    UserError where weights are missing or wrong, or there is no such device.
    """
    device = devices.choose(device)
    path = find("prnet")
    valid = read_face_index(find("prnet-face-index"))
    variables = {name: tensor.float().numpy() for name, tensor in read_tensors(path).items()}
    network = PRNet()
    load_strict(network, convert(variables), path)
    return PRNetDepth(network, valid, device)
