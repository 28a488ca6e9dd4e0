"""What each way to store the samples costs: bytes a sample and samples a second, as JSON.

The same samples (image, depth, parsing) in every way, read into the same memory in batches of 60
from one process, rows in random order unless a way's name says otherwise. In rounds, each way once
a round; figures are medians. Picture files hold image and parsing, depth lies beside as it is.
"""

import argparse
import importlib.util
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

import h5py
import numpy as np
from PIL import Image

from benchmarks.parts.made_samples import columns, samples
from benchmarks.parts.measuring import forget, machine
from pipeline.bundle import FIELDS, PIXELS, Bundle, Shard
from pipeline.packing.shard import Pixels, write_shard

BATCH = 60
Arrays = dict[str, np.ndarray]
Read = Callable[[Sequence[int], Arrays], None]
"""Reads rows into arrays, in the order of the rows."""


class Way(NamedTuple):
    """files: what holds the samples; read: how they come back."""

    files: list[Path]
    read: Read


FILTERS: dict[str, dict[str, Any]] = {
    "chunked": {},
    "chunked_fletcher32": {"fletcher32": True},
    "chunked_lzf": {"compression": "lzf"},
    "chunked_gzip_4": {"compression": "gzip", "compression_opts": 4},
}


def stored(folder: Path, count: int) -> Iterator[Pixels]:
    """The first samples of a bundle."""
    bundle = Bundle(folder)
    for dataset in bundle.datasets:
        for shard in bundle.shards(dataset):
            for row in range(len(shard)):
                if count == 0:
                    return
                count -= 1
                image, depth, parsing = (shard.read(name, [row])[0] for name in PIXELS)
                yield image, depth, parsing


def by_rows(get: Callable[[str, int], np.ndarray]) -> Read:
    """Each row is copied to its place."""

    def read(rows: Sequence[int], out: Arrays) -> None:
        for name in PIXELS:
            for at, row in enumerate(rows):
                out[name][at] = get(name, row)

    return read


def by_lists(get: Callable[[str, list[int]], np.ndarray]) -> Read:
    """All rows are asked for at once, in rising order as h5py wants them."""

    def read(rows: Sequence[int], out: Arrays) -> None:
        order = np.argsort(rows)
        for name in PIXELS:
            out[name][order] = get(name, [rows[i] for i in order])

    return read


def by_h5py(path: Path) -> Read:
    """One row at a time, straight to its place."""
    file = h5py.File(path, "r")
    fields = {name: file[name] for name in PIXELS}

    def read(rows: Sequence[int], out: Arrays) -> None:
        for name in PIXELS:
            for at, row in enumerate(rows):
                fields[name].read_direct(out[name], np.s_[row], np.s_[at])

    return read


def contiguous(path: Path) -> dict[str, Way]:
    """The shard as it is, read in several ways. Maps are made anew for each batch of rounds."""
    shard, file = Shard(path), h5py.File(path, "r")

    def pread(rows: Sequence[int], out: Arrays) -> None:
        shard.read_into(out, rows, range(len(rows)))

    def map_of(name: str) -> np.memmap:
        place = file[name]
        return np.memmap(path, place.dtype, "r", place.id.get_offset(), place.shape)

    def rows_of_map(rows: Sequence[int], out: Arrays) -> None:
        maps = {name: map_of(name) for name in PIXELS}
        by_rows(lambda name, row: maps[name][row])(rows, out)

    def sorted_first(read: Read) -> Read:
        return lambda rows, out: read(sorted(rows), out)

    files = [path]
    return {
        "contiguous_pread": Way(files, pread),
        "contiguous_pread_sorted": Way(files, sorted_first(pread)),
        "contiguous_memmap_rows": Way(files, rows_of_map),
        "contiguous_memmap_rows_sorted": Way(files, sorted_first(rows_of_map)),
        "contiguous_memmap_list": Way(files, by_lists(lambda name, rows: map_of(name)[rows])),
        "contiguous_h5py_rows": Way(files, by_h5py(path)),
        "contiguous_h5py_list": Way(files, by_lists(lambda name, rows: file[name][rows])),
    }


def chunked(shard: Shard, path: Path, options: dict[str, Any]) -> Way:
    """A file with one chunk a sample, through HDF5's filters."""
    with h5py.File(path, "w") as file:
        for name in PIXELS:
            values = shard.read(name)
            file.create_dataset(name, data=values, chunks=(1, *values.shape[1:]), **options)
    return Way([path], by_h5py(path))


def pictures(shard: Shard, folder: Path, suffix: str, options: dict[str, Any]) -> Way:
    """A picture file for the image, a PNG for parsing, a .npy for depth."""
    folder.mkdir()
    for row in range(len(shard)):
        image, depth, parsing = (shard.read(name, [row])[0] for name in PIXELS)
        Image.fromarray(image).save(folder / f"{row}-image.{suffix}", **options)
        Image.fromarray(parsing).save(folder / f"{row}-parsing.png")
        np.save(folder / f"{row}-depth.npy", depth)
    ends = {"image": suffix, "parsing": "png", "depth": "npy"}

    def get(name: str, row: int) -> np.ndarray:
        path = folder / f"{row}-{name}.{ends[name]}"
        return np.load(path) if name == "depth" else np.asarray(Image.open(path))

    return Way(sorted(folder.iterdir()), by_rows(get))


def make(source: Iterator[Pixels], folder: Path, count: int) -> dict[str, Way]:
    """Store the samples in every way below a folder."""
    about = {"dataset": "made", "split": "train", "key": "", "provenance": "{}", "notice": ""}
    path = folder / "contiguous.h5"
    write_shard(path, about, columns(range(count)), source, [], [])
    shard, filters = Shard(path), dict(FILTERS)
    if importlib.util.find_spec("hdf5plugin"):
        import hdf5plugin

        filters["chunked_zstd"] = {"compression": hdf5plugin.Zstd()}
    ways = contiguous(path)
    for name, options in filters.items():
        ways[name] = chunked(shard, folder / f"{name}.h5", options)
    ways["png_files"] = pictures(shard, folder / "png", "png", {})
    ways["jpeg_95_files"] = pictures(shard, folder / "jpeg", "jpg", {"quality": 95})
    return ways


def bytes_a_sample(way: Way, count: int) -> float:
    """Of the pixels: a shard's other fields are not counted, a picture file counts whole."""
    if way.files[0].suffix != ".h5":
        return sum(path.stat().st_size for path in way.files) / count
    with h5py.File(way.files[0], "r") as file:
        return sum(file[name].id.get_storage_size() for name in PIXELS) / count


def rounds(
    ways: dict[str, Way], count: int, arguments: argparse.Namespace, cold: bool
) -> dict[str, list[float]]:
    """Samples a second of each way in each round."""
    batch = min(BATCH, count)
    out = {name: np.empty((batch, *FIELDS[name].shape), FIELDS[name].dtype) for name in PIXELS}
    drawn = random.Random(0)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        batches = [drawn.sample(range(count), batch) for _ in range(arguments.batches)]
        for name in drawn.sample(sorted(ways), len(ways)):
            if cold:
                forget(ways[name].files)
            started = time.perf_counter()
            for rows in batches:
                ways[name].read(rows, out)
            rates[name].append(batch * len(batches) / (time.perf_counter() - started))
    return rates


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, help="its first samples; default: made ones")
    parser.add_argument("--samples", type=int, default=600)
    parser.add_argument("--batches", type=int, default=3, help="batches of 60 a round (3)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--folder", type=Path, help="where to put what is made; a temporary one")
    arguments = parser.parse_args()
    count, about = arguments.samples, machine()
    if arguments.bundle is not None:
        count = min(
            count, sum(entry["samples"] for entry in Bundle(arguments.bundle).manifest["shards"])
        )
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        source = stored(arguments.bundle, count) if arguments.bundle else samples(range(count))
        ways = make(source, Path(temporary), count)
        kinds = ("warm", "cold") if arguments.cold else ("warm",)
        rates = {kind: rounds(ways, count, arguments, kind == "cold") for kind in kinds}
        figures = {
            name: {
                "bytes_a_sample": round(bytes_a_sample(way, count)),
                **{kind: round(statistics.median(rates[kind][name]), 1) for kind in kinds},
            }
            for name, way in ways.items()
        }
    if "chunked_zstd" not in figures:
        about["chunked_zstd"] = "not measured: hdf5plugin is not installed"
    print(json.dumps({"about": {**about, "samples": count}, "ways": figures}, indent=1))


if __name__ == "__main__":
    main()
