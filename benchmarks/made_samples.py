"""A bundle of made samples, of any size, for the benchmarks that read one."""

import hashlib
import math
import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.bundle import (
    FIELDS,
    MANIFEST,
    NOTICE,
    PIXELS,
    SCHEMA,
    canonical_json,
    manifest_hash,
    order,
)
from pipeline.files.hdf5 import fixed_strings
from pipeline.files.keys import sha256_file
from pipeline.pack import counts
from pipeline.packing.shard import Pixels, write_shard

DATASETS = ("casia", "oulu", "replay")
SHARD_SAMPLES = 4096
KINDS = 48  # so many different pictures; sample i is one of them, turned around its columns
FRAMES = 20  # a video
NOTE = "made samples\n"
PROVENANCE = {"settings": {"depth": {"spoof_depth": "zero"}}}


def pictures() -> list[Pixels]:
    """Soft shapes with a little noise, which files compress about as they do camera pictures."""
    rng = np.random.default_rng(0)
    made: list[Pixels] = []
    for kind in range(KINDS):
        few = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
        soft = np.asarray(few.resize((256, 256), Image.Resampling.BICUBIC), np.float32)
        image = (soft + rng.normal(0, 1.5, soft.shape)).clip(0, 255).astype(np.uint8)
        field = Image.fromarray(rng.integers(0, 256, (4, 4), np.uint8))
        near = np.asarray(field.resize((32, 32), Image.Resampling.BICUBIC), np.float32) / 255
        large = field.resize((256, 256), Image.Resampling.BICUBIC)
        parsing = (np.asarray(large) // 20).astype(np.uint8)
        made.append((image, near * (kind % 2), parsing))
    return made


def samples(numbers: Sequence[int]) -> Iterator[Pixels]:
    """Image, depth and parsing by number; even numbers are live."""
    kinds = pictures()
    for number in numbers:
        image, depth, parsing = kinds[(number + 1) % KINDS]
        turn = number // KINDS * 7 % 256
        yield np.roll(image, turn, 1), depth, np.roll(parsing, turn, 1)


def identity(number: int) -> tuple[str, int]:
    """Video and frame of a sample."""
    return f"{number % 2}/a-folder-of-usual-length/{number // 2 // FRAMES:06d}.avi", (
        number // 2 % FRAMES
    )


def columns(numbers: Sequence[int]) -> dict[str, np.ndarray]:
    """Every other field of samples."""
    count = len(numbers)
    made = {
        name: fixed_strings([""] * count)
        if field.dtype is None
        else np.zeros((count, *field.shape), field.dtype)
        for name, field in FIELDS.items()
        if name not in (*PIXELS, "checksum")
    }
    identities = [identity(number) for number in numbers]
    made["affine"][:] = np.eye(2, 3)
    made["live"] = np.array([(number + 1) % 2 for number in numbers], np.uint8)
    made["frame"] = np.array([frame for _, frame in identities], np.int32)
    made["video"] = fixed_strings([video for video, _ in identities])
    made["subject"] = fixed_strings([video[-10:-4] for video, _ in identities])
    made["attack"] = fixed_strings(["" if live else "print" for live in made["live"]])
    return made


def write_dataset(
    folder: Path, dataset: str, count: int, shard_samples: int
) -> Iterator[dict[str, Any]]:
    """Write the shards of one dataset, all of them train; give the manifest's entry of each."""
    numbers = sorted(range(count), key=lambda number: order(dataset, *identity(number)))
    videos = [
        {"video": video, "sha256": "", "faces_sha256": "", "upside_down": 0}
        for video in sorted({identity(number)[0] for number in numbers})
    ]
    pieces = math.ceil(count / shard_samples)
    for piece in range(pieces):
        part = numbers[count * piece // pieces : count * (piece + 1) // pieces]
        path = folder / f"{dataset}-train-{piece:05d}-of-{pieces:05d}.h5"
        key = hashlib.sha256(f"{path.name} {count}".encode()).hexdigest()
        about = {"dataset": dataset, "split": "train", "key": key,
                 "provenance": canonical_json(PROVENANCE), "notice": NOTE}  # fmt: skip
        write_shard(path, about, columns(part), samples(part), videos, [])
        live = sum((number + 1) % 2 for number in part)
        yield {
            "file": path.name, "dataset": dataset, "split": "train", "key": key,
            "samples": len(part), "live": live, "spoof": len(part) - live,
            "bytes": path.stat().st_size, "sha256": sha256_file(path),
        }  # fmt: skip


def make_bundle(folder: Path, count: int, shard_samples: int = SHARD_SAMPLES) -> None:
    """Write a bundle of about `count` samples, the same number for each of three datasets."""
    folder.mkdir(parents=True, exist_ok=True)
    each = count // len(DATASETS)
    shards = [e for name in DATASETS for e in write_dataset(folder, name, each, shard_samples)]
    manifest: dict[str, Any] = {
        "schema": SCHEMA, "shards": shards, "counts": counts(shards), "spoof_depth": "zero",
        "provenance": dict.fromkeys(DATASETS, PROVENANCE), "notice": NOTE,
        "corrections": [], "failures": [], "remarks": [],
    }  # fmt: skip
    text = canonical_json({**manifest, "hash": manifest_hash(manifest)})
    (folder / MANIFEST).write_text(text, "utf-8")
    (folder / NOTICE).write_text(NOTE, "utf-8")


def forget(paths: list[Path]) -> None:
    """Take files out of the system's memory of files, so that they are read from the disk again."""
    if not hasattr(os, "posix_fadvise"):
        raise SystemExit("this system cannot forget files (posix_fadvise): leave out --cold")
    os.sync()  # what is not yet written cannot be forgotten
    for path in paths:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    place = Path("/proc/cpuinfo")
    lines = place.read_text("utf-8").splitlines() if place.is_file() else []
    named = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": named[0] if named else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }
