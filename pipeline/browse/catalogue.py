"""The columns of a whole bundle in memory: which samples there are, and what is known of each.

Texts are kept as numbers into a sorted list of the texts that occur, so that a filter compares
numbers and 200,000 samples take a few megabytes. No pixel is read.
"""

from typing import NamedTuple

import numpy as np

from pipeline.bundle import BundleError, Shard
from pipeline.inspect.read import Opened, column, printable

TEXTS = (
    "dataset", "split", "live", "attack", "instrument", "subject", "session", "device", "video",
)  # fmt: skip
"""What is known of a sample as a text; `live` is `live` or `spoof`."""
FIGURES = (
    "face_size", "detection_score", "yaw", "pitch", "roll", "sharpness", "brightness", "padding",
    "faces", "shipped_distance",
)  # fmt: skip
"""The quality figures, by the names of the bundle's fields."""


class Texts(NamedTuple):
    """One text a sample. values: those that occur, sorted by code point. codes: (N,) int32."""

    values: list[str]
    codes: np.ndarray


class Catalogue(NamedTuple):
    """The samples of a bundle, numbered from 0 by file name of the shard and row in it.

    files: names of the shards. shards, rows: in which of them a sample lies, and where; (N,) int32
    as frames. texts: by the names of TEXTS. figures: by the names of FIGURES, each (N,) float32,
    NaN where there is none.
    """

    files: list[str]
    shards: np.ndarray
    rows: np.ndarray
    frames: np.ndarray
    texts: dict[str, Texts]
    figures: dict[str, np.ndarray]

    @property
    def size(self) -> int:
        """How many samples there are."""
        return len(self.rows)

    def text(self, name: str, number: int) -> str:
        """The text `name`, one of TEXTS, of sample number `number`."""
        texts = self.texts[name]
        return texts.values[texts.codes[number]]


class TextColumn:
    """Texts of one shard after the other, made into one list of values and one array of codes."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._parts: list[np.ndarray] = [np.empty(0, np.int32)]

    def add(self, texts: np.ndarray) -> None:
        """The texts (N,) of the next samples."""
        values, codes = np.unique(texts, return_inverse=True)
        numbers = [self._known.setdefault(one, len(self._known)) for one in values.tolist()]
        self._parts.append(np.array(numbers, np.int32)[codes])

    def texts(self) -> Texts:
        """All texts that were added."""
        values = sorted(self._known)
        place = np.empty(len(values), np.int32)
        place[[self._known[value] for value in values]] = np.arange(len(values), dtype=np.int32)
        return Texts(values, place[np.concatenate(self._parts)])


def read_catalogue(opened: Opened) -> tuple[Catalogue, list[str]]:
    """Read the columns of all shards; and a line for each shard that is left out, or lacks some.

    A shard whose identities cannot be read is left out with all its samples; of a figure that
    cannot be read the values are NaN.
    """
    troubles: list[str] = []
    texts = {name: TextColumn() for name in TEXTS}
    figures: dict[str, list[np.ndarray]] = {name: [np.empty(0, np.float32)] for name in FIGURES}
    files = [entry["file"] for entry in opened.entries]
    frames, sizes = [np.empty(0, np.int32)], []
    for entry in opened.entries:
        try:
            shard = opened.shard(entry["file"])
            known = texts_of(shard)
            numbers = column(shard, "frame")
        except BundleError as error:
            troubles.append(f"{entry['samples']} samples are not shown: {printable(str(error))}")
            sizes.append(0)
            continue
        sizes.append(len(shard))
        frames.append(numbers)
        for name, values in known.items():
            texts[name].add(values)
        for name in FIGURES:
            figures[name].append(_figure(shard, name, troubles))
    rows = [np.arange(size, dtype=np.int32) for size in sizes]
    return Catalogue(
        files,
        np.repeat(np.arange(len(files), dtype=np.int32), sizes),
        np.concatenate([np.empty(0, np.int32), *rows]),
        np.concatenate(frames),
        {name: one.texts() for name, one in texts.items()},
        {name: np.concatenate(parts) for name, parts in figures.items()},
    ), troubles


def texts_of(shard: Shard) -> dict[str, np.ndarray]:
    """The texts of the N samples of one shard, by the names of TEXTS: (N,) str each.

    Raises BundleError where one cannot be read.
    """
    live = column(shard, "live")
    return {
        "dataset": np.full(len(shard), shard.dataset),
        "split": np.full(len(shard), shard.split),
        "live": np.select([live == 1, live == 0], ["live", "spoof"], "unknown"),
        **{name: column(shard, name) for name in TEXTS[3:]},
    }


def _figure(shard: Shard, name: str, troubles: list[str]) -> np.ndarray:
    try:
        return column(shard, name).astype(np.float32)
    except BundleError as error:
        troubles.append(f"{name} is not known: {printable(str(error))}")
        return np.full(len(shard), np.nan, np.float32)
