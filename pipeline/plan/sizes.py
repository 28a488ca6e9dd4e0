"""How many bytes the files of a run take: a partition's crops, depth and parsing, and shards."""

import math
from collections.abc import Sequence

import numpy as np

from pipeline.bundle import FIELDS
from pipeline.cropping.samples import FIELDS as RECORD
from pipeline.files.hdf5 import PAGE
from pipeline.packing import shard

CROPS, LAYER = 5 * PAGE, 7 * PAGE // 2
"""What a partition's file has besides its samples and videos, about: names, attributes, pages."""
SHA256 = 64


def crops(samples: int, paths: Sequence[str], loose: int) -> int:
    """Bytes of a partition's crops, about. paths: of its videos. loose: bytes that the looser
    picture of a sample takes, 0 where none is kept.
    """
    text = longest(paths)
    record = sum(np.dtype(kind).itemsize * math.prod(shape) for kind, shape in RECORD.values())
    live = 1
    kept = loose + 8 if loose else 0
    return CROPS + samples * (record + text + live + kept) + len(paths) * (text + SHA256)


def layer(name: str, samples: int, paths: Sequence[str]) -> int:
    """Bytes of a partition's layer, about. name: `depth` or `parsing`. paths: of its videos."""
    field = FIELDS[name]
    label = np.dtype(field.dtype).itemsize * math.prod(field.shape)
    number = np.dtype(FIELDS["frame"].dtype).itemsize
    return LAYER + samples * (label + number + longest(paths))


def shards(samples: int, videos: int, shard_samples: int) -> tuple[list[int], int]:
    """The samples of each shard of one split, and the bytes of all, at most.

    videos: of the split; every shard lists them.
    """
    count = -(-samples // shard_samples)
    parts = [samples * (n + 1) // count - samples * n // count for n in range(count)]
    return parts, sum(shard.size_limit(part, videos, 0) for part in parts)


def longest(texts: Sequence[str]) -> int:
    """Bytes of the longest text in UTF-8, 1 where there is none; a column of texts is so wide."""
    return max((len(text.encode("utf-8", "surrogateescape")) for text in texts), default=1)
