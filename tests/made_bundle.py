"""A small bundle of made samples, written through pipeline.bundle, for the tests of train/."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.bundle import FIELDS, MANIFEST, PIXELS, SCHEMA, fixed_strings, write_shard

DATASETS = ("casia", "msu", "oulu", "replay")


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


def _columns(dataset: str, videos: Sequence[tuple[str, int]], frames: int) -> dict[str, Any]:
    rows = [(video, live, frame) for video, live in videos for frame in range(frames)]
    size = len(rows)
    columns: dict[str, Any] = {}
    for name, field in FIELDS.items():
        if name in PIXELS or name == "checksum":
            continue
        if field.dtype is None:
            columns[name] = fixed_strings([""] * size)
        else:
            columns[name] = np.zeros((size, *field.shape), field.dtype)
    columns["video"] = fixed_strings([video for video, _, _ in rows])
    columns["live"] = np.array([live for _, live, _ in rows], np.uint8)
    columns["frame"] = np.array([frame * 5 for _, _, frame in rows], np.int32)
    columns["attack"] = fixed_strings(["" if live else "print" for _, live, _ in rows])
    return columns


def make_bundle(
    folder: Path,
    datasets: Sequence[str] = DATASETS,
    videos: int = 3,
    frames: int = 2,
    classes: Sequence[int] = (1, 0),
    failures: Sequence[dict[str, Any]] = (),
) -> Path:
    """Write a bundle: `videos` videos a class and split (train, test), `frames` samples each."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for number, dataset in enumerate(datasets):
        for split in ("train", "dev", "test"):
            rng = np.random.default_rng([number, len(split)])
            names = [(f"{split}/{live}_{v}.avi", live) for v in range(videos) for live in classes]
            columns = _columns(dataset, names, frames)

            def pixels(columns: Any = columns, rng: Any = rng, tint: int = 15 * number) -> Iterator:
                for live in columns["live"]:
                    yield sample(rng, int(live), tint)

            file = f"{dataset}-{split}-00000-of-00001.h5"
            write_shard(folder / file, {"dataset": dataset, "split": split}, columns, pixels())
            shards.append({"dataset": dataset, "split": split, "file": file})
    manifest = {"schema": SCHEMA, "shards": shards, "failures": list(failures)}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder
