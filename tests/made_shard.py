"""One shard whose values are all different and whose texts are odd, for tests of shards."""

from pathlib import Path

import numpy as np

from pipeline.bundle import FIELDS, PIXELS
from pipeline.files.hdf5 import fixed_strings
from pipeline.packing.shard import write_shard

VIDEOS = ["größe/ä 1.avi", "脸/2.avi", "", "a.avi", "a.avi"]
COUNT = len(VIDEOS)


def columns(count: int = COUNT) -> dict[str, np.ndarray]:
    """Every column of a shard but pixels and checksums, each value different from the others."""
    rng = np.random.default_rng(7)
    made = {}
    for name, field in FIELDS.items():
        if name in PIXELS or name == "checksum":
            continue
        if field.dtype is None:
            texts = VIDEOS if name == "video" else [f"{name} {n}" * (n % 2) for n in range(COUNT)]
            made[name] = fixed_strings(texts[:count])
        else:
            values = rng.integers(0, 2 if name == "live" else 99, (count, *field.shape))
            made[name] = values.astype(field.dtype)
    return made


def samples(count: int = COUNT) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(3)
    return [
        (
            rng.integers(0, 256, (256, 256, 3), np.uint8),
            rng.random((32, 32), np.float32),
            rng.integers(0, 13, (256, 256), np.uint8),
        )
        for _ in range(count)
    ]


ATTRIBUTES = {
    "split": "train", "dataset": "oulu", "key": "k", "provenance": '{"a": "ü"}', "notice": "n",
}  # fmt: skip
SOURCES = [
    {"video": "größe/ä 1.avi", "sha256": "ab", "faces_sha256": "", "upside_down": 0},
    {"video": "脸/2.avi", "sha256": "cd", "faces_sha256": "ef", "upside_down": 1},
]
FAILED = [{"video": "脸/2.avi", "frame": -1, "reason": "no face"}]


def write_made(folder: Path, count: int = COUNT) -> Path:
    """Write the shard, of its first `count` samples, into a folder."""
    path = folder / "oulu-train-00000-of-00001.h5"
    write_shard(path, ATTRIBUTES, columns(count), samples(count), SOURCES, FAILED)
    return path
