"""Every partition of every dataset as tasks, and what became of them."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from pipeline.cluster.progress import Tally
from pipeline.cluster.task import Answer, Failed
from pipeline.cluster.window import Task
from pipeline.config import Config
from pipeline.datasets.base import Video
from pipeline.index import by_partition
from pipeline.partition import STAGES, Done, index_rows, label_partition


class Step(NamedTuple):
    """Stages that one task does, one after the other; gpu: on a worker with the tag."""

    stages: tuple[str, ...]
    gpu: bool


class Carry(NamedTuple):
    """What is known of a partition between its tasks. step: number of the one that is out."""

    dataset: str
    partition: int
    step: int = 0
    made: tuple[str, ...] = ()
    failures: int = 0
    seconds: float = 0.0


def steps_of(gpu: Sequence[str]) -> list[Step]:
    """The stages in their order; neighbours of one kind are one task. gpu: those that want one."""
    kinds = groupby(STAGES, key=lambda stage: stage in gpu)
    return [Step(tuple(stages), wanted) for wanted, stages in kinds]


class Labelled:
    """The partitions of a configuration on their way through the stages.

    tallies: of each dataset. failed: what went wrong, by dataset and partition.
    """

    def __init__(
        self,
        config: Config,
        gpu: Sequence[str],
        say: Callable[[str], None],
        log: Callable[..., None],
    ) -> None:
        self._config, self._say, self._log = config, say, log
        self._steps = steps_of(gpu)
        self.tallies = {
            name: Tally(name, settings.partitions) for name, settings in config.datasets.items()
        }
        self.failed: dict[tuple[str, int], Failed] = {}

    def tasks(self) -> Iterator[Task]:
        """The first task of every partition; only one dataset's index is in memory at a time.

        Those with most videos first: at the end workers then wait for a small one alone.
        """
        for dataset, tally in self.tallies.items():
            rows = index_rows(self._config, dataset)
            tally.started = time.monotonic()
            parts = enumerate(by_partition(rows, tally.partitions))
            for number, part in sorted(parts, key=lambda one: -len(one[1])):
                yield self._task(Carry(dataset, number), part)

    def _task(self, carry: Carry, rows: list[Video] | None = None) -> Task:
        step = self._steps[carry.step]
        return Task(
            name=f"{carry.dataset} partition {carry.partition}",
            group="-".join(step.stages),
            function=label_partition,
            args=(self._config, carry.dataset, carry.partition, step.stages, rows),
            gpu=step.gpu,
            about=carry,
        )

    def landed(self, task: Task, answer: Answer) -> Task | None:
        """Note what a task gave; its partition's next one, if there is one."""
        carry: Carry = task.about
        if answer.failed:
            self._fail(carry, answer)
            return None
        done: Done = answer.value
        carry = carry._replace(
            step=carry.step + 1,
            made=carry.made + done.made,
            failures=carry.failures + done.failures,
            seconds=carry.seconds + answer.seconds,
        )
        if carry.step < len(self._steps):
            return self._task(carry)
        tally = self.tallies[carry.dataset]
        tally.add(done.samples, carry.failures, bool(carry.made))
        self._log(
            "partition",
            dataset=carry.dataset,
            partition=carry.partition,
            made=list(carry.made),
            samples=done.samples,
            failures=carry.failures,
            seconds=round(carry.seconds, 3),
            worker=answer.worker,
        )
        self._told_last(tally)
        return None

    def _fail(self, carry: Carry, answer: Answer) -> None:
        assert answer.failed
        self.failed[carry.dataset, carry.partition] = answer.failed
        self._log(
            "failed",
            dataset=carry.dataset,
            partition=carry.partition,
            worker=answer.worker,
            **answer.failed._asdict(),
        )
        tally = self.tallies[carry.dataset]
        tally.failed += 1
        self._told_last(tally)

    def _told_last(self, tally: Tally) -> None:
        if tally.complete():
            self._say(tally.last_line(time.monotonic()))
