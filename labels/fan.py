"""The networks of the package face-alignment: its face detector and 68 landmarks in space.

The networks, the patch, the reading of the heatmaps and the detector's boxes are the library's own
code. Its FaceAlignment class is not used: that downloads weights without a hash, and one of them is
a pickle. Here they come from labels.weights alone, and no network is reached.

Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?", ICCV
2017; Zhang et al., "S3FD: single shot scale-invariant face detector", ICCV 2017.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from face_alignment.detection.core import REFERENCE_SCALE
from face_alignment.detection.sfd.bbox import nms
from face_alignment.detection.sfd.detect import get_predictions
from face_alignment.detection.sfd.net_s3fd import s3fd
from face_alignment.models import FAN, ResNetDepth
from face_alignment.utils import (
    CENTER_Y_OFFSET,
    CROP_RESOLUTION,
    HEATMAP_RESOLUTION,
    NUM_LANDMARKS,
    SCALE_FACTOR,
    _get_preds_fromhm,
    crop,
    draw_gaussian,
    flip,
    transform,
)
from torch import nn

from labels import devices, weights
from labels.tensors import load_strict, read_tensors

BGR_MEAN = (104.0, 117.0, 123.0)
SAME_BOX, MIN_SCORE = 0.3, 0.5
"""The detector's own values: overlap of boxes that are one face, and the least score of a face."""


class Landmarks:
    """68 landmarks in space of faces whose boxes are known.

    network: 3DFAN, patches (N, 3, 256, 256) in [0, 1] to heatmaps (N, 68, 64, 64), or a list of
    them whose last counts. depth: patches and the landmarks drawn on them (N, 71, 256, 256) to
    (N, 68). batch: how many faces go through at a time, always: a smaller batch is filled up, so
    that what a face gets does not depend on its neighbours.
    """

    def __init__(
        self, network: nn.Module, depth: nn.Module, device: str = "cpu", batch: int = 1
    ) -> None:
        self._network = network.to(device).eval()
        self._depth = depth.to(device).eval()
        self._device = device
        self._batch = batch

    def __call__(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> np.ndarray:
        """Landmarks (N, 68, 3) float64, in the order of the iBUG group: jaw, brows, nose, eyes,
        lips; the subject's right first.

        images: (H, W, 3) uint8 RGB each, boxes: (4,) x0, y0, x1, y1 around the face, in pixels of
        its image. x and y are such pixels, with centres at +0.5; z is in the same unit, smaller is
        nearer.

        A box is what a detector gives, or the smallest one around the 68 points themselves: the
        library takes either. The network sees a square of 1.03 times its width and height together,
        its middle 0.12 of the height above the box's; black outside of the image.
        """
        found = np.empty((len(boxes), NUM_LANDMARKS, 3))
        for start in range(0, len(boxes), self._batch):
            part = slice(start, start + self._batch)
            found[part] = self._faces(images[part], boxes[part])
        return found

    def _faces(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> np.ndarray:
        squares = [_square(np.asarray(box, np.float64)) for box in boxes]
        patches = np.zeros((self._batch, 3, CROP_RESOLUTION, CROP_RESOLUTION), np.float32)
        found = np.empty((len(boxes), NUM_LANDMARKS, 3))
        corners = []
        for patch, image, square in zip(patches, images, squares, strict=False):
            low, high = _seen(square)
            corners.append((low, high))
            if _shows(low, high, image):
                patch[:] = crop(image, *square).transpose(2, 0, 1) / np.float32(255)
        cells, depth = self._run(patches)
        for i, ((low, high), (_, scale)) in enumerate(zip(corners, squares, strict=True)):
            # A cell's place in the patch is its place in the pixels that the patch was made of. The
            # library's own way back misses them by up to a patch's pixel and rounds down.
            found[i, :, :2] = low + cells[i] / HEATMAP_RESOLUTION * (high - low)
            # Larger is nearer in the library: its own test has the nose at 63, the ears at -86.
            found[i, :, 2] = -depth[i] * (SCALE_FACTOR * scale / CROP_RESOLUTION)
        return found

    def _run(self, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places (N, 68, 2) in heatmap cells and depth (N, 68) in patch pixels, nearer larger."""
        with torch.inference_mode(), devices.exact():
            seen = torch.from_numpy(patches).to(self._device)
            heat = _last(self._network(seen))
            heat = heat + flip(_last(self._network(flip(seen))), is_label=True)
            cells = _read(heat.float().cpu().numpy())
            drawn = np.zeros((len(patches), NUM_LANDMARKS, *patches.shape[2:]), np.float32)
            places = cells * (CROP_RESOLUTION // HEATMAP_RESOLUTION)
            for face, points in zip(drawn, places, strict=True):
                for heatmap, point in zip(face, points, strict=True):
                    draw_gaussian(heatmap, point, 2)
            both = torch.cat([seen, torch.from_numpy(drawn).to(self._device)], 1)
            depth = self._depth(both).float().cpu().numpy().reshape(len(patches), NUM_LANDMARKS)
        return cells, depth


class Detector:
    """S3FD: boxes of faces. network: pictures (1, 3, H, W) BGR less BGR_MEAN to its 12 maps."""

    def __init__(self, network: nn.Module, device: str = "cpu") -> None:
        self._network = network.to(device).eval()
        self._device = device

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Faces (N, 5) float64 of a picture (H, W, 3) uint8 RGB: x0, y0, x1, y1, score, best first.

        Pixels of the picture, scores above MIN_SCORE.
        """
        pixels = image[:, :, ::-1].astype(np.float32) - np.array(BGR_MEAN, np.float32)
        with torch.inference_mode(), devices.exact():
            seen = torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()).to(self._device)
            maps = [output.float() for output in self._network(seen)]
            maps[::2] = [scores.softmax(1) for scores in maps[::2]]
        boxes = np.asarray(get_predictions([m.cpu().numpy() for m in maps], 1)[0], np.float64)
        boxes = boxes.reshape(-1, 5)
        kept = boxes[nms(boxes, SAME_BOX)].reshape(-1, 5)
        return kept[kept[:, 4] > MIN_SCORE]


def load_landmarks(device: str, batch: int = 1) -> Landmarks:
    """3DFAN with its depth network, from the weights 3dfan4 and fan-depth; UserError without."""
    network, depth = weights.find("3dfan4"), weights.find("fan-depth")
    return Landmarks(_loaded(FAN(4), network), _loaded(ResNetDepth(), depth), device, batch)


def load_detector(device: str) -> Detector:
    """S3FD from the weights s3fd; UserError without."""
    path = weights.find("s3fd")
    return Detector(_loaded(s3fd(), path), device)


def _loaded(network: nn.Module, path: Path) -> nn.Module:
    load_strict(network, read_tensors(path), path)
    return network


def _square(box: np.ndarray) -> tuple[np.ndarray, float]:
    """The library's centre (2,) and scale of what the network sees around a box."""
    x0, y0, x1, y1 = box
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2 - CENTER_Y_OFFSET * (y1 - y0)])
    return centre, float((x1 - x0 + y1 - y0) / REFERENCE_SCALE)


def _seen(square: tuple[np.ndarray, float]) -> tuple[np.ndarray, np.ndarray]:
    """Low and high corner (2,) of the pixels that the library's crop takes: whole numbers."""
    first, last = (
        transform([end, end], *square, CROP_RESOLUTION, True) for end in (1, CROP_RESOLUTION)
    )
    return first.numpy().astype(np.float64), last.numpy().astype(np.float64)


def _shows(low: np.ndarray, high: np.ndarray, image: np.ndarray) -> bool:
    """Whether a square shows anything of an image: elsewhere the patch stays black.

    The crop fails where it has no pixel or lies off the image, and takes the memory of its square,
    however large; one of eight images' length shows a face of a few pixels.
    """
    size = np.array(image.shape[1::-1])
    inside = (high > low).all() and (high > 0).all() and (low < size).all()
    return bool(inside and (high - low).max() <= 8 * size.max())


def _read(heat: np.ndarray) -> np.ndarray:
    """Places (N, 68, 2) in cells of heatmaps (N, 68, 64, 64): the middle of the highest cell, and a
    quarter towards its higher neighbours.

    The library's function without numba: to compile it takes seconds, to run it two milliseconds.
    """
    highest = heat.reshape(*heat.shape[:2], -1).argmax(-1)
    return np.asarray(_get_preds_fromhm.py_func(heat, highest)[0], np.float64)


def _last(heatmaps: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
    return heatmaps[-1] if isinstance(heatmaps, list) else heatmaps
