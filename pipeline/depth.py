"""The depth stage: pseudo-depth of every live crop of a partition, zero for spoofs."""

from pathlib import Path

import numpy as np

from pipeline import keys, layers
from pipeline.bundle import DEPTH_SIDE, IMAGE_SIDE
from pipeline.config import DepthSettings
from pipeline.layers import Failure

VERSION = 1
PACKAGES = ("h5py", "numba", "numpy", "opencv-python")


def depth(crops: Path, settings: DepthSettings, out: Path, force: bool = False) -> bool:
    """Write the depth layer that belongs to `crops`; False when `out` is finished work already.

    The layer holds `depth` N x 32 x 32 float32 in [0, 1], `video` and `frame` as in the crops. A
    live sample whose depth cannot be made is a failure, never zero depth. force: make it again
    even when the key says that it is finished.
    """
    with layers.open_input(crops, "crop") as file:
        key = keys.key(
            stage="depth",
            version=VERSION,
            settings=settings.model_dump(),
            crops=str(file.attrs["key"]),
            versions=keys.versions(PACKAGES),
        )
        if not force and keys.stored_key(out) == key:
            return False
        live, landmarks = file["live"][:], file["landmarks"][:]
        sizes, affines = file["frame_size"][:], file["affine"][:]
        frames, videos = file["frame"][:], file["video"][:]
    from labels.depth.facemesh import depth_map, reduce_depth
    from labels.pose import PoseError

    maps = np.zeros((len(frames), DEPTH_SIDE, DEPTH_SIDE), "<f4")
    failures = []
    for i in np.flatnonzero(live):
        try:
            full = depth_map(landmarks[i], tuple(sizes[i]), affines[i], IMAGE_SIDE)
        except PoseError as error:
            failures.append(Failure(videos[i].decode(), int(frames[i]), f"no depth: {error}"))
            continue
        maps[i] = reduce_depth(full, IMAGE_SIDE // DEPTH_SIDE)
    arrays = {"depth": maps, "frame": frames, "video": videos}
    layers.write(out, {"key": key, "stage": "depth"}, arrays, failures)
    return True
