"""Writes one shard of the bundle, and knows beforehand how large it becomes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.bundle import FAILURES, FIELDS, PIXELS, SCHEMA, SOURCES, Field, sample_checksum
from pipeline.files.hdf5 import PAGE, create, fixed_strings, open_new, read_strings

Pixels = tuple[np.ndarray, np.ndarray, np.ndarray]
"""image, depth and parsing of one sample."""
BLOCK = 32
"""Samples that are in memory at once and written together: a write takes long to begin."""
TEXT = 64
"""Bytes that a text takes about: paths of the four datasets have up to 80, a sha256 64."""


def write_shard(
    path: Path,
    attributes: Mapping[str, str],
    columns: Mapping[str, np.ndarray],
    pixels: Iterable[Pixels],
    videos: Sequence[Mapping[str, Any]],
    failures: Sequence[Mapping[str, Any]],
) -> None:
    """Write one shard at `path`, which docs/bundle.md describes.

    attributes: of the file: dataset, split, key, provenance, notice.
    columns: every name of FIELDS but image, depth, parsing and checksum; N entries each, text as
        arrays of dtype S.
    pixels: N triples, taken BLOCK at a time, so memory stays flat; ValueError for another number.
    videos, failures: rows of the two tables, by the names of SOURCES and FAILURES.
    """
    samples = len(columns["frame"])
    with open_new(path) as file:
        for name, value in sorted({**attributes, "schema": SCHEMA}.items()):
            file.attrs[name] = value
        checksums = _write_pixels(file, samples, pixels)
        if len(checksums) != samples:
            raise ValueError(f"{path}: {samples} samples announced, {len(checksums)} given")
        for name, field in FIELDS.items():
            if name in PIXELS:
                continue
            array = fixed_strings(checksums) if name == "checksum" else columns[name]
            if field.dtype is not None:
                array = np.asarray(array, field.dtype)
            create(file, name, array)
        for name, field in FIELDS.items():
            describe(file[name], field)
        for name, table, rows in (("failures", FAILURES, failures), ("videos", SOURCES, videos)):
            write_table(file.create_group(name), table, rows)


def _write_pixels(file: h5py.File, samples: int, pixels: Iterable[Pixels]) -> list[str]:
    """Write image, depth and parsing; the checksum of each sample that was given.

    Where more are given than the announced `samples`, the rest is neither written nor read.
    """
    stored = [
        file.create_dataset(
            name,
            shape=(samples, *FIELDS[name].shape),
            dtype=FIELDS[name].dtype,
            track_times=False,
            fill_time="never",
        )
        for name in PIXELS
    ]
    checksums: list[str] = []
    rest = iter(pixels)
    while block := list(islice(rest, BLOCK)):
        start = len(checksums)
        checksums += [sample_checksum(*sample) for sample in block]
        if len(checksums) > samples:
            break
        for dataset, arrays in zip(stored, zip(*block, strict=True), strict=True):
            dataset[start : len(checksums)] = np.stack(arrays)
    return checksums


def describe(dataset: h5py.Dataset, field: Field) -> None:
    """Write what a dataset's numbers or texts are into its attributes: dtype, meaning, unit and,
    where there are any, low, high and values.
    """
    dtype = "utf-8" if field.dtype is None else np.dtype(field.dtype).name
    about: dict[str, Any] = {"dtype": dtype, "meaning": field.meaning, "unit": field.unit}
    for name in ("low", "high"):
        if (limit := getattr(field, name)) is not None:
            about[name] = float(limit)
    if field.values or field.listed:
        texts = fixed_strings(field.values or sorted({*read_strings(dataset).tolist()}) or [""])
        about["values"] = texts.astype(h5py.string_dtype("utf-8", texts.dtype.itemsize))
    for name in sorted(about):
        dataset.attrs[name] = about[name]


def write_table(
    group: h5py.Group, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write rows as one dataset a column: numbers as int32, text as fixed-length UTF-8.

    columns: their names, and what they mean (SOURCES or FAILURES).
    """
    for name in sorted(columns):
        values = [row[name] for row in rows]
        is_text = name not in ("frame", "upside_down")
        stored = create(group, name, fixed_strings(values) if is_text else np.array(values, "<i4"))
        stored.attrs["meaning"] = columns[name]


def size_limit(samples: int, videos: int, failures: int) -> int:
    """How many bytes a shard of so many samples, and so many rows in its tables, takes at most, as
    long as its texts are of common length.
    """
    fields = sum(
        np.dtype(field.dtype).itemsize * math.prod(field.shape) if field.dtype else TEXT
        for field in FIELDS.values()
    )
    pages = (len(FIELDS) + len(SOURCES) + len(FAILURES)) * PAGE
    return samples * fields + (videos + failures) * 3 * TEXT + 2 * pages
