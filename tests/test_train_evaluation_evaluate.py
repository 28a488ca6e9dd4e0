"""train/evaluation/evaluate.py: a trained model measured on the dataset left out."""

import csv
import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import torch
from made_bundle import SETTINGS, make_bundle
from referencing import Registry, Resource

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from train.batches import pixels
from train.batches.data import Domain
from train.config import Settings
from train.engine import train
from train.evaluation.card_file import write_card
from train.evaluation.evaluate import evaluate
from train.evaluation.metrics import of_files
from train.evaluation.scores import COLUMNS, read_scores, scores_text
from train.running import checkpoint

pytestmark = pytest.mark.slow

FAILURES = [
    {"dataset": dataset, "split": split, "video": video, "frame": frame, "live": live,
     "attack": "" if live else "replay", "instrument": "", "subject": subject, "reason": "no face"}
    for dataset, split, video, frame, live, subject in (
        ("msu", "train", "train/1_0.avi", 10, 1, "train 0"),
        ("msu", "test", "test/unseen.avi", -1, 0, "003"),
        ("msu", "dev", "dev/unseen.avi", -1, 0, "003"),
        ("oulu", "test", "test/unseen.avi", -1, 0, "003"),
        ("oulu", "dev", "dev/unseen.avi", -1, 0, "003"),
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
    assert results["frame"]["counts"] == {
        "live": 13, "spoof": 13, "live_failed": 1, "spoof_failed": 1
    }  # fmt: skip
    assert results["video"]["counts"] == {
        "live": 6, "spoof": 7, "live_failed": 0, "spoof_failed": 1
    }  # fmt: skip
    assert results["frame"]["failure_to_acquire"] == 2 / 26
    assert set(results["sampling"]) == {"oulu", "casia", "replay", "msu"}
    assert results["sampling"]["msu"] == results["sampling"]["oulu"] == SETTINGS["sampling"]
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
    # of the target's spoofs one is a replay whose instrument is not known, and it has no score
    apcer = results["frame"]["at"]["fixed"]["apcer"]
    assert set(apcer) == {"printer1", "replay"}
    assert apcer["replay"] is None


def test_the_numbers_are_those_of_the_scores_file(run: tuple[Path, Path], tmp_path: Path):
    bundle, model = run
    results = evaluate(model, bundle, tmp_path / "results.json", tmp_path / "scores.csv", 0.25)
    held_out = model.with_name("held_out_scores.csv")
    found = of_files(tmp_path / "scores.csv", held_out, 0.25)
    for level in ("frame", "video"):
        assert found[level] == results[level]
        for rule in found["thresholds"]:
            assert found["thresholds"][rule][level] == results["thresholds"][rule][level]
    assert results["thresholds"]["fixed"]["video"] == 0.25


def validator(name: str) -> jsonschema.Draft202012Validator:
    folder = Path(__file__).parents[1] / "docs" / "schemas"
    kinds = {path.name: json.loads(path.read_text()) for path in folder.glob("*.schema.json")}
    resources = [(kind, Resource.from_contents(schema)) for kind, schema in kinds.items()]
    return jsonschema.Draft202012Validator(
        kinds[name], registry=Registry().with_resources(resources)
    )


def test_results_are_what_their_schema_says_and_nothing_else(
    run: tuple[Path, Path], tmp_path: Path
):
    bundle, model = run
    evaluate(model, bundle, tmp_path / "results.json", tmp_path / "scores.csv")
    check = validator("results.schema.json")
    results = json.loads((tmp_path / "results.json").read_text())
    check.validate(results)
    for broken in (
        {**results, "threshold": "target EER"},
        {**results, "schema": 2},
        {**results, "frame": {**results["frame"], "auc": 1.5}},
        {key: value for key, value in results.items() if key != "thresholds"},
    ):
        assert not check.is_valid(broken)


def test_a_checkpoint_is_measured_without_the_sources_threshold(
    run: tuple[Path, Path], tmp_path: Path
):
    bundle, model = run
    state = dataclasses.replace(checkpoint.load(model), threshold=None)
    checkpoint.save(tmp_path / "step.pt", state)
    results = evaluate(tmp_path / "step.pt", bundle, tmp_path / "r.json", tmp_path / "s.csv")
    assert results["thresholds"]["sources_eer"]["from"].startswith("none: a checkpoint")
    assert results["video"]["at"]["sources_eer"] is None
    assert results["video"]["intervals"]["at"]["sources_eer"] is None
    validator("results.schema.json").validate(results)
    assert not (tmp_path / "model-card.md").exists()


def test_the_card_beside_a_model_gets_the_results(run: tuple[Path, Path], tmp_path: Path):
    bundle, model = run
    folder = shutil.copytree(model.parent, tmp_path / "run")
    write_card(checkpoint.load(model), None, folder)  # as the training leaves it
    before = (folder / "model-card.md").read_text()
    evaluate(folder / "model.pt", bundle, tmp_path / "r.json", tmp_path / "s.csv")
    after = (folder / "model-card.md").read_text()
    assert Bundle(bundle).hash in after
    assert "has not been measured" in before
    assert "has not been measured" not in after


def test_a_card_that_cannot_be_written_is_told_and_no_error(
    run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    bundle, model = run
    folder = shutil.copytree(model.parent, tmp_path / "run")
    (folder / "model-card.md").unlink()
    (folder / "model-card.md").mkdir()  # nothing can be put in its place
    evaluate(folder / "model.pt", bundle, tmp_path / "r.json", tmp_path / "s.csv")
    assert (tmp_path / "r.json").exists()
    told = capsys.readouterr().err
    assert told.startswith(f"note: {folder}/model-card.md is not written: ")
    assert told.count("\n") == 1
    # scores of other people beside the model are not taken for its own
    (folder / "model-card.md").rmdir()
    rows = read_scores(folder / "held_out_scores.csv")
    changed = [row._replace(score=row.score and row.score / 2) for row in rows]
    (folder / "held_out_scores.csv").write_text(scores_text(changed))
    evaluate(folder / "model.pt", bundle, tmp_path / "r.json", tmp_path / "s.csv")
    assert (
        "held_out_scores.csv: not the scores that the model's threshold" in capsys.readouterr().err
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_threshold_that_is_no_number_is_refused_before_anything_is_scored(
    number: float, run: tuple[Path, Path], tmp_path: Path
):
    bundle, model = run
    with pytest.raises(UserError, match="give a finite number"):
        evaluate(model, bundle, tmp_path / "r.json", tmp_path / "s.csv", number)
    assert not (tmp_path / "s.csv").exists()


def test_a_target_of_one_class_is_scored_and_refused_in_one_line(
    run: tuple[Path, Path], tmp_path: Path
):
    other = make_bundle(tmp_path / "other", ["msu"], 1, 1, classes=(1,))
    with pytest.raises(UserError, match=r"s\.csv: no spoof sample has a score"):
        evaluate(run[1], other, tmp_path / "r.json", tmp_path / "s.csv")
    assert len(read_scores(tmp_path / "s.csv")) == 2
    assert not (tmp_path / "r.json").exists()


def test_a_score_is_the_sigmoid_of_the_networks_logit(run: tuple[Path, Path], tmp_path: Path):
    bundle, path = run
    evaluate(path, bundle, tmp_path / "results.json", tmp_path / "scores.csv")
    domain, model = Domain(Bundle(bundle), "msu"), checkpoint.load(path)
    with torch.inference_mode():
        images = pixels.to_input(domain.read([3], "image"), 64)
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


def test_train_needs_nothing_of_the_making_of_labels():
    code = (
        "import sys, train.engine, train.evaluation.evaluate, train.__main__\n"
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
    told = ("thresholds", "frame", "video")
    assert json.loads(done.stdout) == {part: results[part] for part in told}
    assert (results["protocol"], results["published"]) == ("O&C to I", None)


def test_a_users_mistake_is_one_line_and_exit_code_two(tmp_path: Path):
    settings = tmp_path / "settings.json"
    settings.write_text('{"widht": 1}')
    for words in ((), ("--bundle", tmp_path, "-o", tmp_path, "--settings", settings)):
        done = call(*words)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
