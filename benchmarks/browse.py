"""How fast `ocim browse` is with many samples, as JSON: start, memory, filters, pages, details.

The bundle is made: all columns of every sample, and pixels of the first ones of each shard; the
rest of the pixels are holes in the files, which take no disk. What is asked for goes over HTTP to a
server in a process of its own, pictures over six connections as a browser opens them.
"""

import argparse
import hashlib
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

if sys.path[0] == str(Path(__file__).parent):  # there the package labels would be a script
    sys.path[0] = str(Path(__file__).parents[1])

import h5py
import numpy as np

from benchmarks.made_samples import columns, identity, machine, samples
from pipeline.browse.catalogue import FIGURES
from pipeline.bundle import (
    FAILURES,
    FIELDS,
    MANIFEST,
    NOTICE,
    PIXELS,
    SCHEMA,
    SOURCES,
    canonical_json,
    manifest_hash,
    order,
    sample_checksum,
)
from pipeline.files.hdf5 import create, fixed_strings, open_new
from pipeline.pack import counts
from pipeline.packing.shard import describe, write_table

DATASETS = ("casia", "msu", "oulu", "replay")
SPLITS = ("train", "dev", "test")
SHARD_SAMPLES = 4096
FILLED = 8  # samples of each shard that have pixels
PAGE = 60
CONNECTIONS = 6
HOLES = (*PIXELS, "landmarks")


def make_bundle(folder: Path, count: int) -> None:
    """Write a bundle of `count` samples, four datasets of three splits."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for number, (dataset, split) in enumerate((d, s) for d in DATASETS for s in SPLITS):
        own = range(number, count, len(DATASETS) * len(SPLITS))
        in_order = sorted(own, key=lambda one: order(dataset, *identity(one)))
        pieces = max(1, -(-len(in_order) // SHARD_SAMPLES))
        for piece in range(pieces):
            first, last = (len(in_order) * (piece + step) // pieces for step in (0, 1))
            name = f"{dataset}-{split}-{piece:05d}-of-{pieces:05d}.h5"
            shards.append(write_shard(folder / name, dataset, split, in_order[first:last]))
    provenance = {"settings": {"depth": {"spoof_depth": "zero"}}}
    manifest: dict[str, Any] = {
        "schema": SCHEMA, "shards": shards, "counts": counts(shards), "spoof_depth": "zero",
        "provenance": dict.fromkeys(DATASETS, provenance), "notice": "made\n",
        "corrections": [], "failures": [], "remarks": [],
    }  # fmt: skip
    text = canonical_json({**manifest, "hash": manifest_hash(manifest)})
    (folder / MANIFEST).write_text(text, "utf-8")
    (folder / NOTICE).write_text("made\n", "utf-8")


def write_shard(path: Path, dataset: str, split: str, numbers: Sequence[int]) -> dict[str, Any]:
    """Write one shard, its pixels as holes but for the first; return the manifest's entry of it."""
    key = hashlib.sha256(path.name.encode()).hexdigest()
    about: dict[str, Any] = {
        "dataset": dataset, "split": split, "key": key, "provenance": "{}", "notice": "made\n",
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
        videos = [
            {"video": video, "sha256": "", "faces_sha256": "", "upside_down": 0}
            for video in sorted({identity(number)[0] for number in numbers})
        ]
        write_table(file.create_group("failures"), FAILURES, [])
        write_table(file.create_group("videos"), SOURCES, videos)
    live = int(stored["live"].sum())
    return {
        "file": path.name, "dataset": dataset, "split": split, "key": key, "sha256": "",
        "samples": len(numbers), "live": live, "spoof": len(numbers) - live,
        "bytes": path.stat().st_size,
    }  # fmt: skip


def hole(file: h5py.File, name: str, count: int) -> h5py.Dataset:
    """A contiguous dataset whose room is taken at once, and written nowhere."""
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    how.set_obj_track_times(False)
    kind = h5py.h5t.py_create(np.dtype(FIELDS[name].dtype), logical=True)
    space = h5py.h5s.create_simple((count, *FIELDS[name].shape))
    return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), kind, space, how))


class Client:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def get(self, path: str) -> bytes:
        """What lies at an address; a RuntimeError where nothing does."""
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body.decode()}")
        return body

    def timed(self, path: str) -> float:
        """Milliseconds until it is there."""
        begun = time.perf_counter()
        self.get(path)
        return (time.perf_counter() - begun) * 1000


def queries(rng: random.Random, count: int) -> Iterator[str]:
    """Filters as people set them, each other than all before."""
    for number in range(count):
        low = rng.uniform(0.2, 0.5)
        parts = [f"brightness={low:.5f}..{low + 0.3:.5f}", f"dataset={rng.choice(DATASETS)}"]
        parts += [f"live={rng.choice(('live', 'spoof'))}"] if number % 2 else []
        parts += [f"text={rng.randrange(100)}"] if number % 3 == 0 else []
        parts += [f"sort=-{rng.choice(FIGURES)}"] if number % 2 else []
        yield "&".join(parts)


def load_page(port: int, paths: Sequence[str]) -> float:
    """Milliseconds until all pictures of a page are there, asked for over some connections."""
    waiting: SimpleQueue[str] = SimpleQueue()
    for path in paths:
        waiting.put(path)

    def work() -> None:
        client = Client(port)
        while True:
            try:
                client.get(waiting.get_nowait())
            except Empty:
                return

    begun = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - begun) * 1000


def figures_of(times: Sequence[float]) -> dict[str, float]:
    """Median and 95% of times in milliseconds."""
    ordered = sorted(times)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"median_ms": round(statistics.median(ordered), 2), "p95_ms": round(late, 2)}


def memory(process: int) -> dict[str, float]:
    """Megabytes that a process holds, and held at most; none where the system does not tell."""
    place = Path(f"/proc/{process}/status")
    lines = place.read_text("utf-8").splitlines() if place.is_file() else []
    told = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    names = {"VmRSS": "now_mb", "VmHWM": "peak_mb"}
    return {to: round(int(told[name]) / 1024, 1) for name, to in names.items() if name in told}


def measure(port: int, entries: Sequence[dict[str, Any]], rounds: int) -> dict[str, Any]:
    """What the page does, timed. entries: the manifest's shards."""
    rng = random.Random(0)
    client = Client(port)
    asked = list(queries(rng, rounds * 2))
    figures: dict[str, Any] = {}
    figures["filter"] = figures_of([client.timed(f"/api/query?{query}") for query in asked])
    listed = [f"/api/samples?{query}&start=0&count={PAGE}" for query in asked]
    figures["list_of_60"] = figures_of([client.timed(path) for path in listed])
    first, filled = 0, []
    for entry in sorted(entries, key=lambda entry: str(entry["file"])):
        filled += range(first, first + min(FILLED, entry["samples"]))
        first += entry["samples"]
    pages = [rng.choices(filled, k=PAGE) for _ in range(max(3, rounds // 4))]
    for name, parts in (("crops", ("crop",)), ("side_by_side", ("crop", "depth", "parsing"))):
        paths = [[f"/picture/{n}/{part}" for n in page for part in parts] for page in pages]
        times = [load_page(port, page) for page in paths]
        figures[f"page_of_60_{name}"] = {**figures_of(times), "pictures": len(paths[0])}
    details = [f"/api/sample/{rng.choice(filled)}?{query}" for query in asked[:rounds]]
    figures["detail"] = figures_of([client.timed(path) for path in details])
    return figures


def main() -> None:
    """Make the bundle where none is given, serve it, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--keep", type=Path, help="folder for the bundle; used again if there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary) / "bundle"
        if not (folder / MANIFEST).is_file():
            make_bundle(folder, arguments.samples)
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        there = sum(entry["samples"] for entry in manifest["shards"])
        program = [sys.executable, "-c", "from pipeline.cli import main; main()"]
        begun = time.perf_counter()
        server = subprocess.Popen(
            [*program, "browse", str(folder), "--port", "0"],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            cwd=Path(__file__).parents[1],
        )  # fmt: skip
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            started = time.perf_counter() - begun
            port = int(line.split("http://127.0.0.1:")[1].split("/")[0])
            after_start = memory(server.pid)
            figures = measure(port, manifest["shards"], arguments.rounds)
            told = {
                "machine": machine(), "samples": there, "shards": len(manifest["shards"]),
                "start_s": round(started, 2), "memory_after_start": after_start,
                **figures, "memory_in_the_end": memory(server.pid),
            }  # fmt: skip
        finally:
            server.terminate()
            server.wait()
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
