"""What each step of a run reads, as a data set, and the thread that reads ahead of the device.

Reading leaves Python's lock free, so one thread beside the training keeps up with it: the trainer
needs no worker processes, which would copy every batch once more (benchmarks/loader.py measures
both). Steps is there for programs that use torch's DataLoader.
"""

import pickle
import queue
import resource
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from torch.utils.data import Dataset

from pipeline.bundle import BundleError
from pipeline.errors import UserError
from train.batches.data import Raw, Source

Item = TypeVar("Item")


class ReadError(UserError, BundleError):
    """A bundle that cannot be read on: one line, from a worker process too.

    torch's DataLoader makes an error of the worker's anew from the text of its whole traceback;
    what it says is that text's last line.
    """

    def __init__(self, text: str) -> None:
        last = text.strip().splitlines()[-1]
        super().__init__(last.removeprefix(f"{type(self).__module__}.{type(self).__name__}: "))


class Waits:
    """Whether what was read lately came from the disk, or all of it from the system's memory."""

    def __init__(self) -> None:
        self._blocks = 0

    def for_the_disk(self) -> bool:
        """Whether this process has read from the disk since the last call; True where the system
        does not count.
        """
        if sys.platform != "linux":
            return True
        before, self._blocks = self._blocks, resource.getrusage(resource.RUSAGE_SELF).ru_inblock
        return self._blocks != before


class Steps(Dataset[tuple[Raw, ...]]):
    """The steps 0 to `steps` - 1: item t is what step t reads, one Raw a source, in their order.

    For torch's DataLoader, which takes a step as a whole with batch_size=None. Pickled it is small:
    a worker opens the shards itself, at its first step. pinned: see Source.read; not for workers.
    Raises ReadError, also in a worker, where a file was replaced, changed or damaged meanwhile.
    """

    def __init__(self, sources: Sequence[Source], steps: int, pinned: bool = False) -> None:
        self._sources: Sequence[Source] | bytes = sources
        self._steps, self._pinned, self._waits = steps, pinned, Waits()

    def __getstate__(self) -> dict[str, Any]:
        # Bytes within bytes: opened when first asked for, where DataLoader carries errors back.
        sources = self._sources
        packed = sources if isinstance(sources, bytes) else pickle.dumps(list(sources))
        return {**self.__dict__, "_sources": packed}

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> tuple[Raw, ...]:
        if not 0 <= step < self._steps:
            raise IndexError(f"step {step} of {self._steps}")
        try:
            sources = self._sources
            if isinstance(sources, bytes):
                sources = self._sources = tuple(pickle.loads(sources))
            drawn = [source.samples(step) for source in sources]
            if step + 1 < self._steps and self._waits.for_the_disk():
                for source in sources:
                    source.domain.announce(source.samples(step + 1))
            return tuple(
                source.read(samples, self._pinned)
                for source, samples in zip(sources, drawn, strict=True)
            )
        except BundleError as error:
            raise ReadError(str(error)) from None
        except OSError as error:
            raise ReadError(f"the bundle cannot be read: {error}") from None


@contextmanager
def ahead(
    read: Callable[[int], Item], steps: Iterable[int], prefetch: int
) -> Iterator[Iterator[Item]]:
    """Give an iterator over read(step); up to `prefetch` steps are read ahead, by a thread.

    prefetch 0: each is read when it is asked for, without a thread. An error in `read` is raised by
    the iterator at that step. The thread has ended when the block is left, for whatever reason; it
    finishes the step that it reads.
    """
    if prefetch == 0:
        yield map(read, steps)
        return
    ready: queue.SimpleQueue[tuple[Item | None, BaseException | None, bool]] = queue.SimpleQueue()
    room, stopped = threading.Semaphore(prefetch), threading.Event()

    def work() -> None:
        try:
            for step in steps:
                room.acquire()
                if stopped.is_set():
                    return
                ready.put((read(step), None, False))
            ready.put((None, None, True))
        except BaseException as error:
            ready.put((None, error, True))

    def items() -> Iterator[Item]:
        while True:
            item, error, ended = ready.get()
            if error is not None:
                raise error
            if ended:
                return
            room.release()
            yield item  # type: ignore[misc]
            del item  # its memory is free for the next step

    thread = threading.Thread(target=work, name="reads ahead", daemon=True)
    thread.start()
    try:
        yield items()
    finally:
        stopped.set()
        room.release()
        thread.join()
