"""The window of tasks: how many are out, and which goes first."""

import pytest

from pipeline.cluster.watch import Patience, capacity_of
from pipeline.cluster.window import Capacity, Task, Window
from pipeline.errors import UserError


def task(name: str, gpu: bool = False) -> Task:
    return Task(name, "group", print, (), gpu)


def taken(window: Window, capacity: Capacity) -> list[str]:
    names = []
    while one := window.take(capacity):
        names.append(one.name)
    return names


def test_twice_as_many_tasks_are_out_as_can_run_and_no_more_are_drawn():
    drawn = []

    def source():
        for number in range(100_000):
            drawn.append(number)
            yield task(str(number))

    window = Window(source())
    assert taken(window, Capacity(3)) == ["0", "1", "2", "3", "4", "5"]
    assert len(drawn) == 6
    window.returned(task("0"))
    assert taken(window, Capacity(3)) == ["6"]


def test_workers_that_come_and_go_widen_and_narrow_the_window():
    window = Window(task(str(number)) for number in range(9))
    assert taken(window, Capacity(0)) == []
    assert taken(window, Capacity(1)) == ["0", "1"]
    assert taken(window, Capacity(2)) == ["2", "3"]
    window.returned(task("0"))
    assert taken(window, Capacity(1)) == []  # three are out, and two may be


def test_what_follows_a_finished_task_goes_before_what_is_new():
    window = Window(task(str(number)) for number in range(9))
    taken(window, Capacity(1))
    window.returned(task("0"))
    window.add(task("0, second"))
    assert taken(window, Capacity(1)) == ["0, second"]


def test_tasks_for_a_gpu_have_a_window_of_their_own_and_hold_up_no_others():
    window = Window(task(str(number)) for number in range(9))
    taken(window, Capacity(1, 1))
    for number in range(4):
        window.returned(task(str(number)))
        window.add(task(f"gpu {number}", gpu=True))
    names = taken(window, Capacity(1, 1))
    assert [name for name in names if name.startswith("gpu")] == ["gpu 0", "gpu 1"]
    assert window.waits_for() == {False, True}


def test_a_window_is_empty_when_everything_taken_has_returned():
    window = Window(iter([task("only")]))
    assert window.waits_for() == {False}
    assert taken(window, Capacity(4)) == ["only"]
    assert window.waits_for() == {False}
    window.returned(task("only"))
    assert window.waits_for() == set()


def test_paused_and_closing_workers_count_for_nothing_and_a_tag_for_one_task():
    workers = {
        "a": {"status": "running", "nthreads": 8, "resources": {"GPU": 4}},
        "b": {"status": "running", "nthreads": 1, "resources": {}},
        "c": {"status": "paused", "nthreads": 1, "resources": {"GPU": 1}},
        "d": {"status": "closing_gracefully", "nthreads": 1, "resources": {}},
    }
    assert capacity_of(workers) == Capacity(plain=2, gpu=1)


def test_patience_with_missing_workers_ends_after_its_time_and_begins_anew_when_some_came():
    told = []
    patience = Patience(60, told.append)
    patience.look(False, False, 0)
    patience.look(False, False, 59)
    patience.look(False, True, 60)
    patience.look(False, False, 100)
    patience.look(False, False, 159)
    assert told == ["waiting for workers, 60 s at most"] * 2
    with pytest.raises(UserError, match="no worker for 60 s"):
        patience.look(False, False, 160)


def test_missing_workers_with_the_tag_are_told_with_the_option_that_gives_it():
    told = []
    Patience(0, told.append).look(True, False, 0)
    assert "dask worker --resources GPU=1" in told[0]
