"""A bundle of made samples, of any size, for the benchmarks that read one."""

import hashlib
import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.bundle import FIELDS, MANIFEST, PIXELS, SCHEMA, canonical_json, manifest_hash
from pipeline.hdf5 import fixed_strings
from pipeline.shard import Pixels, write_shard

DATASETS = ("casia", "oulu", "replay")
SHARD_SAMPLES = 4096
KINDS = 48  # so many different pictures; sample i is one of them, turned around its columns
FRAMES = 20  # a video


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


def samples(count: int) -> Iterator[Pixels]:
    """Live and spoof in turn: image, depth, parsing."""
    kinds = pictures()
    for number in range(count):
        image, depth, parsing = kinds[(number + 1) % KINDS]
        turn = number // KINDS * 7 % 256
        yield np.roll(image, turn, 1), depth, np.roll(parsing, turn, 1)


def columns(count: int, first: int) -> dict[str, np.ndarray]:
    """Every other field of `count` samples, of which `first` come before."""
    made: dict[str, np.ndarray] = {}
    for name, field in FIELDS.items():
        if name not in (*PIXELS, "checksum"):
            zero = [""] * count if field.dtype is None else (count, *field.shape)
            made[name] = fixed_strings(zero) if field.dtype is None else np.zeros(zero, field.dtype)
    numbers = np.arange(first, first + count)
    made["live"] = ((numbers + 1) % 2).astype(np.uint8)
    made["frame"] = (numbers // 2 % FRAMES).astype(np.int32)
    made["video"] = fixed_strings(
        [f"train/{n % 2}/a-folder-of-usual-length/{n // 2 // FRAMES:06d}.avi" for n in numbers]
    )
    return made


def make_bundle(folder: Path, count: int, shard_samples: int = SHARD_SAMPLES) -> None:
    """Write a bundle of about `count` samples, the same number for each of three datasets."""
    folder.mkdir(parents=True, exist_ok=True)
    each = count // len(DATASETS)
    pieces = math.ceil(each / shard_samples)
    shards: list[dict[str, Any]] = []
    for dataset in DATASETS:
        for piece in range(pieces):
            first, end = each * piece // pieces, each * (piece + 1) // pieces
            name = f"{dataset}-train-{piece:05d}-of-{pieces:05d}.h5"
            key = hashlib.sha256(f"{name} {first} {end}".encode()).hexdigest()
            about = {"dataset": dataset, "split": "train", "key": key,
                     "provenance": "{}", "notice": ""}  # fmt: skip
            write_shard(folder / name, about, columns(end - first, first), samples(end - first),
                        [], [])  # fmt: skip
            shards.append({"file": name, "dataset": dataset, "split": "train", "key": key,
                           "samples": end - first})  # fmt: skip
    manifest = {"schema": SCHEMA, "shards": shards, "failures": [], "spoof_depth": "zero"}
    text = canonical_json({**manifest, "hash": manifest_hash(manifest)})
    (folder / MANIFEST).write_text(text, "utf-8")


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
