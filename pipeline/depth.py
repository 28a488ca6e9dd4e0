"""The depth stage: pseudo-depth of every live crop of a partition, zero for spoofs.

`labelling.make_layer` makes what this says.
"""

import numpy as np

from pipeline.bundle import DEPTH_SIDE
from pipeline.config import DepthSettings
from pipeline.labelling import Layer

VERSION = 5


def layer(settings: DepthSettings) -> Layer:
    """What the stage makes: `depth` (N, 32, 32) float32 in [0, 1], 0 background, 1 nearest."""

    def reduced(full: np.ndarray) -> np.ndarray:
        from labels.depth.maps import reduce_depth

        return reduce_depth(full, DEPTH_SIDE, settings.reduce)

    return Layer("depth", VERSION, settings.choice(), settings.spoof_depth == "raw", reduced)
