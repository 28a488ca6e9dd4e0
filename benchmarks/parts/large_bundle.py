"""A large bundle that takes little disk: all columns, and pixels of each shard's first samples.

The other pixels are holes in the files.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmarks.parts.made_samples import (
    NOTE,
    columns,
    in_order,
    pieces,
    samples,
    shard_entry,
    source_videos,
    write_manifest,
)
from pipeline.browse.catalogue import FIGURES
from pipeline.bundle import FAILURES, FIELDS, PIXELS, SCHEMA, SOURCES, sample_checksum
from pipeline.files.hdf5 import create, fixed_strings, open_new
from pipeline.packing.shard import describe, write_table

DATASETS = ("casia", "msu", "oulu", "replay")
SPLITS = ("train", "dev", "test")
FILLED = 8  # samples of each shard that have pixels
HOLES = (*PIXELS, "landmarks")


def make_bundle(folder: Path, count: int) -> None:
    """Write a bundle of `count` samples, four datasets of three splits."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    groups = [(dataset, split) for dataset in DATASETS for split in SPLITS]
    for number, (dataset, split) in enumerate(groups):
        numbers = in_order(dataset, range(number, count, len(groups)))
        for name, part in pieces(dataset, split, numbers):
            shards.append(write_shard(folder / name, dataset, split, part))
    write_manifest(folder, shards)


def write_shard(path: Path, dataset: str, split: str, numbers: Sequence[int]) -> dict[str, Any]:
    """Write one shard, its pixels as holes but for the first; return the manifest's entry of it."""
    key = hashlib.sha256(path.name.encode()).hexdigest()
    about: dict[str, Any] = {
        "dataset": dataset, "split": split, "key": key, "provenance": "{}", "notice": NOTE,
        "schema": SCHEMA,
    }  # fmt: skip
    stored = columns(numbers)
    rng = np.random.default_rng(len(numbers))
    for name in FIGURES:
        limits = FIELDS[name]
        drawn = rng.normal(0.5, 0.15, len(numbers)).clip(0, 1)
        span = (limits.high or 200) - (limits.low or 0)
        stored[name][:] = ((limits.low or 0) + drawn * span).astype(stored[name].dtype)
    checksums = ["0" * 64] * len(numbers)
    with open_new(path) as file:
        for name in sorted(about):
            file.attrs[name] = about[name]
        holes = [hole(file, name, len(numbers)) for name in HOLES]
        for row, sample in enumerate(samples(numbers[:FILLED])):
            for place, array in zip(holes[: len(PIXELS)], sample, strict=True):
                place[row] = array
            checksums[row] = sample_checksum(*sample)
        for name in FIELDS:
            if name not in HOLES:
                create(file, name, fixed_strings(checksums) if name == "checksum" else stored[name])
            describe(file[name], FIELDS[name])
        write_table(file.create_group("failures"), FAILURES, [])
        write_table(file.create_group("videos"), SOURCES, source_videos(numbers))
    return shard_entry(path, about, stored["live"], sha256="")


def hole(file: h5py.File, name: str, count: int) -> h5py.Dataset:
    """A contiguous dataset whose room is taken at once, and written nowhere."""
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    how.set_obj_track_times(False)
    kind = h5py.h5t.py_create(np.dtype(FIELDS[name].dtype), logical=True)
    space = h5py.h5s.create_simple((count, *FIELDS[name].shape))
    return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), kind, space, how))
