"""train/engine.py: whole trainings, the same twice, their epochs and the errors that end them."""

import csv
import dataclasses
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from made_bundle import make_bundle

from pipeline.errors import UserError
from train.config import Settings
from train.engine import train
from train.methods import METHODS
from train.running import checkpoint
from train.running.device import reproducible
from train.running.logbook import columns, csv_line, progress_line
from train.settings import settings_from_dict, settings_from_json
from train.variants import VARIANTS, Name

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"width": 0.1, "input_size": 64, "batch": 4, "threads": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("engine") / "bundle")


def curves(run: Path) -> list[dict[str, str]]:
    with (run / "curves.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_and_fills_its_own_columns(
    variant: Name, bundle: Path, tmp_path: Path
):
    settings = settings_from_dict({"variant": variant, **SMALL, "steps": 2}, "x")
    path = train(settings, bundle, tmp_path)
    rows = curves(tmp_path)
    assert [row["step"] for row in rows] == ["1", "2"]
    assert tuple(rows[0]) == columns(METHODS[settings.method].curves)
    parts = settings.parts
    if settings.method == "meta":
        assert (rows[0]["train_seg"] != "") == parts.parsing
        assert (rows[0]["train_trip"] != "") == (parts.triplet is not None)
        assert (rows[0]["test_cls"] != "") == parts.meta
    else:
        assert "" not in [v for name, v in rows[0].items() if name != "mining"]
    if parts.triplet == "live":
        assert [row["mining"] for row in rows] == ["batch_all", "batch_hard"]
    assert settings_from_json(tmp_path / "settings.json") == settings
    model = checkpoint.load(path)
    assert (model.settings, model.steps, model.selection) == (settings, 2, "last")
    assert model.environment["threads"] == 1


def test_a_seed_gives_the_same_bytes_twice_and_another_seed_does_not(bundle: Path, tmp_path: Path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.manual_seed(len(name) + seed)  # global state must not matter
        train(Settings(steps=3, seed=seed, **SMALL), bundle, tmp_path / name)
        torch.rand(5)
    for file in ("curves.csv", "model.pt", "settings.json"):
        a, b, c = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert a == b, file
        assert a != c, file


def test_reading_ahead_changes_no_number(bundle: Path, tmp_path: Path):
    for prefetch in (0, 1, 3):
        settings = Settings(steps=3, prefetch=prefetch, augmentation="flip+zoom+colour", **SMALL)
        train(settings, bundle, tmp_path / str(prefetch))
    first, *others = ((tmp_path / str(n) / "curves.csv").read_bytes() for n in (0, 1, 3))
    assert others == [first, first]


def reading() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "reads ahead"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_reading_thread_ends_when_a_training_is_stopped(
    error: type[BaseException], bundle: Path, tmp_path: Path
):
    def stop(state: dict[str, Any]) -> None:
        assert reading()
        raise error

    with pytest.raises(error):
        train(Settings(steps=50, **SMALL), bundle, tmp_path, stop)
    assert not reading()
    assert len(curves(tmp_path)) == 1


def test_a_shard_that_is_cut_while_it_trains_stops_it_with_one_line(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["casia", "oulu"], 1, 1)
    path = folder / "oulu-test-00000-of-00001.h5"

    def cut(state: dict[str, Any]) -> None:
        os.truncate(path, 100_000)

    with pytest.raises(UserError, match=f"{path}: changed while it was read") as caught:
        train(Settings(steps=50, protocol="C&O to M", **SMALL), folder, tmp_path / "run", cut)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "model.pt").exists()


def test_epochs_last_as_long_as_the_longest_list_needs(bundle: Path, tmp_path: Path):
    # 2 splits, 3 videos, 2 frames: 12 samples a class; 5 live at a time go in twice
    settings = Settings(**{**SMALL, "batch": 10, "epochs": 2, "variant": "rfmetafas"})
    train(settings, bundle, tmp_path)
    assert [row["epoch"] for row in curves(tmp_path)] == ["1", "1", "2", "2"]


def test_a_shard_that_is_cut_late_costs_no_step_that_was_made(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["casia", "oulu"], 1, 1)
    path = folder / "oulu-test-00000-of-00001.h5"

    def cut(state: dict[str, Any]) -> None:
        if state["step"] == 3:
            os.truncate(path, 100_000)

    settings = Settings(steps=50, protocol="C&O to M", **{**SMALL, "prefetch": 0})
    with pytest.raises(UserError, match=r"; saved after step 3: the same command goes on"):
        train(settings, folder, tmp_path / "run", cut, progress_every=1)
    (state,) = (tmp_path / "run" / "checkpoints").iterdir()
    assert checkpoint.load(state).steps == 3


def test_a_last_step_that_diverges_leaves_no_model(bundle: Path, tmp_path: Path):
    settings = Settings(**{**SMALL, "steps": 1}, learning_rate=1e30, weight_decay=1e30)
    with pytest.raises(UserError, match=r"step 1: parameter \w[\w.]+ is nan"):
        train(settings, bundle, tmp_path)
    assert not (tmp_path / "model.pt").exists()


def test_training_lowers_the_losses(bundle: Path, tmp_path: Path):
    train(Settings(steps=15, learning_rate=0.005, **SMALL), bundle, tmp_path)
    rows = curves(tmp_path)
    for name in ("total", "train_cls", "train_dep", "train_seg", "test_cls", "test_seg"):
        first, last = (sum(float(r[name]) for r in part) for part in (rows[:3], rows[-3:]))
        assert last < 0.8 * first, name


def test_what_diverges_stops_with_the_step_and_the_loss(bundle: Path, tmp_path: Path):
    settings = Settings(steps=50, learning_rate=1e30, **SMALL)
    with pytest.raises(UserError, match=r"step \d+: (train|test)_\w+ is (nan|inf)"):
        train(settings, bundle, tmp_path)
    assert 1 <= len(curves(tmp_path)) < 50
    assert not (tmp_path / "model.pt").exists()


def test_a_missing_dataset_or_class_is_named(bundle: Path, tmp_path: Path):
    with pytest.raises(UserError, match="'mydata'"):
        train(Settings(protocol="O&mydata to M", **SMALL), bundle, tmp_path)
    one_sided = make_bundle(tmp_path / "one-sided", ["oulu", "casia"], 1, 1, classes=(1,))
    with pytest.raises(UserError, match="'oulu' has no spoof sample"):
        train(Settings(protocol="O&C to M", **SMALL), one_sided, tmp_path)
    with pytest.raises(UserError, match=r"bundle\.json"):
        train(Settings(**SMALL), tmp_path / "nothing", tmp_path)


def test_progress_tells_steps_losses_speed_and_time_left(bundle: Path, tmp_path: Path):
    told: list[dict[str, Any]] = []
    train(Settings(steps=5, **SMALL), bundle, tmp_path, told.append, progress_every=2)
    assert [state["step"] for state in told] == [1, 3, 5]
    assert told[-1]["seconds_left"] == 0
    line = progress_line(told[1])
    assert line.startswith("step 3/5 epoch 1/1  total ")
    assert "images/s" in line
    assert " GB  0:00:" in line
    assert 0 <= told[1]["waiting"] < 1
    assert "\n" not in line


def test_torchs_own_settings_are_put_back(bundle: Path, tmp_path: Path):
    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    with reproducible(Settings(threads=3)):
        assert torch.get_num_threads() == 3
        assert torch.are_deterministic_algorithms_enabled()
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_curves_leave_out_what_a_variant_has_not():
    row = {"step": 1, "epoch": 1, "total": 0.1, "train_cls": 1 / 3}
    assert csv_line(row, ("step", "train_cls", "test_seg")) == "1,0.333333333,\n"


def test_a_file_that_is_no_model_is_refused(tmp_path: Path):
    for content in (b"", b"PK\x03\x04 not", json.dumps({"format": 1}).encode()):
        (tmp_path / "model.pt").write_bytes(content)
        with pytest.raises(UserError, match=r"not a model\.pt"):
            checkpoint.load(tmp_path / "model.pt")
    whole = {field.name: {} for field in dataclasses.fields(checkpoint.Model)}
    torch.save({**whole, "format": checkpoint.FORMAT}, tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"not a whole model\.pt"):
        checkpoint.load(tmp_path / "model.pt")
    torch.save({"format": 99}, tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"not a model\.pt"):
        checkpoint.load(tmp_path / "model.pt")
    with pytest.raises(UserError, match="no such model"):
        checkpoint.load(tmp_path / "missing.pt")
