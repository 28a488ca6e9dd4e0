"""HDF5 files whose bytes depend on what is written into them and on nothing else.

numpy and h5py alone. The crops, the layers and the shards of the bundle are all written so.
"""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

LIBVER = ("v110", "v110")  # what h5dump of today's distributions can still read
PAGE = 4096


def open_new(path: Path) -> h5py.File:
    """Open a new file; its larger datasets start on a page, as a memory map wants it."""
    return h5py.File(path, "w", libver=LIBVER, alignment_threshold=PAGE, alignment_interval=PAGE)


def create(file: h5py.File | h5py.Group, name: str, array: np.ndarray) -> h5py.Dataset:
    """Create a contiguous dataset without a time stamp; byte strings become fixed-length UTF-8."""
    if array.dtype.kind == "S":
        # A view: astype sees no difference, and drops the mark that says UTF-8.
        array = array.view(h5py.string_dtype("utf-8", array.dtype.itemsize))
    return file.create_dataset(name, data=array, track_times=False)


def fixed_strings(values: Sequence[str]) -> np.ndarray:
    """UTF-8 strings padded with zeros to the longest, at least one byte: an array of dtype S."""
    encoded = [value.encode("utf-8") for value in values]
    return np.array(encoded, dtype=f"S{max(1, *(len(e) for e in encoded), 1)}")


def read_strings(dataset: h5py.Dataset) -> np.ndarray:
    """Read a fixed-length UTF-8 dataset as a numpy array of str."""
    return np.char.decode(dataset[:].astype(f"S{dataset.dtype.itemsize}"), "utf-8")
