"""`ocim tables` as a user runs it: trainings, tables, after a kill, and where a training fails."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean, stdev

import pytest
from made_bundle import make_bundle

pytestmark = pytest.mark.slow
TINY = ("width=0.0625", "input_size=64", "steps=2", "batch=4", "threads=1", "tensorboard=false")
FILES = ("tables.html", "tables.json", "tables.md", "tables.tex")
OCIM = str(Path(sys.executable).parent / "ocim")


def command(bundle: Path, out: Path, *more: str) -> list[str]:
    """Two variants of two seeds on one protocol."""
    words = [OCIM, "tables", "--bundle", str(bundle), "-o", str(out)]
    words += ["--protocol", "O&M&I to C", "--variant", "ours", "--variant", "without_parsing"]
    words += ["--seed", "0", "--seed", "1"]
    for one in TINY:
        words += ["--set", one]
    return words + list(more)


def run(words: list[str], code: int = 0) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("made") / "bundle")


@pytest.fixture(scope="module")
def finished(bundle: Path) -> Path:
    out = bundle.parent / "tables"
    said = run(command(bundle, out))
    assert said.count("by frame") == 4 and "finished before" not in said
    return out


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


def test_a_cell_is_the_mean_and_deviation_of_what_its_runs_measured(finished: Path):
    row = next(
        line for line in (finished / "tables.md").read_text().splitlines() if "| Ours |" in line
    )
    for name, column in (("hter_at_eer_threshold", 0), ("auc", 1)):
        numbers = []
        for seed in (0, 1):
            place = finished / "runs" / "O-M-I-to-C" / "ours" / f"seed-{seed}"
            numbers.append(json.loads((place / "results.json").read_text())["frame"][name])
        text = f"{100 * fmean(numbers):.2f} ± {100 * stdev(numbers):.2f}"
        assert row.split("|")[2 + column].strip() == text


def test_the_runs_of_a_seed_have_that_seed_and_variant(finished: Path):
    place = finished / "runs" / "O-M-I-to-C" / "without_parsing" / "seed-1"
    results = json.loads((place / "results.json").read_text())
    assert (results["seed"], results["variant"]) == (1, "without_parsing")
    assert (results["protocol"], results["target"]) == ("O&M&I to C", "casia")


def test_the_same_command_again_makes_nothing_anew_and_the_same_bytes(bundle: Path, finished: Path):
    before = contents(finished)
    models = {path: path.stat().st_mtime_ns for path in finished.rglob("model.pt")}
    assert len(models) == 4
    assert run(command(bundle, finished)).count("finished before") == 4
    assert contents(finished) == before
    assert {path: path.stat().st_mtime_ns for path in models} == models


def test_killed_in_the_middle_it_goes_on_and_ends_in_the_same_numbers(
    bundle: Path, finished: Path, tmp_path: Path
):
    out = tmp_path / "tables"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command(bundle, out), start_new_session=True, **quiet) as begun:
        while not list(out.rglob("results.json")):
            assert begun.poll() is None
            time.sleep(0.05)
        os.killpg(begun.pid, signal.SIGKILL)
    run(command(bundle, out))
    one, other = (json.loads((place / "tables.json").read_text()) for place in (finished, out))
    assert one["runs"] == other["runs"]


def test_what_was_begun_with_other_settings_is_replaced(bundle: Path, tmp_path: Path):
    out = tmp_path / "tables"
    cell = ["--cell", "O-M-I-to-C/ours/seed-0"]
    longer = command(bundle, out, *cell, "--set", "steps=500", "--set", "checkpoint_every=1")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(longer, start_new_session=True, **quiet) as begun:
        while not list(out.rglob("step-*.pt")):
            assert begun.poll() is None
            time.sleep(0.05)
        os.killpg(begun.pid, signal.SIGKILL)
    assert "not finished" not in run(command(bundle, out, *cell))
    results = next(out.rglob("results.json"))
    assert json.loads(results.read_text())["steps"] == 2


def test_a_training_that_fails_is_listed_and_the_others_go_on(
    bundle: Path, finished: Path, tmp_path: Path
):
    out = tmp_path / "tables"
    words = command(bundle, out, "--set", "learning_rate=1e29")
    said = run(words, code=1)
    assert "4 of 4 failed" in said and "diverged" in said
    runs = json.loads((out / "tables.json").read_text())["runs"]
    assert all("diverged" in one["failed"] for one in runs)
    assert "diverged" in (out / "tables.html").read_text()


def test_tables_of_two_bundles_stand_apart(bundle: Path, finished: Path, tmp_path: Path):
    again = command(bundle, tmp_path / "b", "--beside", str(finished / "tables.json"))
    again += ["--cell", "O-M-I-to-C/ours/seed-1"]
    assert "seed-1: HTER" in run(again)
    run(
        [word for word in again if word not in ("--cell", "O-M-I-to-C/ours/seed-1")]
        + ["--finished"]
    )
    page = (tmp_path / "b" / "tables.md").read_text()
    assert page.count("| Ours |") >= 2 and "(1 of 2)" in page
    assert "../" in page  # where the other's runs lie


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--cell", "nothing"], "--cell nothing: not one of the 4"),
        (["--beside", "none.json"], "none.json: cannot be read"),
        (["--protocol", "O&C&I to X"], "needs X"),
        (["--set", "width=x"], "width: expected a number"),
    ],
)
def test_a_mistake_is_one_line(bundle: Path, finished: Path, more: list[str], said: str):
    told = run(command(bundle, finished, "--finished", *more), code=2)
    assert said in told and told.count("\n") == 1
