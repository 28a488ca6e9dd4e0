"""The parse stage: thirteen classes of every pixel of a partition's crops, live and spoof."""

from pathlib import Path

from pipeline.config import ParseSettings
from pipeline.labelling import Layer, make_layer

VERSION = 5


def layer(settings: ParseSettings) -> Layer:
    """What the stage makes: `parsing` N x 256 x 256 uint8 in 0..12."""
    return Layer("parsing", VERSION, settings.choice(), True, lambda classes: classes)


def parse(crops: Path, settings: ParseSettings, out: Path, force: bool = False) -> bool:
    """Write the parsing layer that belongs to `crops`; see labelling.make_layer."""
    return make_layer(layer(settings), crops, out, force)
