"""The window of tasks: few are with the scheduler at a time, however many there are."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

AHEAD = 2
"""Tasks that are with the scheduler for each one that can run: the second waits at its worker."""


class Task(NamedTuple):
    """One call for a worker: function(*args).

    name: for people. group: its name on the dashboard. gpu: whether only a worker with the resource
    GPU takes it. about: what the caller knows it by. tries: how often it was sent before.
    """

    name: str
    group: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    gpu: bool = False
    about: Any = None
    tries: int = 0


class Capacity(NamedTuple):
    """How many tasks can run at once: on any worker, and on those with the resource GPU."""

    plain: int = 0
    gpu: int = 0

    def of(self, gpu: bool) -> int:
        """Of one kind: with a GPU, or any."""
        return self.gpu if gpu else self.plain


class Window:
    """Tasks from a source, AHEAD times as many out at once as can run, of each kind.

    What follows a finished task goes before what is new, so that few partitions are half done.
    """

    def __init__(self, source: Iterator[Task]) -> None:
        self._source: Iterator[Task] | None = source
        self._ready: dict[bool, deque[Task]] = {False: deque(), True: deque()}
        self._out = {False: 0, True: 0}

    def add(self, task: Task) -> None:
        """Let a task follow, before everything new."""
        self._ready[task.gpu].append(task)

    def returned(self, task: Task) -> None:
        """Note that a task which was taken is finished, or comes back by `add`."""
        self._out[task.gpu] -= 1

    def take(self, capacity: Capacity) -> Task | None:
        """A task that may go out now; None when no more may, or there is none."""
        for gpu, ready in self._ready.items():
            if ready and self._room(gpu, capacity):
                return self._taken(ready.popleft())
        while self._source is not None and self._room(False, capacity):
            task = next(self._source, None)
            if task is None:
                self._source = None
            elif self._room(task.gpu, capacity):
                return self._taken(task)
            else:
                self.add(task)
                break
        return None

    def waits_for(self) -> set[bool]:
        """The kinds of which a task is out or ready: False plain, True for a GPU."""
        waiting = {gpu for gpu in (False, True) if self._out[gpu] or self._ready[gpu]}
        return waiting | ({False} if self._source is not None else set())

    def _room(self, gpu: bool, capacity: Capacity) -> bool:
        return self._out[gpu] < AHEAD * capacity.of(gpu)

    def _taken(self, task: Task) -> Task:
        self._out[task.gpu] += 1
        return task
