"""The depth stage: pseudo-depth of every live crop of a partition, zero for spoofs."""

from pathlib import Path

import numpy as np

from pipeline import labelling
from pipeline.bundle import DEPTH_SIDE
from pipeline.config import DepthSettings

VERSION = 5


def layer(settings: DepthSettings) -> labelling.Layer:
    """What the stage makes: `depth` N x 32 x 32 float32 in [0, 1]."""

    def reduced(full: np.ndarray) -> np.ndarray:
        from labels.depth.maps import reduce_depth

        return reduce_depth(full, DEPTH_SIDE, settings.reduce)

    return labelling.Layer(
        name="depth",
        version=VERSION,
        shape=(DEPTH_SIDE, DEPTH_SIDE),
        dtype="<f4",
        choice=settings.choice(),
        of_spoofs=settings.spoof_depth == "raw",
        finish=reduced,
    )


def depth(crops: Path, settings: DepthSettings, out: Path, force: bool = False) -> bool:
    """Write the depth layer that belongs to `crops`; see labelling.make_layer.

    It holds `video` and `frame` as in the crops as well.
    """
    return labelling.make_layer(layer(settings), crops, out, force)
