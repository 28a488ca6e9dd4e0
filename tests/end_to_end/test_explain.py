"""The real command: train, evaluate, explain."""

import csv
import json

import pytest
from command_line import ocim, verbs
from made_bundle import make_bundle


@pytest.mark.slow
def test_trained_runs_are_explained_with_the_scores_that_evaluate_gives(tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    runs = [tmp_path / variant for variant in ("ours", "without_parsing")]
    small = [
        f"--set={one}"
        for one in ("width=0.0625", "batch=4", "steps=2", "threads=1", "tensorboard=false")
    ]
    of_bundle = ("--bundle", bundle)
    for run in runs:
        words = (*of_bundle, "--preset", "demo", "--variant", run.name, *small, "-o", run)
        results = (*of_bundle, "-o", run / "results.json")
        verbs(("train", *words), ("evaluate", run / "model.pt", *results))

    out = tmp_path / "out"
    done = ocim("explain", *runs, "--bundle", bundle, "-o", out)
    assert done.returncode == 0, done.stderr
    told = json.loads((out / "explain.json").read_text())
    assert len(told["samples"]) == 8
    for run in runs:
        with (run / "scores.csv").open(newline="") as file:
            scores = {(row["video"], int(row["frame"])): row for row in csv.DictReader(file)}
        for one in told["samples"]:
            row = scores[one["video"], one["frame"]]
            # Other batches give other last digits.
            assert one["runs"][run.name]["score"] == pytest.approx(float(row["score"]), abs=1e-5)
            assert one["live"] == bool(int(row["live"])) and one["subject"] == row["subject"]

    wrong = ocim("explain", runs[0], tmp_path / "nowhere", "--bundle", bundle, "-o", out)
    assert wrong.returncode == 2
    assert wrong.stderr.count("\n") == 1 and "nowhere: no such model" in wrong.stderr
