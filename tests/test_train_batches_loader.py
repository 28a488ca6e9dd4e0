"""train/batches/loader.py: the order of the steps read ahead, their errors and their end."""

import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from loader_workers import REPLACED, STEPS, same, sources_of
from made_bundle import make_bundle

from pipeline.bundle import Bundle
from train.batches.data import make_sources
from train.batches.domain import Domain
from train.batches.loader import ReadError, Steps, ahead
from train.settings import settings_from_dict

SPAWN, FORKSERVER = (pytest.param(name, marks=pytest.mark.slow) for name in ("spawn", "forkserver"))


def by_workers(*words: str | Path) -> str:
    """What loader_workers.py prints."""
    program = Path(__file__).with_name("loader_workers.py")
    done = subprocess.run(
        [sys.executable, program, *words], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("loader") / "bundle"
    return make_bundle(made, ["casia", "oulu"], 2, 2, pieces=2)


def test_an_item_is_the_draw_of_its_step_and_source(folder: Path):
    sources = sources_of(folder)
    steps = Steps(sources, STEPS)
    assert len(steps) == STEPS
    for step in (5, 0, STEPS - 1):
        for source, raw in zip(sources, steps[step], strict=True):
            drawn = source.samples(step)
            for field, found in (("image", raw.images), ("depth", raw.depth),
                                 ("parsing", raw.parsing)):  # fmt: skip
                assert torch.equal(found, source.domain.read(drawn, field))
            assert raw.live.tolist() == [1, 1, 0, 0]
            assert raw.landmarks is None
    for step in (-1, STEPS):
        with pytest.raises(IndexError):
            steps[step]


@pytest.mark.parametrize("method", ["fork", SPAWN, FORKSERVER])
@pytest.mark.slow
def test_workers_give_the_same_steps_in_the_same_order(folder: Path, method: str):
    assert by_workers(folder, method) == f"{STEPS} True"


def test_a_pickle_is_small_and_opens_nothing_before_it_is_asked(folder: Path):
    steps = Steps(sources_of(folder), STEPS)
    expected = steps[3]
    data = pickle.dumps(steps)
    assert len(data) < 6000
    shutil.move(folder, away := folder.with_name("away"))
    again = pickle.loads(data)  # what was opened here would be missed
    shutil.move(away, folder)
    assert pickle.dumps(pickle.loads(pickle.dumps(again))) == data
    assert same(again[3], expected)


def test_pooled_steps_sent_to_a_worker_are_the_same_and_small(folder: Path):
    bundle = Bundle(folder)
    settings = settings_from_dict({"variant": "ssan", "batch": 4}, "test")
    domains = [Domain(bundle, name) for name in ("casia", "oulu")]
    steps = Steps(make_sources(domains, settings, {"casia": frozenset(["train 1"])}), STEPS)
    data = pickle.dumps(steps)
    assert len(data) < 6000
    again = pickle.loads(data)
    for step in (5, 0, 6):
        assert same(again[step], steps[step])
        assert sum(len(raw.live) for raw in steps[step]) == 4


@pytest.mark.parametrize("method", ["fork", SPAWN])
@pytest.mark.slow
def test_a_replaced_shard_reaches_the_user_as_one_line_from_a_worker(tmp_path: Path, method: str):
    folder = make_bundle(tmp_path / "bundle", ["casia", "oulu"], 1, 2)
    other = make_bundle(tmp_path / "other", ["casia", "oulu"], 2, 2)
    is_a_users_mistake, text = by_workers(folder, method, other).split(" ", 1)
    assert is_a_users_mistake == "True"
    assert text.startswith(f"{folder / REPLACED}: not the shard that is expected here")
    assert "\n" not in text and "Traceback" not in text


def test_a_shard_that_is_cut_or_written_to_while_it_is_read_is_named(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["casia", "oulu"], 1, 2)
    steps = Steps(sources_of(folder), STEPS)
    assert len(steps[0]) == 2
    path = folder / "casia-train-00000-of-00001.h5"
    os.truncate(path, 300_000)
    with pytest.raises(ReadError, match=path.name) as caught:
        for step in range(STEPS):
            steps[step]
    assert "\n" not in str(caught.value)


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "reads ahead"]


@pytest.mark.parametrize("prefetch", [0, 1, 2, 30])
def test_values_and_order_do_not_depend_on_prefetch(prefetch: int):
    with ahead(lambda step: step * step, range(3, 20), prefetch) as items:
        assert list(items) == [step * step for step in range(3, 20)]
    assert not readers()


def test_no_more_than_prefetch_steps_are_read_ahead():
    begun: list[int] = []
    with ahead(lambda step: begun.append(step) or step, range(100), 3) as items:
        for taken in range(10):
            assert next(items) == taken
            limit = time.monotonic() + 5
            while len(begun) < taken + 4 and time.monotonic() < limit:
                time.sleep(0.001)
            time.sleep(0.005)  # would it go on?
            assert len(begun) == taken + 4  # three wait, one was taken
    assert not readers()


def test_an_error_comes_at_its_step_and_ends_the_thread():
    def read(step: int) -> int:
        if step == 4:
            raise ReadError("a.h5: gone")
        return step

    seen = []
    with pytest.raises(ReadError, match=r"^a\.h5: gone$"), ahead(read, range(9), 2) as items:
        for item in items:
            seen.append(item)
    assert seen == [0, 1, 2, 3]
    assert not readers()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_the_thread_ends_when_the_training_is_stopped(error: type[BaseException]):
    with pytest.raises(error), ahead(lambda step: step, range(10**9), 2) as items:
        for item in items:
            if item == 5:
                raise error
    assert not readers()


def test_the_thread_ends_when_a_generator_around_it_is_closed():
    def rows() -> Iterator[int]:
        with ahead(lambda step: step, range(10**9), 2) as items:
            yield from items

    made = rows()
    assert [next(made), next(made)] == [0, 1]
    assert len(readers()) == 1
    made.close()
    assert not readers()
