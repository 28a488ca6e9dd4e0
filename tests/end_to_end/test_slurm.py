"""The graph as jobs of a real SLURM, killed on the way: the bytes are those of a local run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import made_project
import numpy as np
import pytest
import slurm_cluster
import yaml

from pipeline.files.keys import sha256_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(slurm_cluster.missing()),
        reason=f"SLURM is not installed: no {', '.join(slurm_cluster.missing())}",
    ),
]
# So often it looks at its jobs, and so long it stays after the last, for no more than so many may
# be sent in that time.
QUICK = ["--max-status-checks-per-second", "5", "--max-jobs-per-timespan", "100/1s"]
SMALL = ["pack:cpus_per_task=1", "train:cpus_per_task=1"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with slurm_cluster.cluster(tmp_path_factory.mktemp("s")) as environment:
        binaries = Path(sys.executable).parent
        yield {
            **environment,
            "PATH": f"{environment['PATH']}{os.pathsep}{binaries}",
            "OMP_NUM_THREADS": "1",
            "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
        }


@pytest.fixture(scope="module")
def project(tmp_path_factory, portrait: np.ndarray, video_writer: Callable[..., Path]) -> Path:
    """A project folder with two datasets of four short videos each, a partition each."""
    place = made_project.fill(tmp_path_factory.mktemp("a project"))
    names = ("mine", "yours")
    frames = [np.roll(portrait, 4 * step, axis=1) for step in range(3)]
    clip = video_writer(place / "clip.avi", frames, codec="mjpeg", pixel_format="yuvj420p")
    for name in names:
        made_project.tree(place / "data" / name, clip)
    for name in ("local", "slurm"):
        of_names = {"adapter": "table", "every": 1, "partitions": 1}
        settings = {
            "out": f"runs/{name}",
            "datasets": {one: {"root": f"data/{one}", **of_names} for one in names},
            "train": {"protocol": "mine to yours", "width": 0.0625, "input_size": 64, "steps": 2}
            | {"batch": 4, "threads": 1},
        }
        (place / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    return place


def command(name: str, *more: str) -> list[str]:
    """The command of a user, with more options for the cluster."""
    where = ["--profile", "profiles/slurm", *more, "--set-resources", *SMALL]
    where = ["--cores", "2"] if name == "local" else where
    targets = [f"runs/{name}/{file}" for file in ("bundle/bundle.json", "train/model.pt")]
    return ["snakemake", *where, "--configfile", f"{name}.yaml", "--", *targets]


def jobs(slurm: dict[str, str], *more: str) -> list[str]:
    """The numbers of SLURM's jobs."""
    words = ["squeue", "--noheader", "--format=%i", *more]
    done = subprocess.run(words, env=slurm, capture_output=True, text=True, check=True)
    return done.stdout.split()


def until(condition: Callable[[], object], seconds: float = 240) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it does not come"
        time.sleep(0.02)


def made(out: Path) -> dict[str, str]:
    """Sha256 of the bundle and of what was measured on it."""
    files = [*sorted((out / "bundle").iterdir()), out / "train" / "curves.csv"]
    return {path.name: sha256_file(path) for path in files}


def test_killed_and_started_again_on_slurm_it_ends_in_the_bytes_of_a_local_run(project, slurm):
    quiet = {"cwd": project, "env": slurm, "capture_output": True, "text": True}
    done = subprocess.run(command("local"), **quiet)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    out = project / "runs" / "slurm"
    # With one partition a job the first is finished while others are not.
    one_each = command("slurm", *QUICK, "--group-components", "partition=1")
    started = subprocess.Popen(
        one_each,
        cwd=project,
        env=slurm,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until(lambda: list(out.glob("crops/*/[!.]*.h5")))
    killed = jobs(slurm, "--states=running")
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    for job in killed:
        subprocess.run(["scancel", "--signal=KILL", "--full", job], env=slurm)
    until(lambda: not jobs(slurm, "--states=running"))
    subprocess.run(["scancel", "--state=PENDING"], env=slurm, check=True)
    assert not (out / "bundle" / "bundle.json").exists()
    kept = {path: path.stat().st_ino for path in out.glob("*/*/[!.]*.h5")}
    assert kept
    whole = len(list((project / "runs" / "local").glob("*/*/[!.]*.h5")))
    assert len(kept) < whole

    again = subprocess.run(command("slurm", *QUICK), **quiet)
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    assert made(out) == made(project / "runs" / "local")
    assert {path: path.stat().st_ino for path in kept} == kept  # finished work is kept

    # What the scheduler was asked for, as it remembers it.
    words = ["scontrol", "show", "job", "--oneliner"]
    asked = subprocess.run(words, **quiet).stdout.splitlines()
    train = next(line for line in asked if "Comment=rule_train" in line)
    assert "TresPerJob=gres:gpu:1" in train and "mem=16000M" in train
    together = [line for line in asked if "Comment=rule_partition" in line or "crop" in line]
    assert together and all("NumCPUs=1 " in line and "gpu" not in line for line in together)

    third = subprocess.run(command("slurm"), **quiet)
    assert "Nothing to be done" in third.stdout + third.stderr
