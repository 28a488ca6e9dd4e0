"""The files between the stages: crops, and the depth and parsing layers that go with them.

Each is an HDF5 file of one partition: arrays with one entry a sample, a table `failures`, and the
attribute `key`. Bytes depend on the contents alone.
"""

from collections.abc import Mapping, Sequence
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


def one_line(reason: str) -> str:
    """A reason without line breaks or other control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in reason).split())


def write(
    path: Path,
    attributes: Mapping[str, str | int],
    arrays: Mapping[str, np.ndarray | list[np.ndarray]],
    failures: Sequence[Failure],
) -> None:
    """Write one partition's file, whole or not at all.

    Strings are arrays of dtype S. A list of equal arrays becomes one dataset, a row each.
    """
    with replace_whole(path) as temporary, open_new(temporary) as file:
        for name in sorted(attributes):
            file.attrs[name] = attributes[name]
        group = file.create_group("failures")
        create(group, "frame", np.array([f.frame for f in failures], "<i4"))
        create(group, "reason", fixed_strings([one_line(f.reason) for f in failures]))
        create(group, "video", fixed_strings([f.video for f in failures]))
        for name in sorted(arrays):
            array = arrays[name]
            if isinstance(array, list):
                create_rows(file, name, array)
            else:
                create(file, name, array)


def create_rows(file: h5py.File, name: str, rows: Sequence[np.ndarray]) -> None:
    """Write equal arrays as one contiguous dataset without a second copy of them in memory."""
    shape = (len(rows), *rows[0].shape)
    stored = file.create_dataset(name, shape, rows[0].dtype, track_times=False, fill_time="never")
    for number, row in enumerate(rows):
        stored[number] = row


def read_failures(file: h5py.File) -> list[Failure]:
    """The table of failures of an open partition file."""
    group = file["failures"]
    videos, reasons = read_strings(group["video"]), read_strings(group["reason"])
    frames = group["frame"][:]
    return [
        Failure(str(v), int(f), str(r)) for v, f, r in zip(videos, frames, reasons, strict=True)
    ]


def open_input(path: Path, stage: str) -> h5py.File:
    """Open a partition's file for reading; UserError names the stage that makes it."""
    try:
        return h5py.File(path, "r")
    except OSError:
        raise UserError(
            f"{path}: missing or damaged; run ocim {stage} for this partition"
        ) from None
