"""Videos cropped in a child: samples of each, or one line that says how it ended its child."""

import atexit
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pipeline.backends import Choice
from pipeline.cropping.crop_job import Job
from pipeline.cropping.samples import FIELDS, RECORD, Samples
from pipeline.datasets.base import Video
from pipeline.isolated.process import Child, Lost

TRIES = 2
"""How often a video is tried that loses its child."""
_idle: defaultdict[str, list[Child]] = defaultdict(list)
"""Children that wait for the next partition, by what they have loaded."""
os.register_at_fork(after_in_child=_idle.clear)  # they are the parent's


@atexit.register
def _end_all() -> None:
    for children in _idle.values():
        for child in children:
            child.end()
    _idle.clear()


class Isolated:
    """Crops videos in a child, and goes on in another where one is lost.

    made_on: the runtime of the models, and CPU or GPU. left_out: whether a video was left out, so
    that the result depends on the limits.
    """

    def __init__(self, choice: Choice) -> None:
        """choice: of the landmark models. Raises UserError where they cannot be loaded."""
        self._choice = choice
        self._child: Child | None = self._living()
        self.made_on = self._child.made_on
        self.left_out = False

    def crop(self, row: Video, job: Job, samples: Samples) -> None:
        """Add one video's samples, failures and remarks to `samples`.

        One that loses its child is tried once more in a fresh one, for the cause may lie outside;
        if it loses that as well it gives one failure and nothing else.
        """
        reason = ""
        for _ in range(TRIES):
            child, self._child = self._child or Child(self._choice), None
            try:
                _receive(child, row, job, samples)
                self._child = child
                return
            except Lost as lost:
                reason = str(lost)
            finally:
                if self._child is None:
                    child.end()
        samples.fail(row, -1, f"{reason}, twice; left out")
        self.left_out = True

    def give_back(self) -> None:
        """Keep the child for the next one who needs such models."""
        if self._child is not None:
            _idle[self._loads()].append(self._child)

    def _living(self) -> Child:
        waiting = _idle[self._loads()]
        while waiting:
            child = waiting.pop()
            if child.is_alive():
                return child
            child.end()
        return Child(self._choice)

    def _loads(self) -> str:
        return repr((self._choice.backend.module, self._choice.options))


@contextmanager
def cropper(choice: Choice) -> Iterator[Isolated]:
    """An Isolated with its models loaded, for the block; its child is kept for the next time.
    UserError where they cannot be loaded.
    """
    isolated = Isolated(choice)
    try:
        yield isolated
    finally:
        isolated.give_back()


def _receive(child: Child, row: Video, job: Job, samples: Samples) -> None:
    """Add what a child gives; what it gave before it was lost is a record that nobody chooses."""
    first = len(samples.spool)
    for kind, *values in child.crop(row, job):
        if kind == "record":
            _add(samples, *values)
        elif kind == "done":
            chosen, failures, remarks = values
            samples.chosen += [(first + number, row) for number in chosen]
            samples.failures += failures
            samples.remarks += remarks


def _add(samples: Samples, data: bytes, picture: bytes) -> None:
    record: Any = np.frombuffer(data, RECORD)[0]
    samples.loose.add(picture)
    samples.spool.add(**{name: record[name] for name in FIELDS})
