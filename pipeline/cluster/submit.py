"""Tasks sent through a window to the workers, and what becomes of each: tried again, lost, done."""

import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any, NamedTuple

from pipeline.cluster.agree import Terms
from pipeline.cluster.task import Answer, Failed, bug, perform
from pipeline.cluster.watch import Watch, lost
from pipeline.cluster.window import Task, Window
from pipeline.errors import UserError

RETRIES = 2
"""How often a task is tried again that failed for no reason that anybody expected."""
TICK = 0.5  # seconds
RESULT_TIMEOUT = 20.0  # seconds; a result is small


class _Lost(NamedTuple):
    """What the scheduler says of a worker that is gone."""

    worker: str
    keys: list[str]


class Submitter:
    """Sends tasks to a client of Dask, and hears what becomes of them.

    say: is given lines for people; log: events for the log; tick: is called about every TICK
    seconds while waiting.
    """

    def __init__(
        self,
        client: Any,
        terms: Terms,
        watch: Watch,
        say: Callable[[str], None],
        log: Callable[..., None],
        tick: Callable[[], None],
    ) -> None:
        self._client, self._terms, self._watch = client, terms, watch
        self._say, self._log, self._tick = say, log, tick
        self._news: queue.SimpleQueue[str | _Lost] = queue.SimpleQueue()
        self._out: dict[str, tuple[Task, Any]] = {}  # by the key: the task, and Dask's future
        self._sent = 0
        client.subscribe_topic("all", self._on_event)

    def run(self, window: Window) -> Iterator[tuple[Task, Answer]]:
        """Send the tasks of a window; each comes back with its answer, in the order in which they
        are done. Raises UserError for what ends the run: a scheduler or workers that are gone, a
        worker that is not fit, a disk that is full.
        """
        while kinds := window.waits_for():
            self._fill(window)
            if not window.waits_for():
                return
            yield from self._answers(window)
            self._tick()
            self._watch.look(kinds)

    def each(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """function(*call) on the workers for every call, results in the order of the calls: an Each
        of files/many.py. Raises UserError where one fails, RuntimeError for a bug.
        """
        tasks = (
            Task(f"{function.__name__} {number}", function.__name__, function, call, about=number)
            for number, call in enumerate(calls)
        )
        early: dict[int, Any] = {}
        due = 0
        for task, answer in self.run(Window(tasks)):
            if answer.failed and answer.failed.kind == "bug":
                raise RuntimeError(f"on {answer.worker}: {answer.failed.traceback}")
            if answer.failed:
                raise UserError(answer.failed.reason)
            early[task.about] = answer.value
            while due in early:
                yield early.pop(due)
                due += 1

    def _fill(self, window: Window) -> None:
        while task := window.take(self._watch.capacity):
            self._sent += 1
            key = f"{task.group}-{self._terms.run}-{self._sent}"
            future = self._client.submit(
                perform,
                self._terms,
                task.function,
                task.args,
                key=key,
                pure=False,
                priority=task.tries,
                resources={"GPU": 1} if task.gpu else None,
            )
            self._out[key] = (task, future)
            future.add_done_callback(lambda future: self._news.put(future.key))

    def _answers(self, window: Window) -> Iterator[tuple[Task, Answer]]:
        """What has come meanwhile; waits a moment for the first."""
        wait = TICK
        while True:
            try:
                news = self._news.get(timeout=wait)
            except queue.Empty:
                return
            wait = 0.001
            if isinstance(news, _Lost):
                self._report_lost(news)
            elif news in self._out:
                answered = self._answered(news, window)
                if answered:
                    yield answered

    def _answered(self, key: str, window: Window) -> tuple[Task, Answer] | None:
        """The task of a finished future and its answer; None when it is to be done again."""
        task, future = self._out[key]
        answer = self._answer_of(future)
        if answer is None:  # its result was lost with its worker, and Dask makes it again
            future.add_done_callback(lambda future: self._news.put(future.key))
            return None
        del self._out[key]
        window.returned(task)
        failed = answer.failed
        if failed is None:
            return task, answer
        if failed.kind == "worker":
            raise UserError(f"the worker {answer.worker}: {failed.reason}")
        if failed.kind == "refused":
            raise UserError(failed.reason)
        if failed.kind == "bug" and task.tries < RETRIES:
            self._log("retry", task=task.name, tries=task.tries + 1, reason=failed.reason)
            window.add(task._replace(tries=task.tries + 1))
            return None
        return task, answer

    def _answer_of(self, future: Any) -> Answer | None:
        from distributed import KilledWorker

        try:
            return future.result(timeout=RESULT_TIMEOUT)
        except TimeoutError:
            return None
        except KilledWorker as error:
            reason = (
                f"its worker died {error.allowed_failures + 1} times, perhaps for want of memory;"
                " see --memory"
            )
            return Answer(None, Failed("lost", reason))
        except CancelledError as error:
            if self._client.status != "running":
                raise lost(self._client) from None
            return Answer(None, bug(error))
        except Exception as error:  # what travels could not be read, as where code is missing
            return Answer(None, bug(error))

    def _on_event(self, event: tuple[float, Any]) -> None:
        """An event of the scheduler; called in a thread of Dask."""
        about = event[1]
        if isinstance(about, dict) and about.get("action") == "remove-worker":
            self._news.put(_Lost(str(about["worker"]), [str(k) for k in about["processing-tasks"]]))

    def _report_lost(self, news: _Lost) -> None:
        names = [self._out[key][0].name for key in news.keys if key in self._out]
        self._log("worker_lost", worker=news.worker, again=names)
        if names:
            self._say(f"a worker is lost ({news.worker}); done again: {', '.join(names)}")
