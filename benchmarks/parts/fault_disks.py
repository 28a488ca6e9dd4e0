"""A disk that fills up and a folder that may not be written, for benchmarks/faults.py.

OUT lies on a memory disk of its own (tmpfs), which takes root on Linux; elsewhere both are left out
and the figures say so.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.parts.fault_project import RUNNERS, Outcome, Project, tallied

SHARES = (0.02, 0.4, 0.8)
"""Of what a whole run takes: the sizes of the disk."""
WORDS = ("space left", "free, and", "Read-only")
"""Of the lines that tell of it: while a file is written, before shards are, of a disk."""


def on_disks(project: Project, runs: Callable[[Project], Iterator[Outcome]]) -> dict[str, Any]:
    """The figures of `full` or `read_only`, where this process may mount."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return {"left_out": "needs root on Linux"}
    project.clear()
    return asdict(tallied(runs(project)))


def full(project: Project) -> Iterator[Outcome]:
    """Runs on disks that are too small; room is made, and the same command goes on."""
    for runner in RUNNERS:
        with memory_disk(project, "1G") as disk:
            project.run(runner)
            whole = used(disk)
        for share in SHARES:
            with memory_disk(project, str(int(whole * share))) as disk:
                wrong = hindered(project, runner, "full disk")
                remount(disk, "size=1G")
                wrong += project.differences(project.run(runner), runner)
            yield f"full disk, {runner}, {share:.0%}", wrong


def read_only(project: Project) -> Iterator[Outcome]:
    """Runs into a folder that may not be written, empty or half done; then it may, again."""
    for runner in RUNNERS:
        for half_done in (False, True):
            with memory_disk(project, "1G") as disk:
                project.out.mkdir()
                if half_done:
                    project.run(runner)
                    for path in [*project.out.glob("*/*/*1.h5"), project.out / "report.html"]:
                        path.unlink(missing_ok=True)
                    for name in ("bundle", "train"):
                        shutil.rmtree(project.out / name, ignore_errors=True)
                remount(disk, "ro")
                wrong = hindered(project, runner, "read-only")
                remount(disk, "rw")
                wrong += project.differences(project.run(runner), runner)
            yield f"read-only, {runner}", wrong


def hindered(project: Project, runner: str, fault: str) -> list[str]:
    """Run into the fault; what is wrong with how it ended and what it said."""
    log = project.folder / "log.txt"
    log.unlink(missing_ok=True)
    code = project.run(runner)
    text = log.read_text("utf-8", "replace")
    wrong = []
    if code not in (1, 2):
        wrong.append(f"{runner}, {fault}: exit code {code}")
    if "Traceback" in text:
        wrong.append(f"{runner}, {fault}: a traceback")
    lines = [line for line in text.splitlines() if line.startswith("ocim: ")]
    if not any(word in line for line in lines for word in WORDS):
        wrong.append(f"{runner}, {fault}: no line that says so; said {lines[-1:]}")
    return wrong


@contextmanager
def memory_disk(project: Project, size: str) -> Iterator[Path]:
    """A memory disk on the folder that OUT lies in, for the block."""
    place = project.out.parent
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "ocim-faults", str(place)]
    subprocess.run(command, check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        project.clear()


def remount(disk: Path, options: str) -> None:
    """Change the options of a mounted disk."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def used(disk: Path) -> int:
    """Bytes that files take on a disk."""
    space = os.statvfs(disk)
    return (space.f_blocks - space.f_bfree) * space.f_frsize
