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
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

if sys.path[0] != str(Path(__file__).parent):
    sys.path.insert(0, str(Path(__file__).parent))

import fault_disks
import fault_kills
import fault_project
import fault_stores


def kills(
    project: fault_project.Project, runner: str, wanted: int, rng: random.Random
) -> dict[str, Any]:
    """Kill runs of one runner until there were so many kills; each run ends undisturbed."""
    told: dict[str, Any] = {"kills": 0, "runs": 0, "runs_equal": 0, "wrong": []}
    stages: Counter[str] = Counter()
    victims: Counter[str] = Counter()
    while told["kills"] < wanted:
        fault_kills.end_orphans(project)
        project.clear()
        for _ in range(min(rng.randint(4, 9), wanted - told["kills"])):
            struck = fault_kills.strike(project, runner, rng)
            if struck is None:
                break  # it had ended before its moment came
            told["kills"] += 1
            stages[struck.stage] += 1
            victims[struck.victim] += 1
            print(f"{runner}: kill {told['kills']} of {wanted}: {struck}", file=sys.stderr)
        ended = project.run(runner)
        told["runs"] += 1
        wrong = project.differences(ended, runner)
        told["runs_equal"] += not wrong
        told["wrong"] += wrong
    return {**told, "by_stage": dict(stages), "by_victim": dict(victims)}


def all_kills(project: fault_project.Project, wanted: int, rng: random.Random) -> dict[str, Any]:
    """Kill runs of both runners."""
    # A run of Snakemake takes three times as long: it starts a program for each job.
    of_snakemake = round(wanted * 0.25)
    shares = {"snakemake": of_snakemake, "ocim run": wanted - of_snakemake}
    told = {runner: kills(project, runner, share, rng) for runner, share in shares.items()}
    return {**told, "wrong": [one for part in told.values() for one in part["wrong"]]}


def main() -> None:
    """Run all of it, or the parts that are named, and print one JSON object."""
    parts = ("kills", "workers", "scheduler", "full disk", "read-only", "store")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="over both runners (100)")
    parser.add_argument("--worker-kills", type=int, default=10, help="under Dask (10)")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = time.monotonic()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="ocim faults ") as temporary:
        os.environ["XDG_CACHE_HOME"] = str(Path(temporary) / "cache")
        print("reference ...", file=sys.stderr)
        project = fault_project.make(Path(temporary))
        todo: dict[str, Callable[[random.Random], dict[str, Any]]] = {
            "kills": lambda rng: all_kills(project, given.kills, rng),
            "workers": lambda rng: fault_kills.worker_kills(project, given.worker_kills, rng),
            "scheduler": lambda rng: fault_kills.scheduler_kills(project, 2, rng),
            "full disk": lambda rng: fault_disks.full(project),
            "read-only": lambda rng: fault_disks.read_only(project),
            "store": lambda rng: fault_stores.failing(project, rng),
        }
        for part in given.parts:
            figures[part] = todo[part](random.Random(given.seed))
            print(f"{part}: {json.dumps(figures[part])}", file=sys.stderr)
    wrong = [one for part in figures.values() for one in part.get("wrong", [])]
    about = {
        "seed": given.seed,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "seconds": round(time.monotonic() - started),
        "reference_files": len(project.reference),
    }
    print(json.dumps({"about": about, **figures, "wrong": wrong}, indent=1))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
