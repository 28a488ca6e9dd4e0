"""The parsing stage: thirteen classes of every crop of a partition, live and spoof."""

from pathlib import Path

from pipeline import labelling
from pipeline.bundle import IMAGE_SIDE
from pipeline.config import ParseSettings

VERSION = 5


def layer(settings: ParseSettings) -> labelling.Layer:
    """What the stage makes: `parsing` N x 256 x 256 uint8 in 0..12."""
    return labelling.Layer(
        name="parsing",
        version=VERSION,
        shape=(IMAGE_SIDE, IMAGE_SIDE),
        dtype="|u1",
        choice=settings.choice(),
        of_spoofs=True,
        finish=lambda classes: classes,
    )


def parse(crops: Path, settings: ParseSettings, out: Path, force: bool = False) -> bool:
    """Write the parsing layer that belongs to `crops`; see labelling.make_layer.

    It holds `video` and `frame` as in the crops as well.
    """
    return labelling.make_layer(layer(settings), crops, out, force)
