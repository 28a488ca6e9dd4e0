"""train/engine.py: a training that is broken off goes on, and ends as if it had not been."""

import dataclasses
import fcntl
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from made_bundle import edit_manifest, make_bundle

from pipeline.errors import UserError
from pipeline.files.store import this_machine
from train.config import Settings
from train.engine import train
from train.running import checkpoint
from train.settings import settings_from_dict

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    **{"width": 0.05, "input_size": 64, "batch": 4, "threads": 1, "device": "cpu"},
    **{"checkpoint_every": 2, "tensorboard": False},
}
FILES = ("model.pt", "curves.csv", "settings.json", "held_out_scores.csv", "model-card.md")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("resume") / "bundle")


class BrokenOffError(Exception):
    pass


def break_off(settings: Settings, bundle: Path, run: Path, after: int) -> None:
    """Train, and raise after so many steps."""

    def stop(state: dict[str, Any]) -> None:
        if state["step"] == after:
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        train(settings, bundle, run, stop, progress_every=1)


def content(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("variant", ["ours", "ssdg", "ssan"])
def test_a_run_that_goes_on_ends_with_the_same_bytes(variant: str, bundle: Path, tmp_path: Path):
    settings = settings_from_dict({"variant": variant, **SMALL, "steps": 6}, "x")
    train(settings, bundle, tmp_path / "whole")
    broken = tmp_path / "broken"
    for after in (1, 3, 5):  # before the first checkpoint, and after each
        break_off(settings, bundle, broken, after)
        assert not (broken / "model.pt").exists()
    seen: list[int] = []
    train(settings, bundle, broken, lambda state: seen.append(state["step"]), progress_every=1)
    assert seen == [5, 6]
    assert content(broken) == content(tmp_path / "whole")


def test_the_last_k_checkpoints_stay_and_each_is_a_model(bundle: Path, tmp_path: Path):
    settings = Settings(**SMALL, steps=9, keep_checkpoints=3)
    train(settings, bundle, tmp_path)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000004.pt", "step-00000006.pt", "step-00000008.pt"]
    state = checkpoint.load(tmp_path / "checkpoints" / names[-1])
    assert (state.steps, state.all_steps) == (8, 9)
    assert state.selection == "last so far: after 8 of 9 steps"
    assert isinstance(state.build(), torch.nn.Module)


def test_a_finished_run_is_left_alone_and_begun_anew_when_told(bundle: Path, tmp_path: Path):
    settings = Settings(**SMALL, steps=2)
    before = train(settings, bundle, tmp_path).stat()
    seen: list[dict[str, Any]] = []
    again = train(settings, bundle, tmp_path, seen.append).stat()
    # Not all of it: another process may have read the file, which its st_atime tells.
    assert (again.st_ino, again.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert seen == []
    first = content(tmp_path)
    train(settings, bundle, tmp_path, seen.append, restart=True)
    assert seen
    assert content(tmp_path) == first


def test_a_finished_run_of_other_settings_is_not_touched_unless_told(bundle: Path, tmp_path: Path):
    settings = Settings(**SMALL, steps=2)
    train(settings, bundle, tmp_path)
    before = content(tmp_path)
    train(Settings(**SMALL, steps=2, prefetch=0), bundle, tmp_path)  # how it runs may differ
    other = Settings(**SMALL, steps=2, seed=4)
    with pytest.raises(UserError, match=r"finished training with other .*seed: 0.*--restart"):
        train(other, bundle, tmp_path)
    assert content(tmp_path) == before
    train(other, bundle, tmp_path, replace="finished")  # as the graph does with what is its own
    assert checkpoint.load(tmp_path / "model.pt").settings.seed == 4


def test_another_number_of_processes_does_not_go_on(bundle: Path, tmp_path: Path):
    settings = Settings(**SMALL, steps=4)
    break_off(settings, bundle, tmp_path, 3)
    path = tmp_path / "checkpoints" / "step-00000002.pt"
    state = checkpoint.load(path)
    checkpoint.save(path, dataclasses.replace(state, environment={"processes": 2}))
    with pytest.raises(UserError, match="2 processes instead of 1"):
        train(settings, bundle, tmp_path)


def test_what_killed_processes_left_half_written_goes(bundle: Path, tmp_path: Path):
    settings = Settings(**SMALL, steps=4)
    break_off(settings, bundle, tmp_path, 3)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for folder in (tmp_path, tmp_path / "checkpoints"):
        (folder / f".model.0123abcd.{this_machine()}.{dead.pid}.tmp.pt").write_bytes(b"half")
    train(settings, bundle, tmp_path)
    assert not list(tmp_path.rglob("*.tmp*"))


def test_an_unfinished_run_of_other_settings_or_another_bundle_is_not_touched(
    bundle: Path, tmp_path: Path
):
    settings, run = Settings(**SMALL, steps=6), tmp_path / "run"
    break_off(settings, bundle, run, 3)
    before = {p.name: p.read_bytes() for p in (run / "checkpoints").iterdir()}
    other = Settings(**SMALL, steps=6, margin=0.4)
    with pytest.raises(UserError, match=r"unfinished .* \(margin: 0.1\), after 2 of 6 .*--restart"):
        train(other, bundle, run)
    changed = tmp_path / "changed"
    shutil.copytree(bundle, changed)
    edit_manifest(changed, lambda manifest: manifest.update(notice="other\n"))
    with pytest.raises(UserError, match="another bundle"):
        train(settings, changed, run)
    assert {p.name: p.read_bytes() for p in (run / "checkpoints").iterdir()} == before
    train(other, bundle, run, restart=True)
    assert checkpoint.load(run / "model.pt").settings == other


def test_how_it_runs_may_change_on_the_way(bundle: Path, tmp_path: Path):
    break_off(Settings(**SMALL, steps=4), bundle, tmp_path, 3)
    other = Settings(**{**SMALL, "checkpoint_every": 3}, steps=4, prefetch=0)
    seen: list[int] = []
    train(other, bundle, tmp_path, lambda state: seen.append(state["step"]), progress_every=1)
    assert seen == [3, 4]


def test_a_damaged_checkpoint_is_named(bundle: Path, tmp_path: Path):
    settings = Settings(**SMALL, steps=4)
    break_off(settings, bundle, tmp_path, 3)
    path = tmp_path / "checkpoints" / "step-00000002.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"step-00000002\.pt: not a model\.pt"):
        train(settings, bundle, tmp_path)


def test_two_trainings_in_one_folder_are_refused(bundle: Path, tmp_path: Path):
    settings = Settings(**SMALL, steps=2)

    def second(state: dict[str, Any]) -> None:
        with pytest.raises(UserError, match="another training is writing here"):
            train(settings, bundle, tmp_path)

    train(settings, bundle, tmp_path, second)


def test_a_graph_that_is_started_again_waits_for_the_training_that_outlived_it(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with (tmp_path / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(0.5, lambda: fcntl.flock(held, fcntl.LOCK_UN)).start()
        model = train(Settings(**SMALL, steps=1), bundle, tmp_path, replace="finished")
    assert model.is_file()
    assert "another training is writing here; waiting for its end" in capsys.readouterr().err
