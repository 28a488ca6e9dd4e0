"""What each stage costs: frames and samples a second on one core, and memory a job, as JSON.

Without arguments it makes a replica of one subject a split in a temporary folder. Every stage runs
in a process of its own, as a job of the graph does: `start_s` is the time until it can work
(imports, models, compiled code), `cpu_s` the processor time of the work itself, `wall_s` its time
by the clock, `peak_mb` the process's peak memory. Rates are of processor time: what one core does
in a second when nothing else wants it and the disk keeps up.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="1")  # one core, children included

if sys.path[0] == str(Path(__file__).parent):  # there the package labels would be another script
    sys.path[0] = str(Path(__file__).parents[1])

from benchmarks.crops import here
from pipeline.config import Config, DatasetSettings, PackSettings
from pipeline.layout import Layout

DATASETS = ("oulu", "casia", "replay", "msu")
MB = 1_000_000
Counts = dict[str, int]


def decode(config: Config) -> Iterator[tuple[str, Counts]]:
    """Decode every video and turn the sampled frames to RGB, as the crop stage does."""
    import av  # noqa: F401  (the start, not the work)

    from pipeline.datasets.base import read_index
    from pipeline.frames.sampling import regular
    from pipeline.frames.video import VideoError
    from pipeline.frames.video import decode as frames_of
    from pipeline.index import dataset_root

    yield "", {}
    for dataset, settings in config.datasets.items():
        root, wanted = dataset_root(dataset, settings), regular(settings)
        assert wanted is not None  # this benchmark samples every n-th frame
        counts = {"frames": 0, "sampled_frames": 0}

        def count(number: int, wanted: Callable = wanted, counts: Counts = counts) -> bool:
            counts["frames"] += 1
            return wanted(number)

        for row in read_index(Layout(config.out).index(dataset)):
            try:
                for _ in frames_of(root / row.path, bool(row.upside_down), count):
                    counts["sampled_frames"] += 1
            except VideoError as error:
                print(f"{row.path}: {error}", file=sys.stderr)
        yield dataset, counts


def crop(config: Config) -> Iterator[tuple[str, Counts]]:
    """Decode, find the face and its landmarks, cut it out, write; hashing the videos included.

    All in this process, whose time is measured, and not in a child as by `ocim crop`.
    """
    from labels.landmarks.embedded import FaceMesh
    from pipeline import crop as stage
    from pipeline.partition import label_partition

    stage.cropper = here  # type: ignore[assignment]
    FaceMesh().close()
    yield "", {}
    for dataset in config.datasets:
        done = label_partition(config, dataset, 0, ("crop",))
        yield dataset, {"samples": done.samples, "failures": done.failures}


def layer(config: Config, stage: str) -> Iterator[tuple[str, Counts]]:
    """Depth or parsing of all crops; the first dataset is made once more, before, to warm up."""
    import h5py

    from pipeline.partition import make_stage

    make_stage(config, stage, next(iter(config.datasets)), 0)
    yield "", {}
    for dataset in config.datasets:
        make_stage(config, stage, dataset, 0, force=True)
        with h5py.File(Layout(config.out).partition("crops", dataset, 0), "r") as file:
            live = int(file["live"][:].sum())
            yield dataset, {"samples": len(file["live"]), "live": live}


def depth(config: Config) -> Iterator[tuple[str, Counts]]:
    """Pseudo-depth of the live crops, zero for the others."""
    return layer(config, "depth")


def parse(config: Config) -> Iterator[tuple[str, Counts]]:
    """Thirteen classes of every crop."""
    return layer(config, "parse")


def pack(config: Config) -> Iterator[tuple[str, Counts]]:
    """Join the layers into shards, with a checksum of every sample and of every file."""
    from pipeline.pack import pack as pack_bundle

    yield "", {}
    manifest = pack_bundle(config, Layout(config.out))
    shards = manifest["shards"]
    samples, size = (sum(shard[name] for shard in shards) for name in ("samples", "bytes"))
    yield "all", {"samples": samples, "bytes": size}


STAGES = {"decode": decode, "crop": crop, "depth": depth, "parse": parse, "pack": pack}
UNITS = {"decode": "frames", "crop": "samples", "depth": "live", "parse": "samples"}


def child(stage: str, config: Config, out: Connection) -> None:
    """Run one stage, send its figures."""
    started = time.perf_counter()
    steps = STAGES[stage](config)
    next(steps)
    ready = wall = time.perf_counter()
    cpu = time.process_time()
    parts = {}
    for name, counts in steps:
        now, worked = time.perf_counter(), time.process_time()
        parts[name] = {
            **counts,
            "cpu_s": round(worked - cpu, 3),
            "wall_s": round(now - wall, 3),
        }
        wall, cpu = time.perf_counter(), time.process_time()
    out.send({"start_s": ready - started, "peak_mb": peak_bytes() / MB, "by_dataset": parts})


def peak_bytes() -> int:
    """Peak resident memory of this process."""
    status = Path("/proc/self/status")
    if status.is_file():  # ru_maxrss of Linux begins with what the parent had
        line = next(li for li in status.read_text("utf-8").splitlines() if li.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(stage: str, config: Config) -> dict[str, Any]:
    """Run one stage in a new process; its figures, summed over the datasets, with rates."""
    print(f"{stage} ...", file=sys.stderr)
    here, there = multiprocessing.Pipe(duplex=False)
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=child, args=(stage, config, there))
    process.start()
    there.close()
    try:
        figures = here.recv()
    except EOFError:
        sys.exit(f"{stage}: ended without figures; its message is above")
    process.join()
    for part in figures["by_dataset"].values():
        for name in part:
            figures[name] = figures.get(name, 0) + part[name]
    unit = UNITS.get(stage, "samples")
    figures[f"{unit}_a_second"] = figures[unit] / figures["cpu_s"]
    if stage == "pack":
        figures["mb_a_second"] = figures["bytes"] / MB / figures["cpu_s"]
        del figures["by_dataset"]
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}


def processor() -> str:
    """The processor's name as the system gives it."""
    place = Path("/proc/cpuinfo")
    lines = place.read_text("utf-8").splitlines() if place.is_file() else []
    named = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def benchmark(data: Path, every: int, folder: Path) -> dict[str, Any]:
    """Measure all stages on the datasets found below `data`, writing below `folder`."""
    from pipeline.partition import write_dataset_index

    found = [name for name in DATASETS if (data / name).is_dir()]
    if not found:
        sys.exit(f"{data}: none of the folders {', '.join(DATASETS)} is here")
    config = Config(
        out=str(folder / "run"),
        datasets={
            name: DatasetSettings(root=str(data / name), every=every, partitions=1)
            for name in found
        },
        pack=PackSettings(),
    )
    for name in found:
        write_dataset_index(config, name)
    return {stage: measure(stage, config) for stage in STAGES}


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with oulu, casia, replay, msu in it")
    parser.add_argument("--every", type=int, default=5, help="each n-th frame (5)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")  # every video is hashed anew
        data = given.data
        if data is None:
            from pipeline.replica import make_replica

            print("replica ...", file=sys.stderr)
            data = folder / "replica"
            make_replica(data, subjects=1, seed=0, cores=os.cpu_count() or 1)
        load = round(os.getloadavg()[0], 2)
        stages = benchmark(data, given.every, folder)
    about = {
        "data": str(given.data) if given.data else "replica of 1 subject a split, seed 0",
        "every": given.every,
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_before": load,
        "python": platform.python_version(),
    }
    print(json.dumps({"about": about, "stages": stages}, indent=1))


if __name__ == "__main__":
    main()
