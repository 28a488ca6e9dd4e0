"""The depth stage: pseudo-depth of every live crop of a partition, zero for spoofs."""

from pathlib import Path

import numpy as np

from pipeline.bundle import DEPTH_SIDE
from pipeline.config import DepthSettings
from pipeline.labelling import Layer, make_layer

VERSION = 5


def layer(settings: DepthSettings) -> Layer:
    """What the stage makes: `depth` N x 32 x 32 float32 in [0, 1]."""

    def reduced(full: np.ndarray) -> np.ndarray:
        from labels.depth.maps import reduce_depth

        return reduce_depth(full, DEPTH_SIDE, settings.reduce)

    return Layer("depth", VERSION, settings.choice(), settings.spoof_depth == "raw", reduced)


def depth(crops: Path, settings: DepthSettings, out: Path, force: bool = False) -> bool:
    """Write the depth layer that belongs to `crops`; see labelling.make_layer."""
    return make_layer(layer(settings), crops, out, force)
