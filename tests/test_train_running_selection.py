"""train/running/selection.py: which state of a training is kept, and who is held out."""

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_bundle import edit_manifest, make_bundle, only

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from train.batches import data
from train.batches.domain import Domain
from train.config import Settings
from train.engine import train
from train.evaluation.evaluate import evaluate
from train.evaluation.metrics import rates
from train.evaluation.scores import read_scores, video_scores
from train.running import checkpoint
from train.running.selection import Selection, Verdict, choose_held_out

SMALL: dict[str, Any] = {
    **{"width": 0.05, "input_size": 64, "batch": 4, "threads": 1, "device": "cpu"},
    **{"tensorboard": False, "steps": 4, "protocol": "O&C to M", "evaluate_every": 1},
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """O with a dev split, C without one."""
    folder = make_bundle(tmp_path_factory.mktemp("selection") / "bundle", videos=4)
    kept = [p.name for p in folder.glob("*.h5") if not p.name.startswith("casia-dev")]
    return only(folder, *kept)


def test_a_lower_hter_wins_then_a_higher_auc_then_the_earlier():
    assert Verdict(0.1, 0.8).beats(None)
    assert Verdict(0.1, 0.8).beats(Verdict(0.2, 0.9))
    assert Verdict(0.1, 0.9).beats(Verdict(0.1, 0.8))
    assert not Verdict(0.1, 0.8).beats(Verdict(0.1, 0.8))
    assert not Verdict(0.2, 1.0).beats(Verdict(0.1, 0.5))


def test_a_share_of_the_subjects_is_held_out_and_never_all(bundle: Path):
    domain = Domain(Bundle(bundle), "casia")
    subjects = set(np.unique(domain.column("subject")).tolist())
    assert len(subjects) == 8  # four in train, four in test
    chosen = choose_held_out(domain, 0.25, seed=0)
    assert len(chosen) == 2
    assert chosen < subjects
    assert chosen == choose_held_out(domain, 0.25, seed=0)
    assert len({choose_held_out(domain, 0.25, seed=seed) for seed in range(8)}) > 1
    assert len(choose_held_out(domain, 0.01, seed=0)) == 1
    assert len(choose_held_out(domain, 0.9, seed=0)) == 7


def test_what_states_are_compared_on_is_not_trained_on(bundle: Path):
    settings = Settings(**SMALL, selection="sources", held_out=0.25)
    opened = Bundle(bundle)
    domains = [Domain(opened, name) for name in ("oulu", "casia")]
    selection = Selection(opened, domains, settings)
    assert selection.held_out["oulu"] == frozenset()  # its dev split is there for this
    of_oulu, of_casia = selection.parts
    assert {str(v).split("/")[0] for v in of_oulu.domain.video} == {"dev"}
    compared = set(of_casia.domain.column("subject")[of_casia.samples].tolist())
    assert compared == selection.held_out["casia"]
    assert len(compared) == 2
    sources = data.make_sources(domains, settings, selection.held_out)
    casia = sources[1]
    drawn = {int(sample) for step in range(60) for sample in casia.samples(step)}
    trained_on = set(casia.domain.column("subject")[sorted(drawn)].tolist())
    assert len(trained_on) == 6
    assert not trained_on & compared


def test_nothing_is_held_out_unless_it_is_asked_for(bundle: Path):
    opened = Bundle(bundle)
    domains = [Domain(opened, name) for name in ("oulu", "casia")]
    for how in ("last", "target"):
        selection = Selection(opened, domains, Settings(**SMALL, selection=how))
        assert set(selection.held_out.values()) == {frozenset()}
        assert [p.domain.name for p in selection.parts] == (["msu"] if how == "target" else [])


@pytest.mark.parametrize("how", ["sources", "target"])
def test_a_dataset_of_one_class_is_refused_before_training(how: Any, tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["oulu", "casia"], 2, 1)
    live_only = make_bundle(tmp_path / "live", ["msu"], 2, 1, classes=(1,))
    for path in live_only.glob("*.h5"):
        shutil.copy(path, folder)
    manifest = json.loads((live_only / "bundle.json").read_text())
    edit_manifest(folder, lambda own: own["shards"].extend(manifest["shards"]))
    edit_manifest(folder, lambda own: own["counts"].update(manifest["counts"]))
    edit_manifest(folder, lambda own: own["provenance"].update(manifest["provenance"]))
    opened = Bundle(folder)
    source = Domain(opened, "msu")
    settings = Settings(**SMALL, selection=how)
    with pytest.raises(UserError, match=f"'msu' lacks live or spoof in .*selection '{how}'"):
        Selection(opened, [source], settings)


@pytest.mark.slow
def test_comparing_states_changes_nothing_of_a_training(bundle: Path, tmp_path: Path):
    for how in ("last", "target"):
        settings = Settings(**SMALL, selection=how)  # type: ignore[arg-type]
        train(settings, bundle, tmp_path / how)
    curves = [(tmp_path / how / "curves.csv").read_bytes() for how in ("last", "target")]
    assert curves[0] == curves[1]


@pytest.mark.slow
def test_a_state_that_could_not_be_compared_is_not_passed_over(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["casia", "msu", "oulu"], 1, 1)
    settings = Settings(**{**SMALL, "evaluate_every": 2}, selection="target", checkpoint_every=1)
    train(settings, folder, tmp_path / "whole")
    shard = folder / "msu-test-00000-of-00001.h5"
    content = shard.read_bytes()

    def cut(state: dict[str, Any]) -> None:
        if state["step"] == 2:
            os.truncate(shard, 100_000)

    with pytest.raises(UserError, match="changed while it was read"):
        train(settings, folder, tmp_path / "run", cut, progress_every=1)
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000001.pt"]
    shard.write_bytes(content)
    train(settings, folder, tmp_path / "run")
    for name in ("model.pt", "curves.csv", "selection.csv"):
        whole, again = ((tmp_path / run / name).read_bytes() for run in ("whole", "run"))
        assert whole == again, name


def test_one_subject_cannot_be_held_out(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["casia"], 1, 1)
    domain = Domain(Bundle(only(folder, "casia-train-00000-of-00001.h5")), "casia")
    with pytest.raises(UserError, match="'casia' has 1 subject"):
        choose_held_out(domain, 0.2, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("last", "last"),
        ("sources", "best on the sources' held-out subjects"),
        ("target", "best on the target"),
    ],
)
def test_every_result_names_how_its_model_was_chosen(
    how: Any, name: str, bundle: Path, tmp_path: Path
):
    settings = Settings(**SMALL, selection=how, learning_rate=0.01)
    model = checkpoint.load(train(settings, bundle, tmp_path))
    results, scores = tmp_path / "results.json", tmp_path / "scores.csv"
    evaluate(tmp_path / "model.pt", bundle, results, scores)
    found = json.loads(results.read_text())
    assert (model.selection, found["selection"]) == (name, name)
    assert (found["steps"], found["all_steps"]) == (model.steps, 4)
    if how == "last":
        assert model.steps == 4
        assert not (tmp_path / "selection.csv").exists()
        return
    with (tmp_path / "selection.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    ranked = sorted(rows, key=lambda row: (float(row["hter"]), -float(row["auc"])))
    assert model.steps == int(ranked[0]["step"])
    if how == "target":  # the same numbers by the way that scores go to a file and back
        again = rates(video_scores(read_scores(scores)))
        assert again["hter_at_eer_threshold"] == pytest.approx(float(ranked[0]["hter"]), abs=1e-9)
        assert again["auc"] == pytest.approx(float(ranked[0]["auc"]), abs=1e-9)
    best = checkpoint.load(tmp_path / "checkpoints" / "best.pt")
    assert best.steps == model.steps
