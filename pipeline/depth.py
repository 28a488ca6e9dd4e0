"""The depth stage: pseudo-depth of every live crop of a partition, zero for spoofs."""

from pathlib import Path

import numpy as np

from pipeline import labelling
from pipeline.bundle import DEPTH_SIDE
from pipeline.config import DepthSettings

VERSION = 5


def depth(crops: Path, settings: DepthSettings, out: Path, force: bool = False) -> bool:
    """Write the depth layer that belongs to `crops`; see labelling.make_layer.

    The layer holds `depth` N x 32 x 32 float32 in [0, 1], `video` and `frame` as in the crops.
    """

    def reduced(full: np.ndarray) -> np.ndarray:
        from labels.depth.maps import reduce_depth

        return reduce_depth(full, DEPTH_SIDE, settings.reduce)

    layer = labelling.Layer(
        name="depth",
        version=VERSION,
        shape=(DEPTH_SIDE, DEPTH_SIDE),
        dtype="<f4",
        choice=settings.choice(),
        of_spoofs=settings.spoof_depth == "raw",
        finish=reduced,
    )
    return labelling.make_layer(layer, crops, out, force)
