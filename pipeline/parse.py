"""The parse stage: thirteen classes of every pixel of a partition's crops, live and spoof.

`labelling.make_layer` makes what this says.
"""

from pipeline.config import ParseSettings
from pipeline.labelling import Layer

VERSION = 5


def layer(settings: ParseSettings) -> Layer:
    """What the stage makes: `parsing` (N, 256, 256) uint8 in 0..12, as bundle.CLASS_NAMES."""
    return Layer("parsing", VERSION, settings.choice(), True, lambda classes: classes)
