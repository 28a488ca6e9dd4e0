"""The depth stage: pseudo-depth of every live crop of a partition, zero for spoofs."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from pipeline import keys, layers
from pipeline.bundle import DEPTH_SIDE, IMAGE_SIDE
from pipeline.config import DepthSettings
from pipeline.layers import Failure, Rows

VERSION = 3
NEEDED = ("affine", "frame", "frame_size", "landmarks", "live", "video")
PACKAGES = ("h5py", "numba", "numpy", "opencv-python")


def made_for(settings: DepthSettings, crops: str) -> str:
    """A hash of the settings and of the key of the crops that a layer is made for."""
    return keys.key(settings=settings.model_dump(), crops=crops)


def depth(crops: Path, settings: DepthSettings, out: Path, force: bool = False) -> bool:
    """Write the depth layer that belongs to `crops`; False when `out` is finished work already.

    The layer holds `depth` N x 32 x 32 float32 in [0, 1], `video` and `frame` as in the crops. A
    live sample whose depth cannot be made is a failure, never zero depth. force: make it again
    even when the key says that it is finished.
    """
    with layers.open_input(crops, "crop", NEEDED) as file:
        purpose = made_for(settings, str(file.attrs["key"]))
        key = keys.key(
            stage="depth",
            version=VERSION,
            made_for=purpose,
            versions=keys.versions(PACKAGES),
        )
        if not force and keys.stored_key(out) == key:
            return False
        frames, videos = file["frame"][:], file["video"][:]
        failures: list[Failure] = []
        maps = Rows(len(frames), (DEPTH_SIDE, DEPTH_SIDE), "<f4", depth_maps(file, failures))
        arrays = {"depth": maps, "frame": frames, "video": videos}
        attributes = {"key": key, "made_for": purpose, "stage": "depth"}
        layers.write(out, attributes, arrays, failures)
    return True


def depth_maps(file: h5py.File, failures: list[Failure]) -> Iterator[np.ndarray]:
    """1 x 32 x 32 float32 of each crop of an open file; what gives none is added to failures."""
    from labels.depth.facemesh import depth_map, reduce_depth
    from labels.pose import PoseError

    landmarks, affines = file["landmarks"], file["affine"]
    sizes, videos, frames = file["frame_size"][:], file["video"][:], file["frame"][:]
    for i, live in enumerate(file["live"][:]):
        depth = np.zeros((DEPTH_SIDE, DEPTH_SIDE), "<f4")
        if live:
            try:
                full = depth_map(landmarks[i], tuple(sizes[i]), affines[i], IMAGE_SIDE)
                depth = reduce_depth(full, IMAGE_SIDE // DEPTH_SIDE)
            except PoseError as error:
                reason = f"no depth: {error}"
                failures.append(Failure(videos[i].decode(), int(frames[i]), reason))
        yield depth[None]
