"""The files between the stages: crops, and the depth and parsing layers that go with them.

Each is an HDF5 file of one partition: arrays with one entry a sample, the tables `failures`,
`remarks` and `videos`, and the attribute `key`. Bytes depend on the contents alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from pipeline.errors import UserError
from pipeline.files.hdf5 import create, fixed_strings, open_new, read_strings
from pipeline.files.store import replace_whole


class Failure(NamedTuple):
    """What gave no sample, and why. frame is -1 when it is the video as a whole."""

    video: str
    frame: int
    reason: str


class Remark(NamedTuple):
    """What gave a sample all the same, and ought to be known. frame is -1 for the whole video."""

    video: str
    frame: int
    text: str


class Source(NamedTuple):
    """A video that was to give samples, and what it was: sha256 of its file and of the file of face
    positions that came with it, "" where there was none or it was left out by hand.
    """

    video: str
    sha256: str
    faces_sha256: str


class Rows:
    """The rows of one array that come a block at a time, so that they are never in memory together.

    count, shape, dtype: of all rows, of one row, of its numbers. blocks: arrays of (any number of
    rows) x shape, `count` rows in all.
    """

    def __init__(
        self, count: int, shape: tuple[int, ...], dtype: str, blocks: Iterator[np.ndarray]
    ) -> None:
        self.shape = (count, *shape)
        self.dtype = np.dtype(dtype)
        self.blocks = blocks


def one_line(reason: str) -> str:
    """A text without line breaks or other control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in reason).split())


def write(
    path: Path,
    attributes: Mapping[str, str | int],
    arrays: Mapping[str, np.ndarray | Rows],
    failures: Sequence[Failure],
    remarks: Sequence[Remark] = (),
    videos: Sequence[Source] = (),
) -> None:
    """Write one partition's file, whole or not at all.

    attributes: of the file, its `key` among them. arrays: one entry a sample, by name; texts are of
    dtype S. The tables are written last, so that they may grow while rows are being made. Raises
    ValueError where Rows give another number than they say, OSError where the disk refuses.
    """
    with replace_whole(path) as temporary, open_new(temporary) as file:
        for name in sorted(attributes):
            file.attrs[name] = attributes[name]
        for name in sorted(arrays):
            array = arrays[name]
            if isinstance(array, Rows):
                create_rows(file, name, array)
            else:
                create(file, name, array)
        _write_table(file.create_group("failures"), Failure, failures)
        _write_table(file.create_group("remarks"), Remark, remarks)
        _write_table(file.create_group("videos"), Source, videos)


def _write_table(
    group: h5py.Group, kind: type[Failure | Remark | Source], rows: Sequence[NamedTuple]
) -> None:
    for name in sorted(kind._fields):
        values = [getattr(row, name) for row in rows]
        if name == "frame":
            create(group, name, np.array(values, "<i4"))
            continue
        if name in ("reason", "text"):
            values = [one_line(text) for text in values]
        create(group, name, fixed_strings(values))


def create_rows(file: h5py.File, name: str, rows: Rows) -> None:
    """Write rows as one contiguous dataset, a block at a time. ValueError for another number of
    rows than is announced.
    """
    stored = file.create_dataset(name, rows.shape, rows.dtype, track_times=False, fill_time="never")
    start = 0
    for block in rows.blocks:
        stored[start : start + len(block)] = block
        start += len(block)
    if start != len(stored):
        raise ValueError(f"{name}: {len(stored)} rows announced, {start} given")


def read_failures(file: h5py.File) -> list[Failure]:
    """The table of failures of an open partition file."""
    return [Failure(*row) for row in _rows(file["failures"], Failure)]


def read_remarks(file: h5py.File) -> list[Remark]:
    """The table of remarks of an open partition file."""
    return [Remark(*row) for row in _rows(file["remarks"], Remark)]


def read_sources(file: h5py.File) -> list[Source]:
    """The table of videos of an open crops file, in the order of the index."""
    return [Source(*row) for row in _rows(file["videos"], Source)]


def _rows(group: h5py.Group, kind: type[Failure | Remark | Source]) -> Iterator[tuple[Any, ...]]:
    columns = (
        group[name][:].tolist() if name == "frame" else read_strings(group[name]).tolist()
        for name in kind._fields
    )
    return zip(*columns, strict=True)


def open_input(
    path: Path, stage: str, names: Iterable[str] = (), source: Any = None, address: str = ""
) -> h5py.File:
    """Open a partition's file for reading.

    stage: the verb that makes it, for messages. names: of what must be in it; a file of an older
    version may lack some. source, address: what HDF5 reads it by and what people call it, where
    that is not the path. Raises UserError where it is missing, damaged or lacks a name.
    """
    address = address or str(path)
    try:
        file = h5py.File(path if source is None else source, "r")
    except OSError:
        raise UserError(
            f"{address}: missing or damaged; run ocim {stage} for this partition"
        ) from None
    for name in ("failures", "remarks", "videos", *names):
        try:
            is_there = name in file
        except (KeyError, RuntimeError):  # as HDF5 says that it is damaged
            file.close()
            raise UserError(f"{address}: damaged; delete it and run ocim {stage}") from None
        if not is_there:
            file.close()
            raise UserError(
                f"{address}: '{name}' is missing, so another version made it; run ocim {stage} for"
                " this partition"
            )
    return file
