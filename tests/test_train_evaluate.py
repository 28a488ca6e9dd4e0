import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from made_bundle import make_bundle

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from train import augment, checkpoint
from train.config import Settings
from train.data import Domain
from train.engine import train
from train.evaluate import COLUMNS, evaluate
from train.metrics import read_scores, summary

FAILURES = [
    {"dataset": dataset, "split": split, "video": video, "frame": frame, "live": live,
     "attack": "" if live else "replay", "instrument": "", "subject": "003", "reason": "no face"}
    for dataset, split, video, frame, live in (
        ("msu", "train", "train/1_0.avi", 10, 1),
        ("msu", "test", "test/unseen.avi", -1, 0),
        ("msu", "dev", "dev/unseen.avi", -1, 0),
        ("oulu", "test", "test/unseen.avi", -1, 0),
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle, and a model trained on three of its four datasets until it tells them apart."""
    folder = tmp_path_factory.mktemp("evaluate")
    bundle = make_bundle(folder / "bundle", failures=FAILURES)
    settings = Settings(
        width=0.1, input_size=64, batch=6, steps=20, threads=1, meta_learner_momentum=0.5
    )
    return bundle, train(settings, bundle, folder / "run")


def test_the_left_out_dataset_is_scored_and_its_failures_counted(
    run: tuple[Path, Path], tmp_path: Path
):
    bundle, model = run
    results = evaluate(model, bundle, tmp_path / "results.json", tmp_path / "scores.csv")
    assert results == json.loads((tmp_path / "results.json").read_text())
    assert (results["protocol"], results["target"]) == ("O&C&I to M", "msu")
    assert results["selection"] == "last"
    assert results["trained_on"] == results["evaluated_on"] == Bundle(bundle).hash
    # 2 splits x 3 videos x 2 frames a class, one live frame and one spoof video failed
    assert results["counts"] == {
        "frames_live": 13, "frames_spoof": 13, "frames_failed": 2,
        "videos_live": 6, "videos_spoof": 7, "videos_failed": 1,
    }  # fmt: skip
    assert results["published"]["table_1"]["Ours"]["hter"] == 7.38
    assert results["frame"]["auc"] > 0.9  # stripes against none: easily told apart

    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    order = [(row["video"], int(row["frame"])) for row in rows]
    assert order == sorted(order)
    assert [row["frame"] for row in rows if not row["score"]] == ["-1", "10"]
    assert all(0 <= float(row["score"]) <= 1 for row in rows if row["score"])
    assert {row["attack"] for row in rows if row["live"] == "0"} == {"print", "replay"}
    assert summary(read_scores(tmp_path / "scores.csv"))["video"] == results["video"]


def test_a_score_is_the_sigmoid_of_the_networks_logit(run: tuple[Path, Path], tmp_path: Path):
    bundle, path = run
    evaluate(path, bundle, tmp_path / "results.json", tmp_path / "scores.csv")
    domain, model = Domain(Bundle(bundle), "msu"), checkpoint.load(path)
    with torch.inference_mode():
        images = augment.to_input(domain.read([3], "image"), 64)
        expected = float(model.build()(images).double().sigmoid())
    rows = read_scores(tmp_path / "scores.csv")
    (row,) = [r for r in rows if (r.video, r.frame) == (domain.video[3], domain.frame[3])]
    assert row.score == pytest.approx(expected, rel=1e-5)


def test_evaluating_twice_gives_the_same_bytes(run: tuple[Path, Path], tmp_path: Path):
    bundle, model = run
    for name in ("a", "b"):
        evaluate(model, bundle, tmp_path / f"{name}.json", tmp_path / f"{name}.csv")
    for suffix in ("json", "csv"):
        first, second = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
        assert first == second


def test_a_bundle_without_the_target_is_refused(run: tuple[Path, Path], tmp_path: Path):
    other = make_bundle(tmp_path / "other", ["oulu"], 1, 1)
    with pytest.raises(UserError, match="'msu'"):
        evaluate(run[1], other, tmp_path / "r.json", tmp_path / "s.csv")
    assert not (tmp_path / "s.csv").exists()


@pytest.mark.slow
def test_train_needs_nothing_of_the_making_of_labels():
    code = (
        "import sys, train.engine, train.evaluate, train.__main__\n"
        "bad = {'cv2', 'mediapipe', 'dask', 'snakemake', 'pydantic', 'labels', 'yaml'}\n"
        "print(sorted(bad & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def call(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "train", *map(str, words)],
        capture_output=True, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip


@pytest.mark.slow
def test_python_m_train_trains_and_evaluates(run: tuple[Path, Path], tmp_path: Path):
    bundle, _ = run
    settings = tmp_path / "settings.json"
    values = {"width": 0.1, "input_size": 64, "batch": 4, "steps": 2, "threads": 1}
    settings.write_text(json.dumps(values))
    done = call("--bundle", bundle, "--settings", settings, "--protocol", "O&C to I",
                "-o", tmp_path / "run")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{tmp_path / 'run' / 'model.pt'}: ours, O&C to I"
    assert "step 2/2" in done.stderr
    done = call("evaluate", "--model", tmp_path / "run" / "model.pt", "--bundle", bundle,
                "-o", tmp_path / "results.json", "--scores", tmp_path / "scores.csv")  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert json.loads(done.stdout) == {unit: results[unit] for unit in ("frame", "video")}
    assert (results["protocol"], results["published"]) == ("O&C to I", None)


@pytest.mark.slow
def test_a_users_mistake_is_one_line_and_exit_code_two(tmp_path: Path):
    settings = tmp_path / "settings.json"
    settings.write_text('{"widht": 1}')
    for words in ((), ("--bundle", tmp_path, "-o", tmp_path, "--settings", settings)):
        done = call(*words)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
