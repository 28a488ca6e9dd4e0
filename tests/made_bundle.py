"""A small bundle of made samples, written as pack writes, for tests of what reads one."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.bundle import FIELDS, MANIFEST, NOTICE, PIXELS, SCHEMA, manifest_hash, order
from pipeline.files.hdf5 import fixed_strings
from pipeline.files.store import canonical_json
from pipeline.packing.shard import write_shard

DATASETS = ("casia", "msu", "oulu", "replay")
SETTINGS = {
    "crop": {"landmarks": "embedded", "margin": 1.4, "mode": "box", "shift": 0.0},
    "depth": {"backend": "facemesh", "spoof_depth": "zero"},
    "sampling": {"every": 5, "faces": "detected", "reach": 5, "sampling": "every"},
}
Row = tuple[str, int, int]
"""video, live, frame"""


def sample(rng: np.random.Generator, live: int, tint: int) -> tuple[np.ndarray, ...]:
    """Live: a bright disc with depth and parsing; spoof: stripes on it, depth 0. tint: domain."""
    y, x = np.mgrid[:256, :256]
    disc = (y - 128) ** 2 + (x - 128) ** 2 < int(rng.integers(80, 110)) ** 2
    grey = np.where(disc, 150 + tint, 60).astype(float) + rng.normal(0, 8, (256, 256))
    if not live:
        grey += 25 * ((x // 8) % 2)
    image = np.clip(grey[..., None] * np.array([1.1, 1.0, 0.9]), 0, 255).astype(np.uint8)
    depth = disc[4::8, 4::8].astype(np.float32) * live
    parsing = np.where(disc, np.where(x < 128, 5, 4), 0).astype(np.uint8)
    return image, depth, parsing


def columns_of(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """Every field but pixels and checksum of samples, each within its range."""
    size = len(rows)
    columns: dict[str, np.ndarray] = {}
    for name, field in FIELDS.items():
        if name in PIXELS or name == "checksum":
            continue
        if field.dtype is None:
            columns[name] = fixed_strings([""] * size)
        else:
            columns[name] = np.zeros((size, *field.shape), field.dtype)
    columns["affine"][:] = ((0.5, 0, 3), (0, 0.5, 4))
    columns["faces"][:] = 1
    columns["face_size"][:] = 300
    columns["video"] = fixed_strings([video for video, _, _ in rows])
    columns["live"] = np.array([live for _, live, _ in rows], np.uint8)
    columns["frame"] = np.array([frame for _, _, frame in rows], np.int32)
    columns["attack"] = fixed_strings(["" if live else "print" for _, live, _ in rows])
    columns["instrument"] = fixed_strings(["" if live else "printer1" for _, live, _ in rows])
    # train/1_0.avi and train/0_0.avi are one subject's live and spoof video.
    split_and_number = [(v.partition("/")[0], v.rpartition("_")[2][:-4]) for v, _, _ in rows]
    columns["subject"] = fixed_strings([" ".join(parts) for parts in split_and_number])
    return columns


def write_split(
    folder: Path, dataset: str, split: str, rows: Sequence[Row], pieces: int, tint: int
) -> Iterator[dict[str, Any]]:
    """Write one split as `pieces` shards; give the manifest's entry of each."""
    rows = sorted(rows, key=lambda row: order(dataset, row[0], row[2]))
    videos = [
        source_of(video, hashlib.sha256(video.encode()).hexdigest())
        for video in sorted({video for video, _, _ in rows})
    ]
    for number in range(pieces):
        part = rows[len(rows) * number // pieces : len(rows) * (number + 1) // pieces]
        path = folder / f"{dataset}-{split}-{number:05d}-of-{pieces:05d}.h5"
        attributes = {
            "dataset": dataset,
            "split": split,
            "key": hashlib.sha256(repr((path.name, part)).encode()).hexdigest(),
            "provenance": canonical_json({"settings": SETTINGS}),
            "notice": "made\n",
        }
        rng = np.random.default_rng([tint, len(split), number])
        pixels = (sample(rng, live, tint) for _, live, _ in part)
        write_shard(path, attributes, columns_of(part), pixels, videos, [])
        data = path.read_bytes()
        live = sum(live for _, live, _ in part)
        yield {
            "file": path.name,
            "dataset": dataset,
            "split": split,
            "samples": len(part),
            "live": live,
            "spoof": len(part) - live,
            "bytes": len(data),
            "key": attributes["key"],
            "sha256": hashlib.sha256(data).hexdigest(),
        }


def make_bundle(
    folder: Path,
    datasets: Sequence[str] = DATASETS,
    videos: int = 3,
    frames: int = 2,
    classes: Sequence[int] = (1, 0),
    failures: Sequence[dict[str, Any]] = (),
    pieces: int = 1,
) -> Path:
    """Write a bundle: `videos` videos a class and split, `frames` samples each (frames 0, 5, ...).

    pieces: shards a split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[dict[str, Any]] = []
    for number, dataset in enumerate(datasets):
        for split in ("train", "dev", "test"):
            rows = [
                (f"{split}/{live}_{video}.avi", live, frame * 5)
                for video in range(videos)
                for live in classes
                for frame in range(frames)
            ]
            shards += write_split(folder, dataset, split, rows, pieces, 15 * number)
    write_manifest(folder, manifest_of(shards, failures=list(failures)))
    return folder


def write_own(
    folder: Path,
    columns: dict[str, np.ndarray],
    pixels: Sequence[tuple[np.ndarray, ...]],
    videos: Sequence[dict[str, Any]],
    **changes: Any,
) -> Path:
    """Write a bundle of one shard, training samples of a dataset named own; return the shard.

    videos: rows of its table. changes: of the manifest.
    """
    folder.mkdir(parents=True)
    path = folder / "own-train-00000-of-00001.h5"
    identity = {"dataset": "own", "split": "train", "key": "k"}
    write_shard(path, {**identity, "provenance": "{}", "notice": "n"}, columns, pixels, videos, [])
    live, size = int(columns["live"].sum()), len(columns["live"])
    numbers = {"samples": size, "live": live, "spoof": size - live, "bytes": path.stat().st_size}
    write_manifest(folder, manifest_of([{**identity, "file": path.name, **numbers}], **changes))
    return path


def source_of(video: str, sha256: str = "", upside_down: int = 0) -> dict[str, Any]:
    """A row of a shard's table of videos."""
    return {"video": video, "sha256": sha256, "faces_sha256": "", "upside_down": upside_down}


def manifest_of(shards: Sequence[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """A manifest that lists these shards, all made with SETTINGS; `changes` of its other parts."""
    return {
        "schema": SCHEMA,
        "counts": counts_of(shards),
        "corrections": [],
        "failures": [],
        "notice": "made\n",
        "provenance": {entry["dataset"]: {"settings": SETTINGS} for entry in shards},
        "remarks": [],
        "shards": shards,
        "spoof_depth": "zero",
        **changes,
    }


def counts_of(shards: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Samples, live and spoof of the manifest's entries, by `dataset/split`."""
    counts: dict[str, dict[str, int]] = {}
    for entry in shards:
        row = counts.setdefault(f"{entry['dataset']}/{entry['split']}", {})
        for name in ("samples", "live", "spoof"):
            row[name] = row.get(name, 0) + entry[name]
    return counts


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest with the hash that it must carry, and its notice."""
    manifest = {**manifest, "hash": manifest_hash(manifest)}
    (folder / MANIFEST).write_text(canonical_json(manifest), "utf-8")
    (folder / NOTICE).write_text(manifest["notice"], "utf-8")


def edit_manifest(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest in place, and give it a hash that fits."""
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    edit(manifest)
    write_manifest(folder, manifest)


def only(folder: Path, *files: str) -> Path:
    """Leave these shards alone in a bundle, and make its manifest fit."""
    for path in folder.glob("*.h5"):
        if path.name not in files:
            path.unlink()
    fit(folder)
    return folder


def fit(folder: Path) -> None:
    """Make a manifest fit the shards that are there: its list, sizes, hashes and counts."""

    def edit(manifest: dict[str, Any]) -> None:
        entries = [entry for entry in manifest["shards"] if (folder / entry["file"]).is_file()]
        for entry in entries:
            data = (folder / entry["file"]).read_bytes()
            entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        manifest.update(shards=entries, counts=counts_of(entries))

    edit_manifest(folder, edit)


def change_shard(
    path: Path, change: Callable[[h5py.File], None], checksums: bool = True, values: bool = True
) -> None:
    """Change a shard through HDF5; then make its checksums fit, the texts that it says occur in it
    (`values`), and the manifest beside it.
    """
    with h5py.File(path, "r+") as file:
        change(file)
        for name, field in FIELDS.items():
            if values and field.listed:
                texts = fixed_strings(sorted({text.decode() for text in file[name][:].tolist()}))
                utf8 = h5py.string_dtype("utf-8", texts.dtype.itemsize)
                file[name].attrs["values"] = texts.astype(utf8)
        if checksums and {*PIXELS, "checksum"} <= {*file}:
            for row, sample in enumerate(zip(*(file[name] for name in PIXELS), strict=True)):
                digest = hashlib.sha256(b"".join(np.asarray(part).tobytes() for part in sample))
                file["checksum"][row] = digest.hexdigest()
    fit(path.parent)
