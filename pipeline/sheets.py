"""Contact sheets: what the bundle holds, as pictures."""

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from labels import classes
from pipeline.bundle import Shard
from pipeline.label import grey, overlay

CELL = 160  # pixels of one picture in a sheet
GAP = 4


class Sample(NamedTuple):
    """One sample of a shard."""

    shard: Shard
    row: int


def column(sample: Sample) -> list[np.ndarray]:
    """Crop, depth, parsing and overlay of a sample, each CELL x CELL x 3 uint8."""
    shard, row = sample
    image, parsing = np.asarray(shard.image[row]), np.asarray(shard.parsing[row])
    depth = np.repeat(grey(np.asarray(shard.depth[row]))[..., None], 3, axis=2)

    def cell(picture: np.ndarray, how: Image.Resampling) -> np.ndarray:
        return np.asarray(Image.fromarray(picture).resize((CELL, CELL), how))

    smooth, blocky = Image.Resampling.LANCZOS, Image.Resampling.NEAREST
    return [
        cell(image, smooth),
        cell(depth, blocky),
        cell(classes.COLOURS[parsing], blocky),
        cell(overlay(image, parsing), smooth),
    ]


def sheet(samples: Sequence[Sample]) -> np.ndarray:
    """A sheet with one column a sample: (4 rows) x (N columns) of cells, uint8 RGB."""
    columns = [column(sample) for sample in samples]
    step = CELL + GAP
    picture = np.full((4 * step - GAP, len(columns) * step - GAP, 3), 128, np.uint8)
    for x, cells in enumerate(columns):
        for y, cell in enumerate(cells):
            picture[y * step : y * step + CELL, x * step : x * step + CELL] = cell
    return picture


def data_uri(picture: np.ndarray) -> str:
    """A picture as a JPEG data URI, so that the page needs no other file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
