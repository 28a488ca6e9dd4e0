"""A bundle of made samples, of any size, for the benchmarks that read one."""

import hashlib
import math
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
PROVENANCE = {"settings": {"depth": {"spoof_depth": "zero"}}, "backends": {}, "versions": {}}


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
    video, frame = divmod(number // 2, FRAMES)
    return f"{number % 2}/a-folder-of-usual-length/{video:06d}.avi", frame


def in_order(dataset: str, numbers: Sequence[int]) -> list[int]:
    """Samples in the order in which a dataset's shards have them."""
    return sorted(numbers, key=lambda number: order(dataset, *identity(number)))


def pieces(dataset: str, split: str, numbers: Sequence[int]) -> Iterator[tuple[str, Sequence[int]]]:
    """The name of each shard of a split and its samples, in equal parts."""
    count = max(1, math.ceil(len(numbers) / SHARD_SAMPLES))
    for piece in range(count):
        first, last = (len(numbers) * edge // count for edge in (piece, piece + 1))
        yield f"{dataset}-{split}-{piece:05d}-of-{count:05d}.h5", numbers[first:last]


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


def source_videos(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of a shard's table of videos."""
    return [
        {"video": video, "sha256": "", "faces_sha256": "", "upside_down": 0}
        for video in sorted({identity(number)[0] for number in numbers})
    ]


def shard_entry(path: Path, about: dict[str, Any], live: np.ndarray, sha256: str) -> dict[str, Any]:
    """What the manifest says of a shard. about: its attributes; live: its field."""
    return {
        "file": path.name, "dataset": about["dataset"], "split": about["split"],
        "key": about["key"], "samples": len(live), "live": int(live.sum()),
        "spoof": int((live == 0).sum()), "bytes": path.stat().st_size, "sha256": sha256,
    }  # fmt: skip


def write_dataset(folder: Path, dataset: str, count: int) -> Iterator[dict[str, Any]]:
    """Write the shards of one dataset, all of them train; give the manifest's entry of each."""
    numbers = in_order(dataset, range(count))
    videos = source_videos(numbers)
    for name, part in pieces(dataset, "train", numbers):
        path = folder / name
        key = hashlib.sha256(f"{name} {count}".encode()).hexdigest()
        about = {"dataset": dataset, "split": "train", "key": key,
                 "provenance": canonical_json(PROVENANCE), "notice": NOTE}  # fmt: skip
        fields = columns(part)
        write_shard(path, about, fields, samples(part), videos, [])
        yield shard_entry(path, about, fields["live"], sha256_file(path))


def write_manifest(folder: Path, shards: list[dict[str, Any]]) -> None:
    """Write the manifest and the notice of a bundle whose shards are there."""
    datasets = {shard["dataset"] for shard in shards}
    manifest: dict[str, Any] = {
        "schema": SCHEMA, "shards": shards, "counts": counts(shards), "spoof_depth": "zero",
        "provenance": dict.fromkeys(datasets, PROVENANCE), "notice": NOTE,
        "corrections": [], "failures": [], "remarks": [],
    }  # fmt: skip
    text = canonical_json({**manifest, "hash": manifest_hash(manifest)})
    (folder / MANIFEST).write_text(text, "utf-8")
    (folder / NOTICE).write_text(NOTE, "utf-8")


def make_bundle(folder: Path, count: int) -> None:
    """Write a bundle of about `count` samples, the same number for each of three datasets."""
    folder.mkdir(parents=True, exist_ok=True)
    each = count // len(DATASETS)
    shards = [entry for name in DATASETS for entry in write_dataset(folder, name, each)]
    write_manifest(folder, shards)
