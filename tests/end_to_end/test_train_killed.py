"""Trainings killed at random moments end with the bytes of one that was left alone."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from made_bundle import make_bundle
from programs import hear_signals

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (
    *("--set", "width=0.05", "--set", "input_size=64", "--set", "batch=4", "--set", "threads=1"),
    *("--set", "steps=30", "--set", "checkpoint_every=3", "--set", "device=cpu"),
    *("--set", "selection=sources", "--set", "evaluate_every=7", "--set", "tensorboard=false"),
)
KILLS = 4


def start(bundle: Path, run: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "train", "--bundle", str(bundle), *SETTINGS, "-o", str(run)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, preexec_fn=hear_signals
    )


def content(run: Path) -> dict[str, bytes]:
    names = ("model.pt", "curves.csv", "selection.csv", "settings.json", "held_out_scores.csv")
    return {name: (run / name).read_bytes() for name in names}


class Whole(NamedTuple):
    """A training that was left alone: its bundle, its files, its seconds from the first step."""

    bundle: Path
    content: dict[str, bytes]
    lasts: float


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    place = tmp_path_factory.mktemp("whole")
    bundle = make_bundle(place / "bundle")
    process = start(bundle, place / "run")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("step 1/30")
    began = time.monotonic()
    errors = process.communicate()[1]
    assert process.returncode == 0, errors
    return Whole(bundle, content(place / "run"), time.monotonic() - began)


def test_a_training_killed_at_random_moments_ends_with_the_same_bytes(whole, tmp_path):
    chance, run, killed = random.Random(5), tmp_path / "killed", 0
    while killed < KILLS and not (run / "model.pt").exists():
        process = start(whole.bundle, run)
        assert process.stderr is not None
        process.stderr.readline()  # it trains
        time.sleep(chance.uniform(0, whole.lasts / (KILLS + 2)))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 3
    process = start(whole.bundle, run)
    errors = process.communicate()[1]
    assert process.returncode == 0, errors
    assert content(run) == whole.content
    assert not list(run.rglob("*.tmp*"))


def test_each_signal_saves_and_the_same_command_goes_on_to_the_same_bytes(whole, tmp_path):
    run, step = tmp_path / "run", 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process = start(whole.bundle, run)
        assert process.stderr is not None
        assert process.stderr.readline().startswith(f"step {step + 1}/30")
        process.send_signal(number)
        lines = process.communicate()[1].splitlines()
        assert process.returncode == 128 + number
        assert "stopping after this step; once more stops at once, and unsaved" in lines
        assert lines[-1].endswith("of 30; the same command goes on from there")
        step = int(lines[-1].split()[3])
        newest = max(path.name for path in (run / "checkpoints").glob("step-*"))
        assert newest == f"step-{step:08d}.pt"
    process = start(whole.bundle, run)
    errors = process.communicate()[1]
    assert process.returncode == 0, errors
    with (run / "curves.csv").open() as file:
        assert [row.split(",")[0] for row in file][1:] == [str(n) for n in range(1, 31)]
    assert content(run) == whole.content
