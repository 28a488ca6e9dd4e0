"""The files between the stages: crops, and the depth and parsing layers that go with them.

Each is an HDF5 file of one partition: arrays with one entry a sample, the tables `failures` and
`remarks`, and the attribute `key`. Bytes depend on the contents alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from pipeline.bundle import create, fixed_strings, open_new, read_strings
from pipeline.errors import UserError
from pipeline.store import replace_whole


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


class Rows:
    """Equal arrays that come one block at a time, so that they are never in memory together.

    blocks: arrays of (any number of rows) x shape; all rows together are `count`.
    """

    def __init__(
        self, count: int, shape: tuple[int, ...], dtype: str, blocks: Iterator[np.ndarray]
    ) -> None:
        self.shape = (count, *shape)
        self.dtype = np.dtype(dtype)
        self.blocks = blocks


def one_line(reason: str) -> str:
    """A reason without line breaks or other control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in reason).split())


def write(
    path: Path,
    attributes: Mapping[str, str | int],
    arrays: Mapping[str, np.ndarray | Rows],
    failures: Sequence[Failure],
    remarks: Sequence[Remark] = (),
) -> None:
    """Write one partition's file, whole or not at all.

    Strings are arrays of dtype S. The tables are written last, so that they may grow while rows
    are being made.
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
        for name, table in (("failures", failures), ("remarks", remarks)):
            group = file.create_group(name)
            videos, frames, texts = zip(*table, strict=True) if table else ((), (), ())
            create(group, "frame", np.array(frames, "<i4"))
            text = "reason" if name == "failures" else "text"
            create(group, text, fixed_strings([one_line(line) for line in texts]))
            create(group, "video", fixed_strings(videos))


def create_rows(file: h5py.File, name: str, rows: Rows) -> None:
    """Write rows as one contiguous dataset, a block at a time."""
    stored = file.create_dataset(name, rows.shape, rows.dtype, track_times=False, fill_time="never")
    start = 0
    for block in rows.blocks:
        stored[start : start + len(block)] = block
        start += len(block)
    if start != len(stored):
        raise ValueError(f"{name}: {len(stored)} rows announced, {start} given")


def read_failures(file: h5py.File) -> list[Failure]:
    """The table of failures of an open partition file."""
    return [Failure(*row) for row in _table(file["failures"], "reason")]


def read_remarks(file: h5py.File) -> list[Remark]:
    """The table of remarks of an open partition file."""
    return [Remark(*row) for row in _table(file["remarks"], "text")]


def _table(group: h5py.Group, text: str) -> Iterator[tuple[str, int, str]]:
    videos, texts, frames = (
        read_strings(group["video"]), read_strings(group[text]), group["frame"][:]
    )  # fmt: skip
    for video, frame, line in zip(videos, frames, texts, strict=True):
        yield str(video), int(frame), str(line)


def open_input(path: Path, stage: str, names: Iterable[str] = ()) -> h5py.File:
    """Open a partition's file for reading; UserError names the stage that makes it.

    names: of what must be in it; a file of an older version may lack some.
    """
    try:
        file = h5py.File(path, "r")
    except OSError:
        raise UserError(
            f"{path}: missing or damaged; run ocim {stage} for this partition"
        ) from None
    for name in ("failures", "remarks", *names):
        if name not in file:
            file.close()
            raise UserError(
                f"{path}: '{name}' is missing, so another version made it; run ocim {stage} for"
                " this partition"
            )
    return file
