"""Commands and workers as processes of their own: seconds, processor seconds and peak memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.parts.measuring import ROOT, memory

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
Figures = dict[str, Any]


def part(name: str, *words: str | Path) -> list[str | Path]:
    """A module of this folder as a command, so that who measures stays small; run it in ROOT."""
    return [sys.executable, "-m", f"benchmarks.parts.{name}", *words]


def timed(command: Sequence[str | Path], log: Path) -> Figures:
    """Run a command in the project's folder to its end: seconds, and the largest process's peak.

    Its output goes to `log`; where it fails that is printed, and the benchmark ends.
    """
    began = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ONE_THREAD},
        )
        _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        print(log.read_text("utf-8", "replace")[-3000:], file=sys.stderr)
        sys.exit(f"{' '.join(map(str, command))}: exit code {process.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(used.ru_maxrss * scale / 1e6, 1),
    }


def usage() -> tuple[float, float]:
    """Processor seconds of this process and of those that it keeps, and their peak memory in MB."""
    seconds = peak = 0.0
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        spent = process.cpu_times()
        seconds += spent.user + spent.system
        peak += memory(process.pid)["VmHWM"] / 1e6
    return seconds, peak


def workers(config: Path, dataset: str, count: int, folder: Path) -> list[Figures]:
    """Label every partition of a dataset by so many processes, each with its share of them."""
    environment = {**os.environ, **ONE_THREAD}
    running = []
    for number in range(count):
        command = part("processes", config, dataset, str(number), str(count))
        with (folder / f"worker{number}.txt").open("w") as errors:
            running.append(
                subprocess.Popen(
                    command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, env=environment
                )
            )
    figures = []
    for number, process in enumerate(running):
        answer = process.communicate()[0]
        if process.returncode:
            sys.exit((folder / f"worker{number}.txt").read_text()[-3000:])
        figures.append(json.loads(answer.splitlines()[-1]))
    return figures


def work(config_path: Path, dataset: str, number: int, count: int) -> Figures:
    """Label the partitions number, number + count, ... of a dataset, one after the other."""
    from pipeline.config import load
    from pipeline.partition import label_partition

    config = load(config_path)
    began, first = time.perf_counter(), None
    for partition in range(number, config.datasets[dataset].partitions, count):
        label_partition(config, dataset, partition)
        first = first or usage()[1]
    seconds, peak = usage()
    return {
        "wall_s": round(time.perf_counter() - began, 2),
        "cpu_s": round(seconds, 2),
        "first_peak_mb": round(first or peak, 1),
        "peak_mb": round(peak, 1),
    }


if __name__ == "__main__":
    config_path, dataset, number, count = sys.argv[1:]
    print(json.dumps(work(Path(config_path), dataset, int(number), int(count))))
