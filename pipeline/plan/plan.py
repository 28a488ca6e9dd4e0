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


class PlanOptions(NamedTuple):
    """What a plan is asked for.

    machines: how many work; cores: of each. headers: how many of a dataset are read at most.
    packets: whether the packets of every file are counted instead of believing its header.
    """

    machines: int
    cores: int
    headers: int = HEADERS
    packets: bool = False


class Inventory(NamedTuple):
    """The videos of a dataset with their headers.

    headers: one a row. places: of the rows whose own header was read, the others being given one
    like it; none where the videos lie in a store and only their sizes are known.
    """

    rows: list[Video]
    headers: list[Header]
    places: list[int]


@dataclass(frozen=True)
class DatasetPlan:
    """The plan of one dataset.

    frames, samples, live_samples: of all its videos, by their headers; samples at most. partitions,
    done: all, and those whose crops, depth and parsing are finished. read: headers read;
    unreadable, counted: of those, the files that cannot be opened and those whose packets were
    counted; reasons: the first three of the former. shards: samples of each. bytes: by folder
    (crops, depth, parsing, bundle). to_write: bytes of crops, depth and parsing that are not there
    yet. seconds: core seconds of what is not finished, by part of the work. jobs: core seconds of
    each partition that is not finished.
    """

    name: str
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
    """The plan of the whole run.

    rates_from: where the rates are from. free: bytes on the disk of `out`, None for a store.
    unknown: back ends without a rate; where there are some no time is known. labels, pack: seconds
    by the clock until all labels are there, and of pack after them, 0 where there is nothing to do.
    """

    datasets: tuple[DatasetPlan, ...]
    options: PlanOptions
    rates: Rates
    rates_from: str
    out: str
    free: int | None
    unknown: tuple[str, ...]
    labels: float
    pack: float

    @property
    def bundle_bytes(self) -> int:
        """Bytes of the whole bundle, at most."""
        return sum(dataset.bytes["bundle"] for dataset in self.datasets)

    @property
    def stage_bytes(self) -> int:
        """Bytes of all files of crops, depth and parsing."""
        return sum(sum(dataset.bytes.values()) for dataset in self.datasets) - self.bundle_bytes

    @property
    def to_write(self) -> int:
        """Bytes of what is not there yet; the bundle is, when there is nothing to pack."""
        stages = sum(dataset.to_write for dataset in self.datasets)
        return stages + (self.bundle_bytes if self.pack else 0)

    @property
    def seconds(self) -> dict[str, float]:
        """Core seconds of what is not finished, by part of the work."""
        return _added([dataset.seconds for dataset in self.datasets])

    @property
    def jobs(self) -> list[float]:
        """Core seconds of each partition that is not finished."""
        return [job for dataset in self.datasets for job in dataset.jobs]


def take_inventory(
    dataset: str, config: Config, options: PlanOptions, tell: Callable[[str], None], cores: int
) -> Inventory:
    """Make a dataset's index and read its headers.

    tell: is given a line for people. cores: of this machine, to read headers on. Raises UserError
    where the dataset is not there.
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
        return Inventory(rows, [by_size(root / row.path) for row in rows], [])
    places = work.chosen(rows, options.headers)
    tell(f"{dataset}: {len(rows)} videos; reading {len(places)} headers")
    headers = read_headers([root / rows[at].path for at in places], options.packets, cores)
    return Inventory(rows, work.filled_in(len(rows), places, headers), places)


def plan_dataset(
    dataset: str, config: Config, out: Out, inventory: Inventory, rates: Rates
) -> DatasetPlan:
    """Plan one dataset. out: the place of the outputs, to see what is finished already."""
    parts = work.parts_of(dataset, config, inventory.rows, inventory.headers, rates)
    there = [of_partition(config, out, dataset, at, part.rows) for at, part in enumerate(parts)]
    loose = rates.loose_bytes_a_sample if config.keeps_loose() else 0
    sizes_of = [work.bytes_of(part, loose) for part in parts]
    spent = [
        work.seconds_of(part, done, config, rates) for part, done in zip(parts, there, strict=True)
    ]
    shards, bundle = _shards(parts, inventory.rows, config.pack.shard_samples)
    unreadable, counted, reasons = _trouble(inventory)
    return DatasetPlan(
        name=dataset,
        videos=len(inventory.rows),
        live_videos=sum(row.live for row in inventory.rows),
        frames=sum(part.frames for part in parts),
        samples=sum(part.samples for part in parts),
        live_samples=sum(part.live_samples for part in parts),
        partitions=len(parts),
        done=sum(all(done) for done in there),
        read=len(inventory.places),
        unreadable=unreadable,
        counted=counted,
        reasons=reasons,
        shards=shards,
        bytes={**_added(sizes_of), "bundle": bundle},
        to_write=sum(
            size
            for by_folder, done in zip(sizes_of, there, strict=True)
            for size, finished in zip(by_folder.values(), done, strict=True)
            if not finished
        ),
        seconds=_added(spent),
        jobs=tuple(
            sum(seconds.values())
            for seconds, done in zip(spent, there, strict=True)
            if not all(done)
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


def _trouble(inventory: Inventory) -> tuple[int, int, tuple[str, ...]]:
    """Of the headers read: how many are of no use, how many are counted, the first reasons."""
    read = [(inventory.rows[at].path, inventory.headers[at]) for at in inventory.places]
    reasons = [f"{path}: {header.trouble}" for path, header in read if header.trouble]
    return len(reasons), sum(header.counted for _, header in read), tuple(reasons[:3])


def plan(
    config: Config,
    inventories: dict[str, Inventory],
    options: PlanOptions,
    rates: Rates,
    rates_from: str,
) -> Plan:
    """Plan the whole run. inventories: of each dataset, by its name. rates_from: words for people
    that say where the rates are from.
    """
    with out_of(config.out) as out:
        planned = tuple(
            plan_dataset(dataset, config, out, inventory, rates)
            for dataset, inventory in inventories.items()
        )
        jobs = [job for dataset in planned for job in dataset.jobs]
        packed = not jobs and bundle_is_newer(config, out)
        free = room.free_in(out.layout.out.absolute()) if out.is_local else None
    shards = [n * rates.pack_ms_a_sample / 1000 for dataset in planned for n in dataset.shards]
    return Plan(
        planned,
        options,
        rates,
        rates_from,
        config.out,
        free,
        tuple(work.without_rate(config, rates)),
        makespan(jobs, options.machines * options.cores) if jobs else 0.0,
        0.0 if packed else rates.start_s.pack + makespan(shards, options.cores),
    )


def makespan(jobs: Sequence[float], cores: int) -> float:
    """Seconds until the last of the jobs (seconds each) is done on so many cores, each job started
    in this order on the core that is free first.
    """
    busy = [0.0] * min(cores, max(len(jobs), 1))
    for job in jobs:
        heapq.heapreplace(busy, busy[0] + job)
    return max(busy)
