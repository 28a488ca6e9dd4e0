"""Kills under Dask: workers of `ocim run`, and a scheduler of its own; for benchmarks/faults.py."""

import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Any

import psutil

from benchmarks.parts.fault_kills import counts, end, living
from benchmarks.parts.fault_project import LIMIT, Project, Tally, environment
from benchmarks.parts.ports import free_port, wait_for


def worker_kills(project: Project, wanted: int, rng: random.Random) -> dict[str, Any]:
    """Kill workers under a run that nobody else disturbs; it must end by itself in the bytes."""
    kills, tally = 0, Tally()
    while kills < wanted:
        project.clear()
        process = project.start("ocim run")
        whole, limit = psutil.Process(process.pid), time.monotonic() + LIMIT
        of_run = 0
        # Dask gives a task up that has lost three workers: so few kills fall on one.
        while process.poll() is None and of_run < 3 and kills < wanted:
            time.sleep(rng.uniform(0.5, 3))
            workers = [child for child in living(whole) if is_worker(child)]
            if workers:
                end(rng.choice(workers))
                of_run += 1
                kills += 1
            if time.monotonic() > limit:
                break
        tally.add(project.differences(process.wait(LIMIT), "ocim run"))
    return {"kills": kills, **asdict(tally)}


def is_worker(process: psutil.Process) -> bool:
    """Whether a descendant of `ocim run` is one of Dask's workers."""
    try:
        words = process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
    return any("spawn_main" in word for word in words)


def scheduler_kills(project: Project, wanted: int, rng: random.Random) -> dict[str, Any]:
    """Kill an external scheduler; the client ends in one line, and goes on with a new one."""
    tally = Tally()
    for _ in range(wanted):
        project.clear()
        with cluster(project) as (address, scheduler):
            process = start_on(project, address)
            limit = time.monotonic() + LIMIT
            while not counts(project)["crops"] and time.monotonic() < limit:
                time.sleep(0.02)
            time.sleep(rng.uniform(0, 2))
            scheduler.kill()
            code = process.wait(LIMIT)
            if code != 2:
                tally.wrong.append(f"scheduler killed: exit code {code}, not 2")
        with cluster(project) as (address, _):
            code = start_on(project, address).wait(LIMIT)
            tally.add(project.differences(code, "ocim run"))
    return {"kills": tally.runs, "runs_equal": tally.runs_equal, "wrong": tally.wrong}


def start_on(project: Project, address: str) -> subprocess.Popen[bytes]:
    """`ocim run` on a scheduler."""
    return project.begin(["ocim", "run", "--config", project.config, "--scheduler", address])


@contextmanager
def cluster(project: Project) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and two workers as programs of their own: address and the scheduler."""
    port = free_port()
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
            wait_for(port, LIMIT)  # `ocim run` does not wait for a scheduler to begin
            yield address, processes[0]
        finally:
            for process in processes:
                for child in living(psutil.Process(process.pid)):
                    end(child)
                process.kill()
                process.wait()
