"""SIGKILL at a drawn moment of a drawn stage, for benchmarks/faults.py."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple

import psutil
from fault_project import LIMIT, PARTITIONS, Project, environment, heard

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
        # The rest goes on or ends by itself.
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
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
        found = set()
        for child in living(whole):
            try:
                words = child.cmdline()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if len(words) > 2 and words[1].endswith("/ocim"):
                found.add(words[2])
        return found
    now, all_of = counts(project), 2 * PARTITIONS
    found = {"crop"} if now["crops"] < all_of and (project.out / "config.yaml").is_file() else set()
    if now["crops"] > before["crops"]:
        found.add("depth")
    if now["depth"] > before["depth"]:
        found.add("parse")
    if now["parsing"] == all_of:
        found.add("pack")
    return found


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


def worker_kills(project: Project, wanted: int, rng: random.Random) -> dict[str, Any]:
    """Kill workers under a run that nobody else disturbs; it must end by itself in the bytes."""
    told: dict[str, Any] = {"kills": 0, "runs": 0, "runs_equal": 0, "wrong": []}
    while told["kills"] < wanted:
        project.clear()
        process = project.start("ocim run")
        whole, limit = psutil.Process(process.pid), time.monotonic() + LIMIT
        of_run = 0
        # Dask gives a task up that has lost three workers: so few kills fall on one.
        while process.poll() is None and of_run < 3 and told["kills"] < wanted:
            time.sleep(rng.uniform(0.5, 3))
            workers = [one for one in living(whole) if is_worker(one)]
            if workers:
                end(rng.choice(workers))
                of_run += 1
                told["kills"] += 1
            if time.monotonic() > limit:
                break
        ended = process.wait(LIMIT)
        told["runs"] += 1
        wrong = project.differences(ended, "ocim run")
        told["runs_equal"] += not wrong
        told["wrong"] += wrong
    return told


def is_worker(process: psutil.Process) -> bool:
    """Whether a descendant of `ocim run` is one of Dask's workers."""
    try:
        words = process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
    return any("spawn_main" in word for word in words)


def scheduler_kills(project: Project, wanted: int, rng: random.Random) -> dict[str, Any]:
    """Kill an external scheduler; the client ends in one line, and goes on with a new one."""
    told: dict[str, Any] = {"kills": 0, "runs_equal": 0, "wrong": []}
    for _ in range(wanted):
        project.clear()
        with cluster(project) as (address, scheduler):
            process = start_on(project, address)
            limit = time.monotonic() + LIMIT
            while not counts(project)["crops"] and time.monotonic() < limit:
                time.sleep(0.02)
            time.sleep(rng.uniform(0, 2))
            scheduler.kill()
            ended = process.wait(LIMIT)
            told["kills"] += 1
            if ended != 2:
                told["wrong"].append(f"scheduler killed: exit code {ended}, not 2")
        with cluster(project) as (address, _):
            wrong = project.differences(start_on(project, address).wait(LIMIT), "ocim run")
        told["runs_equal"] += not wrong
        told["wrong"] += wrong
    return told


def start_on(project: Project, address: str) -> subprocess.Popen[bytes]:
    """`ocim run` on a scheduler."""
    command = ["ocim", "run", "--config", "faults.yaml", "--scheduler", address]
    with (project.folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=project.folder,
            env=environment(),
            stdout=log,
            stderr=log,
            preexec_fn=heard,
        )


def wait_for(port: int) -> None:
    """Until somebody listens there: `ocim run` does not wait for a scheduler to begin."""
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)


@contextmanager
def cluster(project: Project) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and two workers as programs of their own: address and the scheduler."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    worker = ["dask", "worker", address, "--nthreads", "1", "--no-dashboard"]
    commands = [
        ["dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"],
        *[[*worker, "--name", str(number)] for number in range(2)],
    ]
    with ExitStack() as stack:
        log = stack.enter_context((project.folder / "dask.txt").open("ab"))
        processes = [
            subprocess.Popen(command, cwd=project.folder, env=environment(), stdout=log, stderr=log)
            for command in commands
        ]
        try:
            wait_for(port)
            yield address, processes[0]
        finally:
            for process in processes:
                for child in living(psutil.Process(process.pid)):
                    end(child)
                process.kill()
                process.wait()
