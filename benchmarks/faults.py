"""Kills, a full disk, a read-only folder, a failing store: every run must end in the same bytes.

A small replica is taken from videos to results once, undisturbed: its files are the reference. Then
the same commands are run again and again in new folders and killed (SIGKILL) at moments drawn over
all stages, under Snakemake and under `ocim run`: the whole group of processes, the program alone
while its children live on, or one of its children. After some kills the same command is left alone,
and every file must equal the reference. Prints one JSON object with the counts; `wrong` lists what
differed, and makes the exit code 1.
"""

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

from benchmarks.parts.fault_dask import scheduler_kills, worker_kills
from benchmarks.parts.fault_disks import full, on_disks, read_only
from benchmarks.parts.fault_kills import all_kills
from benchmarks.parts.fault_project import make
from benchmarks.parts.fault_stores import failing
from benchmarks.parts.measuring import progress


def main() -> None:
    """Run all of it, or the parts that are named, and print one JSON object."""
    parts = ("kills", "workers", "scheduler", "full disk", "read-only", "store")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="over both runners (100)")
    parser.add_argument("--worker-kills", type=int, default=10, help="under Dask (10)")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="ocim faults ") as temporary:
        os.environ["XDG_CACHE_HOME"] = str(Path(temporary) / "cache")
        progress("reference ...")
        project = make(Path(temporary))
        todo: dict[str, Callable[[random.Random], dict[str, Any]]] = {
            "kills": lambda rng: all_kills(project, arguments.kills, rng),
            "workers": lambda rng: worker_kills(project, arguments.worker_kills, rng),
            "scheduler": lambda rng: scheduler_kills(project, 2, rng),
            "full disk": lambda rng: on_disks(project, full),
            "read-only": lambda rng: on_disks(project, read_only),
            "store": lambda rng: failing(project, rng),
        }
        for part in arguments.parts:
            figures[part] = todo[part](random.Random(arguments.seed))
            progress(f"{part}: {json.dumps(figures[part])}")
    wrong = [line for part in figures.values() for line in part.get("wrong", [])]
    about = {
        "seed": arguments.seed,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "seconds": round(time.monotonic() - started),
        "reference_files": len(project.reference),
    }
    print(json.dumps({"about": about, **figures, "wrong": wrong}, indent=1))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
