"""The clock of parts: what is measured inside something else is taken off there."""

import pytest

from benchmarks.parts import clock


@pytest.fixture
def spend(monkeypatch):
    """Lets so many seconds of the processor go by."""
    now = 0.0

    def spend(seconds: float) -> float:
        nonlocal now
        now += seconds
        return seconds

    monkeypatch.setattr(clock.time, "process_time", lambda: now)
    return spend


def test_the_time_of_an_inner_part_is_not_the_outers(spend):
    parts = clock.Clock()
    inner = parts.timed("inner", spend)

    def outer() -> None:
        spend(1)
        inner(2)
        spend(3)
        inner(4)

    parts.timed("outer", outer)()
    assert parts.seconds == {"outer": 4, "inner": 6}


def test_a_call_that_fails_is_counted_too(spend):
    parts = clock.Clock()

    def failing() -> None:
        spend(5)
        raise ValueError

    with pytest.raises(ValueError):
        parts.timed("failing", failing)()
    assert parts.seconds == {"failing": 5}


def test_of_a_generator_only_its_steps_are_counted(spend):
    parts = clock.Clock()
    steps = parts.stepped("steps", lambda: (spend(seconds) for seconds in (1, 2)))
    for _ in steps():
        spend(10)  # who asks for the steps
    assert parts.seconds == {"steps": 3}
