"""train/running/logbook.py: TensorBoard's logs, the progress line and the memory in it."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from made_bundle import make_bundle

from train.config import Settings
from train.engine import train
from train.running.logbook import most_memory, progress_line

SMALL: dict[str, Any] = {
    **{"width": 0.05, "input_size": 64, "batch": 4, "threads": 1, "device": "cpu", "steps": 6},
    **{"checkpoint_every": 2},
}


class BrokenOffError(Exception):
    pass


def logged(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows of a run, by its own reader."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


@pytest.mark.slow
def test_tensorboard_shows_each_step_once_also_after_going_on(tmp_path: Path):
    bundle = make_bundle(tmp_path / "bundle")

    def stop(state: dict[str, Any]) -> None:
        if state["step"] == 3:
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        train(Settings(**SMALL), bundle, tmp_path / "run", stop, progress_every=1)
    assert [step for step, _ in logged(tmp_path / "run")["train_cls"]] == [1, 2, 3]
    train(Settings(**SMALL), bundle, tmp_path / "run")  # goes on after step 2
    found = logged(tmp_path / "run")
    with (tmp_path / "run" / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("total", "train_cls", "test_seg", "gradient_norm", "learning_rate"):
        assert [step for step, _ in found[name]] == [1, 2, 3, 4, 5, 6]
        expected = [float(row[name]) for row in rows]
        assert [value for _, value in found[name]] == pytest.approx(expected, rel=1e-6)
    assert {"run/images_per_second", "run/memory", "run/waiting"} <= set(found)


@pytest.mark.slow
def test_no_logs_are_written_where_they_are_not_wanted(tmp_path: Path):
    settings = Settings(**{**SMALL, "steps": 1}, tensorboard=False)
    train(settings, make_bundle(tmp_path / "bundle"), tmp_path / "run")
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_the_progress_line_says_all_a_person_wants():
    state = {
        **{"step": 30, "steps": 120, "epoch": 2, "epochs": 7, "losses": ["total", "train_cls"]},
        **{"total": 4.25149, "train_cls": 0.01, "images_per_second": 131.94},
        **{"memory": 2.31e9, "seconds_left": 3725.4, "waiting": 0.01},
    }
    assert progress_line(state) == (
        "step 30/120 epoch 2/7  total 4.251 train_cls 0.010  131.9 images/s  2.3 GB  1:02:05 left"
    )


def test_memory_is_that_of_this_process():
    kept = torch.ones(30_000_000)  # 120 MB
    assert most_memory(torch.device("cpu")) > kept.nbytes
