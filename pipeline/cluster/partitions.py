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
    """Stages that one task does, one after the other; gpu: whether on a worker with the tag GPU."""

    stages: tuple[str, ...]
    gpu: bool


class PartitionState(NamedTuple):
    """What is known of a partition between its tasks.

    step: the number of its next one. made: stages that had anything to do. failures: listed so far.
    seconds: that its tasks took on their workers.
    """

    dataset: str
    partition: int
    step: int = 0
    made: tuple[str, ...] = ()
    failures: int = 0
    seconds: float = 0.0


def steps_of(gpu: Sequence[str]) -> list[Step]:
    """The stages in their order; neighbours of a kind are one task. gpu: those that want a GPU."""
    kinds = groupby(STAGES, key=lambda stage: stage in gpu)
    return [Step(tuple(stages), wanted) for wanted, stages in kinds]


class PartitionTasks:
    """The partitions of a configuration on their way through the stages.

    gpu: stages for workers with a GPU. say: is given lines for people; log: events for the log.
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
            for number, part in sorted(parts, key=lambda numbered: -len(numbered[1])):
                yield self._task(PartitionState(dataset, number), part)

    def _task(self, state: PartitionState, rows: list[Video] | None = None) -> Task:
        step = self._steps[state.step]
        return Task(
            name=f"{state.dataset} partition {state.partition}",
            group="-".join(step.stages),
            function=label_partition,
            args=(self._config, state.dataset, state.partition, step.stages, rows),
            gpu=step.gpu,
            about=state,
        )

    def finished(self, task: Task, answer: Answer) -> Task | None:
        """Note what a task gave; returns the next task of its partition, None where that was the
        last, or it failed.
        """
        state: PartitionState = task.about
        if answer.failed:
            self._fail(state, answer)
            return None
        done: Done = answer.value
        state = state._replace(
            step=state.step + 1,
            made=state.made + done.made,
            failures=state.failures + done.failures,
            seconds=state.seconds + answer.seconds,
        )
        if state.step < len(self._steps):
            return self._task(state)
        tally = self.tallies[state.dataset]
        tally.add(done.samples, state.failures, bool(state.made))
        self._log(
            "partition",
            dataset=state.dataset,
            partition=state.partition,
            made=list(state.made),
            samples=done.samples,
            failures=state.failures,
            seconds=round(state.seconds, 3),
            worker=answer.worker,
        )
        self._say_if_complete(tally)
        return None

    def _fail(self, state: PartitionState, answer: Answer) -> None:
        assert answer.failed
        self.failed[state.dataset, state.partition] = answer.failed
        self._log(
            "failed",
            dataset=state.dataset,
            partition=state.partition,
            worker=answer.worker,
            **answer.failed._asdict(),
        )
        tally = self.tallies[state.dataset]
        tally.failed += 1
        self._say_if_complete(tally)

    def _say_if_complete(self, tally: Tally) -> None:
        if tally.complete():
            self._say(tally.last_line(time.monotonic()))
