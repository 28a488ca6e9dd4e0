"""Progress as people read it, with figures worked by hand."""

import io

import pytest

from pipeline.cluster.progress import Tally, duration, time_left
from pipeline.cluster.screen import Screen


def test_a_line_tells_partitions_samples_failures_rate_and_time_left():
    tally = Tally("oulu", partitions=96, started=100.0)
    for number in range(12):
        tally.add(samples=62, failures=int(number < 3), made=True)
    # 12 x 62 = 744 samples in 24 s: 31 a second. 84 partitions at 2 s each: 168 s.
    assert tally.line(124.0) == (
        "oulu: 12 of 96 partitions, 744 samples, 3 failures, 31 samples/s, about 2 min 48 s left"
    )


def test_rate_and_time_left_are_of_what_was_made_and_not_of_what_was_finished_already():
    tally = Tally("msu", partitions=8, started=0.0)
    for _ in range(5):
        tally.add(samples=100, failures=0, made=False)
    tally.add(samples=20, failures=0, made=True)
    # One of the 6 was made, in 10 s: 2 samples a second, and 2 partitions at 10 s are left.
    assert tally.line(10.0) == (
        "msu: 6 of 8 partitions, 520 samples, 0 failures, 2 samples/s, about 20 s left"
    )


def test_nothing_is_guessed_before_anything_is_made():
    assert (
        Tally("msu", 8, started=5.0).line(95.0) == "msu: 0 of 8 partitions, 0 samples, 0 failures"
    )
    assert time_left(8, 0, 90.0) is None
    assert time_left(0, 8, 90.0) is None


def test_the_last_line_tells_what_was_finished_already_what_failed_and_the_time():
    tally = Tally("casia", partitions=4, started=0.0)
    tally.add(10, 1, made=False)
    tally.add(10, 0, made=True)
    tally.add(10, 0, made=True)
    assert not tally.complete()
    tally.failed += 1
    assert tally.complete()
    assert tally.last_line(200.0) == (
        "casia: 3 of 4 partitions (1 finished already), 30 samples, 1 failures,"
        " 1 partitions failed, in 3 min 20 s"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (200, "3 min 20 s"), (3600, "1 h"),
     (7500, "2 h 5 min"), (86400 * 3 + 3600 * 4, "3 d 4 h")],
)  # fmt: skip
def test_durations_in_the_two_units_that_matter(seconds, text):
    assert duration(seconds) == text


def test_off_a_terminal_a_dataset_is_told_again_after_its_time_only():
    stream = io.StringIO()
    screen = Screen(stream)
    tally = Tally("oulu", 3, started=0.0)
    for _ in range(50):
        screen.progress([tally, Tally("later", 3)])
    assert stream.getvalue() == ""  # 10 s have not passed
    screen.say("a worker is lost")
    assert stream.getvalue() == "a worker is lost\n"
