"""Bundles with chosen videos, and what an export holds, for tests of the exports."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from made_bundle import manifest_of, write_manifest, write_split

from pipeline.bundle import Bundle

Videos = Mapping[str, Sequence[tuple[str, int, int]]]
"""By split: video, live, and how many frames: 0, 5, 10, ..."""


def bundle_of(folder: Path, datasets: Mapping[str, Videos], spoof_depth: str = "zero") -> Path:
    """Write a bundle of these videos."""
    folder.mkdir(parents=True)
    shards = []
    for number, (dataset, splits) in enumerate(datasets.items()):
        for split, videos in splits.items():
            rows = [(video, live, 5 * at) for video, live, frames in videos for at in range(frames)]
            shards += write_split(folder, dataset, split, rows, 1, 15 * number)
    write_manifest(folder, manifest_of(shards, spoof_depth=spoof_depth))
    return folder


def image_hash(image: np.ndarray) -> str:
    """Of the pixels of a picture."""
    assert (image.shape, image.dtype) == ((256, 256, 3), np.uint8)
    return hashlib.sha256(image.tobytes()).hexdigest()


def samples_of(folder: Path, dataset: str) -> dict[str, tuple[int, np.ndarray]]:
    """Label and depth of each train and test sample of a bundle, by the hash of its picture."""
    found = {}
    for shard in Bundle(folder).shards(dataset, ["train", "test"]):
        for row in range(len(shard)):
            key = image_hash(np.array(shard.image[row]))
            assert key not in found
            found[key] = (int(shard.live[row]), np.array(shard.depth[row]))
    return found


def samples_by_frame(folder: Path, dataset: str) -> dict[tuple[str, int], str]:
    """The hash of each picture by video and frame."""
    return {
        (str(shard.video[row]), int(shard.frame[row])): image_hash(np.array(shard.image[row]))
        for shard in Bundle(folder).shards(dataset, ["train", "test"])
        for row in range(len(shard))
    }


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def once_each(keys: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether both hold the same, as often."""
    return Counter(keys) == Counter(wanted)
