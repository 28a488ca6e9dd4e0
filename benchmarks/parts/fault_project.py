"""The small project that benchmarks/faults.py disturbs, and the bytes that it must end in."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks.parts.measuring import ROOT, progress

RUNNERS = ("snakemake", "ocim run")
PARTITIONS = 2
LIMIT = 900  # seconds; a run that takes longer hangs
MADE = {
    "snakemake": ("index", "crops", "depth", "parsing", "bundle", "train", "scores.csv"),
    "ocim run": ("index", "crops", "depth", "parsing", "bundle"),
}
"""What of OUT is compared: not the logs, nor what tells times."""
NOT_COMPARED = ("checkpoints", "tensorboard")
Outcome = tuple[str, list[str]]
"""How a run was disturbed, and what of it is not as it should be."""


@dataclass
class Tally:
    """How many disturbed runs ended in the reference's bytes, and what of the others is wrong."""

    runs: int = 0
    runs_equal: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, wrong: list[str]) -> None:
        """Count one run."""
        self.runs += 1
        self.runs_equal += not wrong
        self.wrong += wrong


def tallied(outcomes: Iterable[Outcome]) -> Tally:
    """Count runs one by one, and say on stderr how each ended."""
    tally = Tally()
    for disturbance, wrong in outcomes:
        tally.add(wrong)
        progress(f"{disturbance}: {wrong or 'equal'}")
    return tally


def environment(**more: str) -> dict[str, str]:
    """The shell as an activated environment has it, one thread a process."""
    binaries = Path(sys.executable).parent
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **more}


def default_signals() -> None:
    """Let signals mean what they mean, whatever a background job has handed down."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for the leader of a session; its exit code, or -1 where it hangs and is killed."""
    try:
        return process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return -1


@dataclass
class Project:
    """A folder with the Snakefile, a configuration and videos; OUT is runs/faults in it.

    reference: sha256 of each file of an undisturbed run, by its path below OUT. config: the file.
    """

    folder: Path
    reference: dict[str, str] = field(default_factory=dict)
    config: str = "faults.yaml"

    @property
    def out(self) -> Path:
        """OUT."""
        return self.folder / "runs" / "faults"

    def command(self, runner: str) -> list[str]:
        """What a user types."""
        if runner == "snakemake":
            return ["snakemake", "--cores", "2", "--configfile", self.config, "--", "all"]
        return ["ocim", "run", "--config", self.config, "--workers", "2"]

    def begin(self, command: Sequence[str], **more: str) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own; what it prints goes to a file."""
        with (self.folder / "log.txt").open("ab") as file:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment(**more),
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=default_signals,
            )

    def start(self, runner: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a runner. more: of the environment."""
        return self.begin(self.command(runner), **more)

    def run(self, runner: str, **more: str) -> int:
        """Run it to its end; the exit code, or -1 where it hangs."""
        return ended(self.start(runner, **more))

    def clear(self) -> None:
        """Take away what was made, and Snakemake's notes of it."""
        for made in (self.out, self.folder / ".snakemake"):
            shutil.rmtree(made, ignore_errors=True)

    def contents(self, runner: str, out: Path | None = None) -> dict[str, str]:
        """Sha256 of every file that is compared, by its path below OUT."""
        out = out or self.out
        digests = {}
        for name in MADE[runner]:
            place = out / name
            for path in [place] if place.is_file() else sorted(place.rglob("*")):
                parts = path.relative_to(out).parts
                if path.is_file() and not set(parts) & set(NOT_COMPARED):
                    digests["/".join(parts)] = hashlib.sha256(path.read_bytes()).hexdigest()
        return digests

    def differences(self, code: int, runner: str, out: Path | None = None) -> list[str]:
        """What of a run that has ended is not as it should be."""
        digests = self.contents(runner, out)
        wanted = {
            name: digest
            for name, digest in self.reference.items()
            if name.split("/")[0] in MADE[runner]
        }
        wrong = [f"{runner}: exit code {code}"] if code else []
        for name in sorted({*wanted, *digests}):
            if wanted.get(name) != digests.get(name):
                what = (
                    "missing" if name not in digests else "more" if name not in wanted else "other"
                )
                wrong.append(f"{runner}: {name}: {what}")
        return wrong


def make(folder: Path) -> Project:
    """The project, with its reference made by an undisturbed run of Snakemake."""
    project = Project(folder / "the project")
    project.folder.mkdir()
    shutil.copy(ROOT / "Snakefile", project.folder)
    for name in ("profiles", "config"):
        shutil.copytree(ROOT / name, project.folder / name)
    replica = ["ocim", "replica", "-o", "replica", "--subjects", "1", "--seed", "5", "--cores", "2"]
    subprocess.run(
        replica, cwd=project.folder, env=environment(), check=True, stdout=subprocess.DEVNULL
    )
    datasets = {
        name: {"root": f"replica/{name}", "every": 24, "partitions": PARTITIONS}
        for name in ("casia", "msu")
    }
    train = {
        "protocol": "casia to msu", "width": 0.0625, "input_size": 64, "steps": 6, "batch": 4,
        "threads": 1, "checkpoint_every": 2, "tensorboard": False,
    }  # fmt: skip
    settings = {
        "out": "runs/faults",
        "datasets": datasets,
        "pack": {"shard_samples": 16},
        "train": train,
    }
    (project.folder / "faults.yaml").write_text(yaml.safe_dump(settings))
    if project.run("snakemake"):
        sys.exit((project.folder / "log.txt").read_text()[-3000:])
    project.reference = project.contents("snakemake")
    return project
