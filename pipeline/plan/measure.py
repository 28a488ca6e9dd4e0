"""Rates of this machine: some of the user's own videos through the real stages, timed.

Every stage runs in a process of its own, with one thread, as a job of the graph does. What is taken
is processor time, so that a busy machine gives the same rates; where a network ran on a GPU it is
the time by the clock.
"""

import datetime
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

from pipeline.config import Config, DatasetSettings
from pipeline.datasets.base import Video, write_index
from pipeline.errors import UserError
from pipeline.indexing import corrections
from pipeline.layout import Layout
from pipeline.plan import rates, timed
from pipeline.plan.amounts import of_video
from pipeline.plan.headers import Header
from pipeline.plan.plan import Inventory
from pipeline.plan.rates import Rates
from pipeline.plan.work import in_hash_order

BUDGET = 20.0
"""Core seconds that the crop stage may take of it, all datasets together, by the rates known."""
TRIED = 1000
"""So many videos of a dataset are weighed at most."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}


def measured(
    config: Config, inventories: Mapping[str, Inventory], known: Rates, tell: Callable[[str], None]
) -> Rates:
    """The rates of this machine for what the configuration chooses.

    inventories: of each dataset, by its name. known: other rates, to judge how many videos are
    enough. tell: is given a line for people. Raises UserError where no video gives a sample.
    """
    trial = {
        name: pick_videos(inventory, config.datasets[name], known, BUDGET / len(inventories))
        for name, inventory in inventories.items()
    }
    trial = {name: picked for name, picked in trial.items() if picked}
    if not trial:
        raise UserError("--measure: no video of this machine can be read; see ocim check")
    counts = ", ".join(f"{len(picked)} of {name}" for name, picked in trial.items())
    tell(f"measuring on {counts}")
    with tempfile.TemporaryDirectory() as folder, _environment(folder):
        return _measured(_small(config, trial, Path(folder)), trial, counts)


def pick_videos(
    inventory: Inventory, settings: DatasetSettings, known: Rates, budget: float
) -> list[tuple[Video, Header]]:
    """Videos of a dataset that take the crop stage about `budget` core seconds, by a hash of their
    paths; at least one that can be read, if there is one.
    """
    picked, spent = [], 0.0
    cheapest: tuple[float, Video, Header] | None = None
    for at in by_turns(inventory)[:TRIED]:
        row, header = inventory.rows[at], inventory.headers[at]
        amount = of_video(header.frames, settings)
        decode = known.decode_ms("", header.pixels)
        look = known.look_ms("", next(iter(known.crop_ms_a_look)), header.pixels)
        seconds = (amount.decoded * decode + amount.looked * look) / 1000
        if cheapest is None or seconds < cheapest[0]:
            cheapest = (seconds, row, header)
        if spent + seconds <= budget:
            picked.append((row, header))
            spent += seconds
    return picked or ([cheapest[1:]] if cheapest else [])


def by_turns(inventory: Inventory) -> list[int]:
    """The places of the videos that can be read, live and spoof by turns and else by a hash: depth
    is made of live samples alone.
    """
    read = set(inventory.places)
    readable = [
        at
        for at in in_hash_order(inventory.rows)
        if inventory.headers[at].frames
        and at in read
        and corrections.excluded(corrections.of_row(inventory.rows[at]), None) is None
    ]
    kinds = [[at for at in readable if inventory.rows[at].live == live] for live in (1, 0)]
    return [at for pair in zip_longest(*kinds) for at in pair if at is not None]


@contextmanager
def _environment(folder: str) -> Iterator[None]:
    """One thread, and a memory of video hashes that is new, for the processes of the block."""
    values = {**ONE_THREAD, "XDG_CACHE_HOME": f"{folder}/cache"}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _small(
    config: Config, trial: Mapping[str, Sequence[tuple[Video, Header]]], folder: Path
) -> Config:
    """The configuration with one partition a dataset, its outputs and index below `folder`."""
    datasets = {name: config.datasets[name].model_copy(update={"partitions": 1}) for name in trial}
    small = config.model_copy(update={"out": str(folder / "run"), "datasets": datasets})
    for name, picked in trial.items():
        write_index(Layout(small.out).index(name), [row for row, _ in picked])
    return small


def _measured(small: Config, trial: Mapping[str, Sequence[tuple[Video, Header]]], on: str) -> Rates:
    """Run every stage of the small configuration, and make rates of its costs. on: which videos."""
    start = timed.run(timed.crop, small, next(iter(trial)), []).cpu
    own = {}
    for name, picked in trial.items():
        bare = timed.run(timed.decode, small, name).work
        whole = timed.run(timed.crop, small, name, None).cpu - start
        own[name] = of_dataset(picked, small.datasets[name], small.crop.landmarks, bare, whole)
    depth, parse = (timed.run(timed.layers, small, stage) for stage in ("depth", "parse"))
    pack = timed.run(timed.pack, small)
    counted = timed.counts(small)
    if not counted["samples"]:
        raise UserError("--measure: none of the videos that were tried gives a sample")
    return Rates(
        processor=f"{timed.processor()}, {os.cpu_count()} cores",
        measured=f"{datetime.date.today()}, on {on}",
        decode_ms_a_frame=one_a_size([(o.pixels, o.decode_ms_a_frame) for o in own.values()]),
        crop_ms_a_look={
            small.crop.landmarks: one_a_size([(o.pixels, o.crop_ms_a_look) for o in own.values()])
        },
        depth_ms_a_live_sample={
            small.depth.backend: _ms(
                depth.work, counted["samples" if small.depth.spoof_depth == "raw" else "live"]
            )
        },
        parse_ms_a_sample={small.parse.backend: _ms(parse.work, counted["samples"])},
        pack_ms_a_sample=_ms(pack.work, counted["samples"]),
        start_s=rates.Starts(
            crop=round(start, 3), depth=depth.start(2), parse=parse.start(2), pack=pack.start()
        ),
        loose_bytes_a_sample=counted["loose"] or rates.shipped().loose_bytes_a_sample,
        datasets=own,
    )


def of_dataset(
    picked: Sequence[tuple[Video, Header]],
    settings: DatasetSettings,
    landmarks: str,
    bare: float,
    whole: float,
) -> rates.DatasetRates:
    """The rates of some videos of a dataset.

    landmarks: the back end that finds them. bare: core seconds of decoding each video once. whole:
    core seconds of the crop stage, which may decode less.
    """
    amounts = [of_video(header.frames, settings) for _, header in picked]
    frames = sum(amount.frames for amount in amounts)
    decoded = sum(amount.decoded for amount in amounts)
    whole = max(whole, 0.0)
    decoding = min(bare * decoded / frames, whole)
    return rates.DatasetRates(
        pixels=max(sum(header.frames * header.pixels for _, header in picked) // frames, 1),
        landmarks=landmarks,
        decode_ms_a_frame=_ms(decoding, decoded),
        crop_ms_a_look=_ms(whole - decoding, sum(amount.looked for amount in amounts)),
    )


def one_a_size(points: Sequence[rates.Point]) -> list[rates.Point]:
    """Points in the order of their pixels; those of one size become their mean."""
    sizes: dict[int, list[float]] = {}
    for pixels, ms in points:
        sizes.setdefault(pixels, []).append(ms)
    return [(pixels, sum(ms) / len(ms)) for pixels, ms in sorted(sizes.items())]


def _ms(seconds: float, count: int) -> float:
    return round(seconds / max(count, 1) * 1000, 3)
