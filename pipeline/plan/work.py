"""The work of every partition of a dataset, from its index, headers and rates."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.config import Config
from pipeline.datasets.base import SPLITS, Video
from pipeline.index import partition_of
from pipeline.indexing import corrections
from pipeline.plan import sizes
from pipeline.plan.amounts import of_video
from pipeline.plan.finished import Finished
from pipeline.plan.headers import Header
from pipeline.plan.rates import Rates


@dataclass
class Part:
    """The work of one partition.

    rows: its part of the index. frames, samples, live_samples: of its videos, samples at most.
    decode, look: core seconds in the crop stage, of decoding and of all else. splits: samples by
    split.
    """

    rows: list[Video] = field(default_factory=list)
    frames: int = 0
    samples: int = 0
    live_samples: int = 0
    decode: float = 0.0
    look: float = 0.0
    splits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))


def parts_of(
    dataset: str, config: Config, rows: Sequence[Video], headers: Sequence[Header], rates: Rates
) -> list[Part]:
    """Every partition of a dataset, in the order of their numbers.

    headers: one for each of rows. Seconds are 0 where there is no rate for the back end that finds
    the landmarks.
    """
    settings = config.datasets[dataset]
    parts = [Part() for _ in range(settings.partitions)]
    for row, header in zip(rows, headers, strict=True):
        part = parts[partition_of(dataset, row.path, settings.partitions)]
        part.rows.append(row)
        if corrections.excluded(corrections.of_row(row), None) is not None or not header.frames:
            continue
        amount = of_video(header.frames, settings)
        look = rates.look_ms(dataset, config.crop.landmarks, header.pixels)
        part.decode += amount.decoded * rates.decode_ms(dataset, header.pixels) / 1000
        part.look += amount.looked * look / 1000
        part.frames += amount.frames
        part.samples += amount.samples
        part.live_samples += amount.samples * row.live
        part.splits[row.split] += amount.samples
    return parts


def in_hash_order(rows: Sequence[Video]) -> list[int]:
    """The places of the rows (0 to len(rows) - 1), in the order of a hash of their paths."""

    def by_hash(place: int) -> bytes:
        return hashlib.sha256(rows[place].path.encode("utf-8", "surrogateescape")).digest()

    return sorted(range(len(rows)), key=by_hash)


def chosen(rows: Sequence[Video], most: int) -> list[int]:
    """The places, ascending, of at most so many of the rows, chosen by a hash of their paths."""
    return list(range(len(rows))) if len(rows) <= most else sorted(in_hash_order(rows)[:most])


def filled_in(count: int, places: Sequence[int], headers: Sequence[Header]) -> list[Header]:
    """A header for each of `count` videos, of which those at `places` have been read: each of the
    others is given one that was read, all of them equally often.
    """
    read = dict(zip(places, headers, strict=True))
    others = iter(range(count))
    return [read[at] if at in read else headers[next(others) % len(headers)] for at in range(count)]


def seconds_of(part: Part, done: Finished, config: Config, rates: Rates) -> dict[str, float]:
    """Core seconds of what is left to do of a partition, under the names decode, crop (all else of
    that stage), depth, parse, and start (until its jobs can work).

    done: its finished stages. A back end without a rate counts nothing.
    """
    spent = dict.fromkeys(("decode", "crop", "depth", "parse", "start"), 0.0)
    if not done.crop:
        spent["decode"], spent["crop"] = part.decode, part.look
        spent["start"] += rates.start_s.crop
    if not done.depth:
        drawn = part.samples if config.depth.spoof_depth == "raw" else part.live_samples
        spent["depth"] = drawn * rates.depth_ms_a_live_sample.get(config.depth.backend, 0) / 1000
        spent["start"] += rates.start_s.depth
    if not done.parse:
        spent["parse"] = part.samples * rates.parse_ms_a_sample.get(config.parse.backend, 0) / 1000
        spent["start"] += rates.start_s.parse
    return spent


def bytes_of(part: Part, loose: int) -> dict[str, int]:
    """Bytes of a partition's files, by folder. loose: bytes of a sample's looser picture, 0 where
    none is kept.
    """
    paths = [row.path for row in part.rows]
    return {
        "crops": sizes.crops(part.samples, paths, loose),
        "depth": sizes.layer("depth", part.samples, paths),
        "parsing": sizes.layer("parsing", part.samples, paths),
    }


def without_rate(config: Config, rates: Rates) -> list[str]:
    """What a configuration chooses and there is no rate for, as "depth by prnet"."""
    backends = (
        ("crops", config.crop.landmarks, rates.crop_ms_a_look),
        ("depth", config.depth.backend, rates.depth_ms_a_live_sample),
        ("parsing", config.parse.backend, rates.parse_ms_a_sample),
    )
    return [f"{what} by {name}" for what, name, of_backend in backends if name not in of_backend]
