"""Samples as pictures for a page: contact sheets, and the four pictures of one sample."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from labels import classes
from pipeline.bundle import Shard
from pipeline.look.label import grey, overlay, palette_image
from pipeline.look.pages import data_uri

CELL = 160  # pixels of one picture in a sheet
GAP = 4
COLUMNS = 6  # samples in a contact sheet


class Sample(NamedTuple):
    """One sample of a shard."""

    shard: Shard
    row: int


class Pictures(NamedTuple):
    """The pictures of one sample as data URIs, each with its own size: crop and overlay 256 x 256
    JPEG, parsing 256 x 256 and depth 32 x 32 PNG.
    """

    crop: str
    depth: str
    parsing: str
    overlay: str


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
    """A contact sheet (H, W, 3) uint8 RGB of 4 rows of cells and a column for each of N samples: H
    is 4 (CELL + GAP) - GAP, W is N (CELL + GAP) - GAP.
    """
    columns = [column(sample) for sample in samples]
    step = CELL + GAP
    picture = np.full((4 * step - GAP, len(columns) * step - GAP, 3), 128, np.uint8)
    for x, cells in enumerate(columns):
        for y, cell in enumerate(cells):
            picture[y * step : y * step + CELL, x * step : x * step + CELL] = cell
    return picture


def choose(shards: Sequence[Shard], live: int) -> list[Sample]:
    """Up to COLUMNS live (1) or spoof (0) samples: each from a video of its own, kinds of attack in
    turn.
    """
    kinds: dict[tuple[str, str], list[Sample]] = {}
    seen = set()
    # The first of each shard, then the second of each, so that all splits have their turn.
    ranked = [
        (rank, number, int(row))
        for number, shard in enumerate(shards)
        for rank, row in enumerate(np.flatnonzero(shard.live == live))
    ]
    for _, number, row in sorted(ranked):
        shard = shards[number]
        video = str(shard.video[row])
        if video not in seen:
            seen.add(video)
            kind = (str(shard.attack[row]), str(shard.instrument[row]))
            kinds.setdefault(kind, []).append(Sample(shard, row))
    chosen: list[Sample] = []
    turn = 0
    while len(chosen) < COLUMNS and any(len(samples) > turn for samples in kinds.values()):
        chosen += [kinds[kind][turn] for kind in sorted(kinds) if len(kinds[kind]) > turn]
        turn += 1
    return chosen[:COLUMNS]


def pictures_of(sample: Sample) -> Pictures:
    """Crop, depth, parsing and overlay of a sample as the bundle holds them, not resized."""
    shard, row = sample
    image, parsing = np.asarray(shard.image[row]), np.asarray(shard.parsing[row])
    depth = grey(np.asarray(shard.depth[row]))
    return Pictures(
        jpeg_uri(image),
        _uri(Image.fromarray(depth), "PNG", optimize=True),
        _uri(palette_image(parsing), "PNG", optimize=True),
        jpeg_uri(overlay(image, parsing)),
    )


def jpeg_uri(picture: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 RGB as a JPEG data URI."""
    return _uri(Image.fromarray(picture), "JPEG", quality=88)


def _uri(picture: Image.Image, form: str, **options: int) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return data_uri(form.lower(), buffer.getvalue())
