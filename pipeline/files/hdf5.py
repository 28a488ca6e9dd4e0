"""HDF5 files whose bytes depend on what is written into them and on nothing else.

numpy and h5py alone. The crops, the layers and the shards of the bundle are all written so.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

LIBVER = ("v110", "v110")  # what h5dump of today's distributions can still read
PAGE = 4096


class _Disk(io.FileIO):
    """A file that remembers why it could not be written, and goes on as if it could.

    HDF5 does not get over a full disk: it fails again when the file is closed, and prints so.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.refused: OSError | None = None

    def write(self, data: Any, /) -> int:
        done, size = 0, len(data)
        while done < size and self.refused is None:
            try:
                done += super().write(data[done:])
            except OSError as error:
                self.refused = error
        return size


@contextmanager
def open_new(path: Path) -> Iterator[h5py.File]:
    """A new file, closed after the block; its larger datasets start at a multiple of PAGE bytes, as
    a memory map wants it. Raises OSError, with its number and the path, where the disk refuses.
    """
    disk = _Disk(path)
    try:
        with h5py.File(
            disk, "w", libver=LIBVER, alignment_threshold=PAGE, alignment_interval=PAGE
        ) as file:
            yield file
    finally:
        disk.close()
        if disk.refused is not None:
            raise OSError(disk.refused.errno, disk.refused.strerror, str(path)) from None


def create(file: h5py.File | h5py.Group, name: str, array: np.ndarray) -> h5py.Dataset:
    """Create a contiguous dataset of an array, without a time stamp. Byte strings (dtype S), which
    must be UTF-8, become fixed-length UTF-8.
    """
    if array.dtype.kind == "S":
        # A view: astype sees no difference, and drops the mark that says UTF-8.
        array = array.view(h5py.string_dtype("utf-8", array.dtype.itemsize))
    return file.create_dataset(name, data=array, track_times=False)


def fixed_strings(values: Sequence[str]) -> np.ndarray:
    """Texts as an array (N,) of dtype S: UTF-8, padded with zeros to the longest, one byte at
    least. UnicodeEncodeError for half a surrogate pair.
    """
    encoded = [value.encode("utf-8") for value in values]
    return np.array(encoded, dtype=f"S{max([1, *map(len, encoded)])}")


def read_strings(dataset: h5py.Dataset) -> np.ndarray:
    """Read a fixed-length UTF-8 dataset as an array of str of the same shape."""
    return np.char.decode(dataset[:].astype(f"S{dataset.dtype.itemsize}"), "utf-8")
