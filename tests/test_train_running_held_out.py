"""The threshold that a model carries, and the people that it was found on."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_bundle import SETTINGS, edit_manifest, make_bundle, only

from pipeline.bundle import CLASS_NAMES, Bundle
from pipeline.errors import UserError
from train.batches import pixels
from train.batches.domain import Domain
from train.config import Settings
from train.engine import train
from train.evaluation.card_file import held_out_level
from train.evaluation.scores import read_scores, video_scores
from train.evaluation.thresholds import eer_threshold
from train.running import checkpoint
from train.running.held_out import carried
from train.running.origin import crop_of

SMALL: dict[str, Any] = {
    **{"width": 0.05, "input_size": 64, "batch": 4, "threads": 1, "device": "cpu"},
    **{"tensorboard": False, "steps": 2, "protocol": "O&C to M"},
}
FAILED = [
    {"dataset": "oulu", "split": split, "video": f"{split}/lost.avi", "frame": -1, "live": 0,
     "attack": "print", "instrument": "printer1", "subject": f"{split} 9", "reason": "no face"}
    for split in ("dev", "test")
]  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """O with a dev split, C without one."""
    place = tmp_path_factory.mktemp("held_out") / "bundle"
    folder = make_bundle(place, ["oulu", "casia"], videos=3, failures=FAILED)
    kept = [p.name for p in folder.glob("*.h5") if not p.name.startswith("casia-dev")]
    return only(folder, *kept)


@pytest.fixture(scope="module")
def trained(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(Settings(**SMALL), bundle, tmp_path_factory.mktemp("run"))


def test_a_model_carries_the_eer_threshold_of_the_sources_dev_subjects(bundle: Path, trained: Path):
    model = checkpoint.load(trained)
    rows = read_scores(trained.with_name("held_out_scores.csv"))
    # casia has no dev split and no subject was held out; of oulu's the failed video is there too
    assert {row.dataset for row in rows} == {"oulu"}
    assert {row.video.split("/")[0] for row in rows} == {"dev"}
    assert [row.video for row in rows if row.score is None] == ["dev/lost.avi"]
    assert len(rows) == 13
    assert model.threshold is not None
    assert model.threshold["rule"] == "sources_eer"
    assert model.threshold["frame"] == eer_threshold(rows)
    assert model.threshold["video"] == eer_threshold(video_scores(rows))
    whose = "held-out subjects of the sources: 4 of oulu (its dev split)"
    assert model.threshold["from"] == whose


def test_held_out_scores_are_those_of_the_model_in_float32(bundle: Path, trained: Path):
    domain = Domain(Bundle(bundle), "oulu", ("dev",))
    networks = checkpoint.load(trained).build()
    with torch.inference_mode():
        images = pixels.to_input(domain.read(np.arange(len(domain)), "image"), 64)
        expected = networks(images).double().sigmoid()
    rows = {
        (r.video, r.frame): r.score for r in read_scores(trained.parent / "held_out_scores.csv")
    }
    for place, score in enumerate(expected):
        found = rows[str(domain.video[place]), int(domain.frame[place])]
        assert found == pytest.approx(float(score), rel=1e-5)


def test_a_model_says_what_it_learned_from(bundle: Path, trained: Path):
    model = checkpoint.load(trained)
    assert model.crop == SETTINGS["crop"]
    assert model.classes == list(CLASS_NAMES)
    # train and test, three videos a class, two frames each; live and spoof of a subject
    counts = {"samples": 24, "subjects": 6, "videos": 12, "live": 12, "spoof": 12}
    of = {**counts, "sampling": SETTINGS["sampling"]}
    assert model.data == {"datasets": {"oulu": of, "casia": of}, "licences": ["made"]}


def test_subjects_held_out_for_selection_count_too_and_that_is_said(bundle: Path, tmp_path: Path):
    settings = Settings(**SMALL, selection="sources", evaluate_every=1)
    model = checkpoint.load(train(settings, bundle, tmp_path))
    rows = read_scores(tmp_path / "held_out_scores.csv")
    casia = {row.subject for row in rows if row.dataset == "casia"}
    assert len(casia) == 1  # a fifth of six
    assert model.data["datasets"]["casia"]["subjects"] == 5
    assert model.data["datasets"]["casia"]["samples"] == 20
    assert model.threshold is not None
    assert model.threshold["from"] == (
        "held-out subjects of the sources: 4 of oulu (its dev split), 1 of casia (kept from"
        " training); the state was chosen on them too"
    )
    assert model.threshold["frame"] == eer_threshold(rows)
    # of the state that is kept, also where that is not the last
    best = checkpoint.load(tmp_path / "checkpoints" / "best.pt")
    assert best.threshold is None
    for name, value in best.networks.items():
        assert torch.equal(value, model.networks[name])


def test_without_held_out_subjects_the_threshold_is_a_number_with_the_reason(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["oulu", "casia"], 1, 1)
    only(folder, *(p.name for p in folder.glob("*.h5") if "-dev-" not in p.name))
    model = checkpoint.load(train(Settings(**SMALL), folder, tmp_path / "run"))
    assert not (tmp_path / "run" / "held_out_scores.csv").exists()
    assert model.threshold is not None
    assert (model.threshold["frame"], model.threshold["video"]) == (0.5, 0.5)
    assert model.threshold["rule"] == "fixed"
    assert model.threshold["from"].startswith("no source has a dev split")
    rule = carried(model.threshold)
    assert (rule.frame, rule.video) == (None, None)
    assert rule.origin.startswith("none: the model carries none: no source")


def test_a_dev_split_of_one_class_gives_no_threshold_and_says_why(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["oulu", "casia"], 1, 1)
    only(folder, *(p.name for p in folder.glob("*.h5") if "-dev-" not in p.name))
    lives = make_bundle(tmp_path / "lives", ["oulu"], 1, 1, classes=(1,))
    (lives / "oulu-dev-00000-of-00001.h5").rename(folder / "oulu-dev-00000-of-00001.h5")
    entries = Bundle(lives).manifest["shards"]
    dev = [entry for entry in entries if entry["split"] == "dev"]
    edit_manifest(folder, lambda manifest: manifest["shards"].extend(dev))
    model = checkpoint.load(train(Settings(**SMALL), folder, tmp_path / "run"))
    assert model.threshold is not None
    assert model.threshold["rule"] == "fixed"
    assert "no spoof sample has a score" in model.threshold["from"]
    assert (tmp_path / "run" / "held_out_scores.csv").exists()


@pytest.mark.slow
def test_a_dev_split_that_is_cut_at_the_end_costs_no_step(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["oulu", "casia"], 1, 1)
    path = folder / "oulu-dev-00000-of-00001.h5"
    content = path.read_bytes()

    def cut(state: dict[str, Any]) -> None:
        if state["step"] == 2:
            os.truncate(path, 100_000)

    settings, run = Settings(**SMALL), tmp_path / "run"
    with pytest.raises(UserError, match=r"changed while it was read.*saved after step 2: the same"):
        train(settings, folder, run, cut, progress_every=1)
    assert not (run / "model.pt").exists()
    path.write_bytes(content)
    seen: list[Any] = []
    train(settings, folder, run, seen.append)
    assert seen == []  # both steps were kept
    train(settings, folder, tmp_path / "whole")
    for name in ("model.pt", "held_out_scores.csv", "model-card.md", "curves.csv"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_what_is_derived_does_not_make_a_finished_run_unfinished(bundle: Path, tmp_path: Path):
    path = train(Settings(**SMALL), bundle, tmp_path)
    before = path.read_bytes()
    for name in ("held_out_scores.csv", "model-card.md"):
        (tmp_path / name).unlink()
    seen: list[Any] = []
    train(Settings(**SMALL), bundle, tmp_path, seen.append)
    assert seen == []
    assert path.read_bytes() == before
    # one that is begun anew leaves nothing of the old behind
    (tmp_path / "held_out_scores.csv").write_text("old")
    train(Settings(**SMALL), bundle, tmp_path, restart=True)
    assert read_scores(tmp_path / "held_out_scores.csv")
    assert path.read_bytes() == before


def test_the_cards_numbers_are_at_the_carried_threshold_and_of_its_own_scores(trained: Path):
    model = checkpoint.load(trained)
    rows = read_scores(trained.with_name("held_out_scores.csv"))
    found = held_out_level(model, rows)
    assert set(found) == {"thresholds", "frame", "video"}
    assert list(found["video"]["at"]) == ["sources_eer"]
    at = found["video"]["at"]["sources_eer"]
    assert at["hter"] == found["video"]["hter_at_eer_threshold"]
    other = [row._replace(score=None if row.score is None else row.score / 2) for row in rows]
    with pytest.raises(UserError, match="not the scores"):
        held_out_level(model, other)
    with pytest.raises(UserError, match="not the scores"):
        held_out_level(dataclasses.replace(model, threshold=None), rows)


def test_sources_that_were_cropped_in_different_ways_have_no_crop_to_name(
    bundle: Path, tmp_path: Path
):
    assert crop_of(Bundle(bundle), ["oulu", "casia"]) == SETTINGS["crop"]
    folder = make_bundle(tmp_path / "bundle", ["oulu", "casia"], 1, 1)
    wide = {**SETTINGS, "crop": {**SETTINGS["crop"], "margin": 1.8}}
    edit_manifest(folder, lambda one: one["provenance"].update(oulu={"settings": wide}))
    assert crop_of(Bundle(folder), ["oulu", "casia"]) == {}
    assert crop_of(Bundle(folder), ["oulu"])["margin"] == 1.8
    edit_manifest(folder, lambda one: one.pop("provenance"))
    assert crop_of(Bundle(folder), ["oulu"]) == {}


def test_a_model_of_the_format_before_is_refused_in_one_line(trained: Path, tmp_path: Path):
    content = torch.load(trained, weights_only=True)
    old = {k: v for k, v in content.items() if k not in ("crop", "classes", "threshold", "data")}
    torch.save({**old, "format": 2}, tmp_path / "model.pt")
    said = r"model\.pt: not a model\.pt of format 3, its format is 2; train again to make one"
    with pytest.raises(UserError, match=said) as caught:
        checkpoint.load(tmp_path / "model.pt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", {"frame": 0.5}),
        ("threshold", {"frame": "x", "video": 0.5, "rule": "fixed", "how": "", "from": ""}),
        ("threshold", {"frame": float("nan"), "video": 0.5, "rule": "", "how": "", "from": ""}),
        ("data", {"datasets": {"oulu": 3}, "licences": []}),
        ("data", {"datasets": {"oulu": {"sampling": {}}}, "licences": []}),
        ("data", {}),
        ("classes", "skin"),
    ],
)
def test_a_model_whose_new_parts_are_not_whole_is_refused(
    key: str, value: Any, trained: Path, tmp_path: Path
):
    content = torch.load(trained, weights_only=True)
    torch.save({**content, key: value}, tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"not a whole model\.pt"):
        checkpoint.load(tmp_path / "model.pt")
