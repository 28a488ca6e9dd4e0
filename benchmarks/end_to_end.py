"""Videos to finished bundle on one core, beside bare decoding and beside today's way, as JSON.

Without arguments it films five clips as a phone takes them (benchmarks/phone_clips.py) in a
temporary folder. `ours` is the whole job of one partition, every stage and the packing: with
facemesh parsing, and with BiSeNet in bfloat16 (float32 where the processor has none). `today` is
benchmarks/todays_way.py. Both label every n-th frame, and both make the depth of every one: all
clips count as live. In `spoofs_without_depth` the spoofs count as spoofs (of the clips four in
five), and both leave out their depth. `bare` reads every frame of the same files, by OpenCV and by
PyAV, turns each n-th to RGB and does nothing with it.

Seconds are the processor's, children included; `wall_s` is the clock's. Every run stands between
two bare decodings by OpenCV, whose mean tells how fast the machine was meanwhile. `times_bare` is
what a run takes over that; where PyAV decodes faster, over that much less. Ratios of runs are
ratios of these. What a partition costs before its first frame (models and their like) is `start_s`
and in no ratio, since a worker does it once. `without_decoding`: the same with the bare decoding
taken off both.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="1")

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

import av
import cv2
import psutil
import torch

from benchmarks.parts import phone_clips
from benchmarks.parts.bare_decoding import bare_opencv, bare_pyav
from benchmarks.parts.end_to_end_figures import Run, as_shares, of_way, over
from benchmarks.parts.end_to_end_jobs import MIXED, NAME, Job, configured, is_live, jobs_of, rows_of
from benchmarks.parts.measuring import machine, progress, rounded
from benchmarks.parts.stage_shares import shares
from benchmarks.parts.todays_way import DEPTH_PARTS, TodaysWay
from pipeline.config import Config
from pipeline.datasets.base import VIDEOS, Video, write_index
from pipeline.layout import Layout
from pipeline.pack import pack
from pipeline.partition import label_partition

GOALS = {"facemesh": (2.5, 10.0), "bisenet": (None, 4.0)}
"""At most so many times bare decoding, and at least so many times as fast as today's way."""


def processor_seconds() -> float:
    """What this process and its children have used of the processor so far."""
    own = psutil.Process()
    gone = own.cpu_times()
    total = time.process_time() + gone.children_user + gone.children_system
    for child in own.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return float(total)


def measured(function: Callable[..., Any], *values: Any) -> tuple[float, float, Any]:
    """Processor and wall seconds of a call, and what it gives."""
    started, wall = processor_seconds(), time.perf_counter()
    result = function(*values)
    return processor_seconds() - started, time.perf_counter() - wall, result


class Benchmark:
    """The videos, and every way over them; folder: where all of it may write."""

    def __init__(self, root: Path, files: list[Path], every: int, folder: Path) -> None:
        self.root, self.files, self.every, self.folder = root, files, every, folder
        self.runs = 0
        self.opencv: list[float] = []
        self.pyav_over_opencv: list[float] = []
        self.today = TodaysWay(folder / "today")
        self.little = little_clip(files[0], folder / "little")

    def ours(self, job: Job, root: Path, files: list[Path]) -> int:
        """Videos to finished bundle; how many samples it has."""
        config, rows = self.prepared(job, root, files)
        label_partition(config, NAME, 0, rows=rows)
        shards = pack(config)["shards"]
        return sum(shard["samples"] for shard in shards)

    def prepared(self, job: Job, root: Path, files: list[Path]) -> tuple[Config, list[Video]]:
        """A new OUT with its index, where nothing is remembered of earlier runs."""
        self.runs += 1
        out = self.folder / f"run-{self.runs}"
        os.environ["XDG_CACHE_HOME"] = str(out / "cache")
        config, rows = configured(root, out, job, self.every), rows_of(root, files, job.mixed)
        write_index(Layout(out).index(NAME), rows)
        return config, rows

    def bare(self) -> float:
        """Decode once more by OpenCV."""
        seconds, _, _ = measured(bare_opencv, self.files, self.every)
        self.opencv.append(seconds)
        return seconds

    def compare_decoders(self) -> None:
        """PyAV against OpenCV, between two of its runs."""
        before = self.bare()
        seconds, _, _ = measured(bare_pyav, self.files, self.every)
        self.pyav_over_opencv.append(2 * seconds / (before + self.bare()))

    def run(self, function: Callable[..., int], *values: Any) -> Run:
        """A way's run between two bare decodings."""
        before = self.bare()
        seconds, wall, frames = measured(function, *values)
        faster = min(1.0, statistics.median(self.pyav_over_opencv))
        return Run(seconds, wall, faster * (before + self.bare()) / 2, frames)

    def run_ours(self, job: Job) -> Run:
        """One run of ours, what it costs to start taken off."""
        start, wall, _ = measured(self.ours, job, self.folder / "little", [self.little])
        run = self.run(self.ours, job, self.root, self.files)
        return replace(run, seconds=run.seconds - start, wall_s=run.wall_s - wall, start_s=start)

    def run_today(self) -> Run:
        """One run of today's way."""
        clock, spoofs = self.today.seconds, 0.0
        clock.clear()

        def all_videos() -> int:
            nonlocal spoofs
            labelled = 0
            for path in self.files:
                before = sum(clock[part] for part in DEPTH_PARTS)
                labelled += self.today.video(path, self.every)
                if not is_live(path.relative_to(self.root)):
                    spoofs += sum(clock[part] for part in DEPTH_PARTS) - before
            return labelled

        run = self.run(all_videos)
        return replace(run, parts=dict(clock), spoof_depth=spoofs)

    def shares(self, job: Job) -> dict[str, float]:
        """Seconds of ours by part, of a run with clocks in it."""
        return shares(*self.prepared(job, self.root, self.files), NAME)


def little_clip(path: Path, folder: Path) -> Path:
    """A clip of one small frame of a video, with which a run costs its start and no more."""
    folder.mkdir()
    with av.open(str(path)) as container:
        frame = next(container.decode(container.streams.video[0])).to_ndarray(format="rgb24")
    height, width = (side // 8 * 2 for side in frame.shape[:2])
    small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    phone_clips.encode(folder / "little.mp4", [small], (width, height), 2_000_000, 0)
    return folder / "little.mp4"


def benchmark(bench: Benchmark, jobs: list[Job], rounds: int) -> dict[str, Any]:
    """Every way in every round, between bare decodings."""
    progress("warming up")
    bench.today.video(bench.little, bench.every)
    for job in jobs:
        bench.ours(job, bench.folder / "little", [bench.little])
    bench.bare()
    bench.opencv.clear()
    runs: dict[str, list[Run]] = {name: [] for name in (*(job.name for job in jobs), "today")}
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        bench.compare_decoders()
        for job in jobs:
            runs[job.name].append(bench.run_ours(job))
        runs["today"].append(bench.run_today())
    progress("shares")
    return figures(bench, runs, {job.name: bench.shares(job) for job in jobs})


def figures(
    bench: Benchmark, runs: dict[str, list[Run]], parts: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """What is printed of all runs. parts: of one run of each job of ours."""
    frames = bare_opencv(bench.files, bench.every)
    opencv, pyav = statistics.median(bench.opencv), statistics.median(bench.pyav_over_opencv)
    bare = {
        "frames": frames,
        "opencv_s": opencv,
        "pyav_over_opencv": pyav,
        "frames_a_second": frames / (opencv * min(1.0, pyav)),
    }
    today = runs["today"]
    sparing = [run.without(run.spoof_depth) for run in today]
    ways = {name: of_way(of_name, frames) for name, of_name in runs.items()}
    ways["today"]["parts"] = as_shares([run.parts for run in today], today[0].frames)
    for name, of_job in parts.items():
        rivals, own = sparing if name == MIXED else today, runs[name]
        ways[name]["parts"] = as_shares([of_job], own[0].frames)
        ways[name]["today_over_it"] = over(rivals, own)
        ways[name]["today_over_it_without_decoding"] = over(rivals, own, decoding=False)
    alone = [run.without(run.parts["prnet"]) for run in today]
    ways["today"]["without_prnet_over_facemesh"] = over(alone, runs["facemesh"])
    return {"bare": bare, "ways": ways, "goals": goals(ways)}


def goals(ways: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What is to be held, and whether it is."""
    verdicts = {}
    for name, (most, least) in GOALS.items():
        way = ways[name]
        held = way["today_over_it"] >= least and (most is None or way["times_bare"] <= most)
        verdicts[name] = {"times_bare_at_most": most, "today_over_it_at_least": least, "held": held}
    return verdicts


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with videos, at any depth")
    parser.add_argument("--keep", type=Path, help="where to film the clips, for --data later")
    parser.add_argument("--frames", type=int, default=60, help="of each clip that is filmed (60)")
    parser.add_argument("--height", type=int, default=1920, help="of the clips, pixels (1920)")
    parser.add_argument("--every", type=int, default=5, help="label each n-th frame (5)")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each way (1)")
    arguments = parser.parse_args()
    about = machine()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        root = arguments.data or arguments.keep or folder / "clips"
        if arguments.data is None:
            progress("filming")
            phone_clips.make_clips(root, arguments.frames, os.cpu_count() or 1, arguments.height)
        files = sorted(path for path in root.rglob("*") if path.suffix.lower() in VIDEOS)
        if not files:
            sys.exit(f"{root}: no video is here")
        jobs = jobs_of(folder)
        results = benchmark(Benchmark(root, files, arguments.every, folder), jobs, arguments.rounds)
    about |= {
        "data": str(arguments.data)
        if arguments.data
        else f"{len(files)} clips of {arguments.frames} frames",
        "live": sum(is_live(path.relative_to(root)) for path in files),
        "spoof": sum(not is_live(path.relative_to(root)) for path in files),
        "every": arguments.every,
        "rounds": arguments.rounds,
        "bisenet": f"openvino {jobs[-1].parse['precision']}",
    }
    print(json.dumps({"about": about, **rounded(results)}, indent=1))


if __name__ == "__main__":
    main()
