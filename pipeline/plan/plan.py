"""The plan of a run: what each dataset gives, what it takes, and what of it is there already."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from pipeline.config import Config
from pipeline.datasets.base import SPLITS, Video
from pipeline.errors import UserError
from pipeline.files import room
from pipeline.files.urls import is_url
from pipeline.index import dataset_root, index
from pipeline.places import Out, out_of
from pipeline.plan import sizes, work
from pipeline.plan.finished import bundle_is_newer, of_partition
from pipeline.plan.headers import Header, by_size, read_headers
from pipeline.plan.rates import Rates

Number = TypeVar("Number", int, float)
HEADERS = 10_000
"""So many headers of a dataset are read; the rest are taken to be like them."""


class Wish(NamedTuple):
    """machines, cores: of each. headers: read of a dataset, at most. packets: count them."""

    machines: int
    cores: int
    headers: int = HEADERS
    packets: bool = False


class Found(NamedTuple):
    """A dataset as its folder shows it. headers: one a row. places: rows whose own was read; none
    where the videos lie in a store and only their sizes are known.
    """

    rows: list[Video]
    headers: list[Header]
    places: list[int]


@dataclass(frozen=True)
class DatasetPlan:
    """One dataset. frames, samples, live_samples: of all its videos, by their headers; samples at
    most. done: partitions whose crops, depth and parsing are finished. read: headers read;
    unreadable, counted: of those. bytes: by folder, and of the bundle; to_write: what of it is not
    there yet. seconds: of cores, of what is not finished, by part of the work. jobs: the seconds of
    each partition that is not finished.
    """

    dataset: str
    videos: int
    live_videos: int
    frames: int
    samples: int
    live_samples: int
    partitions: int
    done: int
    read: int
    unreadable: int
    counted: int
    reasons: tuple[str, ...]
    shards: tuple[int, ...]
    bytes: dict[str, int]
    to_write: int
    seconds: dict[str, float]
    jobs: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """The whole run. unknown: back ends without a rate: then no time is known. labels, pack:
    seconds by the clock until all labels are there, and of pack after them.
    """

    datasets: tuple[DatasetPlan, ...]
    wish: Wish
    rates: Rates
    rates_from: str
    out: str
    free: int | None
    unknown: tuple[str, ...]
    labels: float
    pack: float

    @property
    def bundle_bytes(self) -> int:
        """Of the whole bundle."""
        return sum(one.bytes["bundle"] for one in self.datasets)

    @property
    def stage_bytes(self) -> int:
        """Of the files of crops, depth and parsing."""
        return sum(sum(one.bytes.values()) for one in self.datasets) - self.bundle_bytes

    @property
    def to_write(self) -> int:
        """Of what is not there yet; the bundle is, when there is nothing to pack."""
        stages = sum(one.to_write for one in self.datasets)
        return stages + (self.bundle_bytes if self.pack else 0)

    @property
    def seconds(self) -> dict[str, float]:
        """Core seconds of what is not finished, by part of the work."""
        return _added([one.seconds for one in self.datasets])

    @property
    def jobs(self) -> list[float]:
        """Core seconds of each partition that is not finished."""
        return [job for one in self.datasets for job in one.jobs]


def look(
    dataset: str, config: Config, wish: Wish, tell: Callable[[str], None], cores: int
) -> Found:
    """A dataset's index and headers. UserError, as of `ocim check`, where it is not there.

    cores: of this machine, to read headers.
    """
    from pipeline.graph import check_inputs

    settings = config.datasets[dataset]
    try:
        rows = index(dataset, settings)
    except UserError:
        check_inputs(config)  # says the same, and what else may be done
        raise
    root = dataset_root(dataset, settings)
    if is_url(settings.root):
        return Found(rows, [by_size(root / row.path) for row in rows], [])
    places = work.chosen(rows, wish.headers)
    tell(f"{dataset}: {len(rows)} videos; reading {len(places)} headers")
    headers = read_headers([root / rows[at].path for at in places], wish.packets, cores)
    return Found(rows, work.filled_in(len(rows), places, headers), places)


def plan_dataset(dataset: str, config: Config, out: Out, found: Found, known: Rates) -> DatasetPlan:
    """Plan one dataset. out: the place of the outputs, to see what is there."""
    parts = work.parts_of(dataset, config, found.rows, found.headers, known)
    there = [of_partition(config, out, dataset, at, part.rows) for at, part in enumerate(parts)]
    loose = known.loose_bytes_a_sample if config.keeps_loose() else 0
    sizes_of = [work.bytes_of(part, loose) for part in parts]
    spent = [
        work.seconds_of(part, done, config, known) for part, done in zip(parts, there, strict=True)
    ]
    shards, bundle = _shards(parts, found.rows, config.pack.shard_samples)
    unreadable, counted, reasons = _trouble(found)
    return DatasetPlan(
        dataset=dataset,
        videos=len(found.rows),
        live_videos=sum(row.live for row in found.rows),
        frames=sum(part.frames for part in parts),
        samples=sum(part.samples for part in parts),
        live_samples=sum(part.live_samples for part in parts),
        partitions=len(parts),
        done=sum(all(done) for done in there),
        read=len(found.places),
        unreadable=unreadable,
        counted=counted,
        reasons=reasons,
        shards=shards,
        bytes={**_added(sizes_of), "bundle": bundle},
        to_write=sum(
            size
            for one, done in zip(sizes_of, there, strict=True)
            for size, finished in zip(one.values(), done, strict=True)
            if not finished
        ),
        seconds=_added(spent),
        jobs=tuple(
            sum(one.values()) for one, done in zip(spent, there, strict=True) if not all(done)
        ),
    )


def _added(rows: Sequence[dict[str, Number]]) -> dict[str, Number]:
    """The sums of what rows say under the same names."""
    return {name: sum(row[name] for row in rows) for name in rows[0]}


def _shards(
    parts: Sequence[work.Part], rows: Sequence[Video], shard_samples: int
) -> tuple[tuple[int, ...], int]:
    """Samples of each shard of a dataset, and bytes of all, at most."""
    shards: list[int] = []
    size = 0
    for split in SPLITS:
        samples = sum(part.splits[split] for part in parts)
        videos = sum(row.split == split for row in rows)
        own, taken = sizes.shards(samples, videos, shard_samples)
        shards, size = shards + own, size + taken
    return tuple(shards), size


def _trouble(found: Found) -> tuple[int, int, tuple[str, ...]]:
    """Of the headers read: how many are of no use, how many are counted, the first reasons."""
    read = [(found.rows[at].path, found.headers[at]) for at in found.places]
    reasons = [f"{path}: {header.trouble}" for path, header in read if header.trouble]
    return len(reasons), sum(header.counted for _, header in read), tuple(reasons[:3])


def plan(
    config: Config,
    founds: dict[str, Found],
    wish: Wish,
    known: Rates,
    rates_from: str,
) -> Plan:
    """Plan the whole run. founds: of each dataset. rates_from: where the rates are from."""
    with out_of(config.out) as out:
        planned = tuple(
            plan_dataset(dataset, config, out, found, known) for dataset, found in founds.items()
        )
        jobs = [job for one in planned for job in one.jobs]
        packed = not jobs and bundle_is_newer(config, out)
        free = room.free_in(out.layout.out.absolute()) if out.stays else None
    shards = [n * known.pack_ms_a_sample / 1000 for one in planned for n in one.shards]
    return Plan(
        planned,
        wish,
        known,
        rates_from,
        config.out,
        free,
        tuple(work.without_rate(config, known)),
        makespan(jobs, wish.machines * wish.cores) if jobs else 0.0,
        0.0 if packed else known.start_s.pack + makespan(shards, wish.cores),
    )


def makespan(jobs: Sequence[float], cores: int) -> float:
    """Seconds until the last of the jobs (seconds each) is done on so many cores, each job started
    in this order on the core that is free first.
    """
    busy = [0.0] * min(cores, max(len(jobs), 1))
    for job in jobs:
        heapq.heapreplace(busy, busy[0] + job)
    return max(busy)
