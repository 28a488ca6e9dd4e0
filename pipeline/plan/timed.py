"""The stages of a small run, each in a process of its own, and the core seconds that it takes."""

import json
import multiprocessing
import platform
import resource
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from pipeline.config import Config
from pipeline.datasets.base import Video, read_index
from pipeline.errors import UserError
from pipeline.index import dataset_root
from pipeline.layout import Layout
from pipeline.partition import STAGES, make_stage


class Cost(NamedTuple):
    """Core seconds. cpu: of the whole process and what it started. work: of the work itself."""

    cpu: float
    work: float

    def start(self, times: int = 1) -> float:
        """Core seconds until the process could work, where the work was done so many times."""
        return round(max(self.cpu - times * self.work, 0.0), 3)


def run(function: Callable[..., float], *values: Any) -> Cost:
    """Call function(*values), which returns the core seconds of its work, in a new process.

    Raises the UserError that the function raises, and one where the process ends without a result.
    """
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    before = _of_children()
    process = spawn.Process(target=_child, args=(there, function, *values))
    process.start()
    there.close()
    try:
        answer = here.recv()
    except EOFError:
        answer = None
    process.join()
    if isinstance(answer, UserError):
        raise answer
    if answer is None:
        raise UserError("--measure: a stage ended without a result; its message is above")
    return Cost(_of_children() - before, answer)


def _child(pipe: Connection, function: Callable[..., float], *values: Any) -> None:
    try:
        pipe.send(function(*values))
    except UserError as error:
        pipe.send(error)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def decode(config: Config, dataset: str) -> float:
    """Decode every video of a dataset once, nothing turned to RGB; its core seconds."""
    import av  # noqa: F401  (the start, not the work)

    from pipeline.frames.video import VideoError
    from pipeline.frames.video import decode as frames_of

    root = dataset_root(dataset, config.datasets[dataset])
    rows = read_index(Layout(config.out).index(dataset))
    began = time.process_time()
    for row in rows:
        with suppress(VideoError, OSError):
            for _ in frames_of(root / row.path, bool(row.upside_down), lambda number: False):
                pass
    return time.process_time() - began


def crop(config: Config, dataset: str, rows: Sequence[Video] | None) -> float:
    """Run the crop stage of a dataset's one partition. Returns 0: its work is done in a process
    below, so only the cost of the whole process says what it took.

    rows: of the partition; None: as the index in OUT has them.
    """
    make_stage(config, "crop", dataset, 0, rows)
    return 0.0


def layers(config: Config, stage: str) -> float:
    """Make depth or parsing (stage: depth or parse) of every dataset twice, since much is loaded
    the first time; core seconds of the second, or seconds by the clock where it ran on a GPU.
    """
    for dataset in config.datasets:
        make_stage(config, stage, dataset, 0)
    clock = time.perf_counter if _on_gpu(config, stage) else time.process_time
    began = clock()
    for dataset in config.datasets:
        make_stage(config, stage, dataset, 0, force=True)
    return clock() - began


def _on_gpu(config: Config, stage: str) -> bool:
    path = Layout(config.out).partition(STAGES[stage], next(iter(config.datasets)), 0)
    with h5py.File(path, "r") as file:
        return "cuda" in json.loads(file.attrs["made_by"])["made_on"]


def pack(config: Config) -> float:
    """Pack the bundle of all that was made; its core seconds."""
    from pipeline.pack import pack as pack_bundle

    began = time.process_time()
    pack_bundle(config)
    return time.process_time() - began


def counts(config: Config) -> dict[str, int]:
    """Of the small run: `samples`, `live` samples, and mean bytes of a `loose` picture (0: none is
    kept).
    """
    samples = live = loose = 0
    for dataset in config.datasets:
        with h5py.File(Layout(config.out).partition("crops", dataset, 0), "r") as file:
            samples, live = samples + len(file["live"]), live + int(file["live"][:].sum())
            loose += len(file["loose"]) if "loose" in file else 0
    return {"samples": samples, "live": live, "loose": loose // max(samples, 1)}


def processor() -> str:
    """The processor's name as the system gives it."""
    place = Path("/proc/cpuinfo")
    lines = place.read_text("utf-8").splitlines() if place.is_file() else []
    named = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
