"""SIGKILL at a drawn moment of a drawn stage, for benchmarks/faults.py."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any, NamedTuple

import psutil

from benchmarks.parts.fault_project import LIMIT, PARTITIONS, Project, Tally, ended
from benchmarks.parts.measuring import progress

STAGES = {
    "snakemake": ("start", "crop", "depth", "parse", "pack", "train", "evaluate", "report"),
    "ocim run": ("start", "crop", "depth", "parse", "pack"),
}
VICTIMS = ("group", "program", "child")
LONGEST = {"start": 3.0, "crop": 3.0, "train": 4.0}
"""Seconds within which the kill comes after its stage has begun; else one."""


class Struck(NamedTuple):
    """One kill: in which stage it was meant to fall, what was killed, seconds after the start."""

    stage: str
    victim: str
    seconds: float


def all_kills(project: Project, wanted: int, rng: random.Random) -> dict[str, Any]:
    """Kill runs of both runners."""
    # A run of Snakemake takes three times as long: it starts a program for each job.
    of_snakemake = round(wanted * 0.25)
    shares = {"snakemake": of_snakemake, "ocim run": wanted - of_snakemake}
    figures = {runner: kills(project, runner, share, rng) for runner, share in shares.items()}
    return {**figures, "wrong": [line for part in figures.values() for line in part["wrong"]]}


def kills(project: Project, runner: str, wanted: int, rng: random.Random) -> dict[str, Any]:
    """Kill runs of one runner until there were so many kills; each run ends undisturbed."""
    killed, tally = 0, Tally()
    stages: Counter[str] = Counter()
    victims: Counter[str] = Counter()
    while killed < wanted:
        end_orphans(project)
        project.clear()
        for _ in range(min(rng.randint(4, 9), wanted - killed)):
            struck = strike(project, runner, rng)
            if struck is None:
                break  # it had ended before its moment came
            killed += 1
            stages[struck.stage] += 1
            victims[struck.victim] += 1
            progress(f"{runner}: kill {killed} of {wanted}: {struck}")
        tally.add(project.differences(project.run(runner), runner))
    return {
        "kills": killed, **asdict(tally), "by_stage": dict(stages), "by_victim": dict(victims),
    }  # fmt: skip


def strike(project: Project, runner: str, rng: random.Random) -> Struck | None:
    """Start the runner, kill it at a drawn moment; None where it ended before."""
    stage, victim = rng.choice(STAGES[runner]), rng.choice(VICTIMS)
    before = counts(project)
    process = project.start(runner)
    started = time.monotonic()
    whole = psutil.Process(process.pid)
    while process.poll() is None and time.monotonic() - started < LIMIT:
        if stage == "start" or stage in going_on(project, runner, whole, before):
            time.sleep(rng.uniform(0, LONGEST.get(stage, 1.0)))
            break
        time.sleep(0.01)
    if process.poll() is not None:
        return None
    seconds = round(time.monotonic() - started, 2)
    killed = kill(whole, victim, rng)
    if victim == "child" and killed:
        ended(process)  # the rest goes on or ends by itself
    process.wait()
    return Struck(stage, victim if killed else "program", seconds)


def kill(whole: psutil.Process, victim: str, rng: random.Random) -> bool:
    """Kill; False where there was no child, and the program alone was killed."""
    children = living(whole)
    if victim == "group":
        for process in [whole, *children]:
            end(process)
    elif victim == "child" and children:
        end(rng.choice(children))
    else:
        end(whole)
        return victim == "program"
    return True


def end(process: psutil.Process) -> None:
    """SIGKILL, if it still lives."""
    with suppress(psutil.NoSuchProcess):
        process.kill()


def living(whole: psutil.Process) -> list[psutil.Process]:
    """The descendants of a process."""
    try:
        return whole.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def counts(project: Project) -> dict[str, int]:
    """How many files of each stage there are."""
    return {
        stage: len(list((project.out / stage).glob("*/[!.]*.h5")))
        for stage in ("crops", "depth", "parsing")
    }


def going_on(
    project: Project, runner: str, whole: psutil.Process, before: dict[str, int]
) -> set[str]:
    """The stages in which a run is, from its processes (Snakemake) or from what it has written."""
    if runner == "snakemake":
        stages = set()
        for child in living(whole):
            try:
                words = child.cmdline()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if len(words) > 2 and words[1].endswith("/ocim"):
                stages.add(words[2])
        return stages
    now, all_of = counts(project), 2 * PARTITIONS
    stages = set()
    if now["crops"] < all_of and (project.out / "config.yaml").is_file():
        stages.add("crop")
    if now["crops"] > before["crops"]:
        stages.add("depth")
    if now["depth"] > before["depth"]:
        stages.add("parse")
    if now["parsing"] == all_of:
        stages.add("pack")
    return stages


def end_orphans(project: Project) -> None:
    """End what is left of killed runs: some processes outlive their program."""
    for process in orphans(project):
        end(process)


def orphans(project: Project) -> Iterator[psutil.Process]:
    """Processes whose working directory is the project's."""
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(project.folder):
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
