"""Many calls of one function, one after the other or in processes: the same results in order."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice, starmap
from multiprocessing.connection import wait
from typing import Any

from pipeline.errors import UserError

Call = tuple[Any, ...]
Each = Callable[[Callable[..., Any], Iterable[Call]], Iterator[Any]]
"""each(function, calls) gives function(*call) for every call, in the order of the calls; in this
process itertools.starmap does."""


@contextmanager
def in_processes(cores: int) -> Iterator[Each]:
    """An Each, for the block, that keeps `cores` processes busy; they start with the first call
    that is not alone. Function, arguments and results are pickled.

    What a call raises is raised here, and no further call is begun. No more calls than twice the
    processes wait at any time, so a long list of them is never in memory together.
    """
    pool: ProcessPoolExecutor | None = None

    def each(function: Callable[..., Any], calls: Iterable[Call]) -> Iterator[Any]:
        nonlocal pool
        rest = iter(calls)
        first = list(islice(rest, 2))
        all_of_them = chain(first, rest)
        if cores == 1 or len(first) < 2:
            return starmap(function, all_of_them)
        if pool is None:
            # Not forked: HDF5 and the threads of networks do not get over a fork.
            context = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(cores, context, end_with_parent)
        return _ordered(pool, function, all_of_them, 2 * cores)

    try:
        yield each
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _ordered(
    pool: ProcessPoolExecutor, function: Callable[..., Any], calls: Iterator[Call], ahead: int
) -> Iterator[Any]:
    begun: deque[Future[Any]] = deque()
    try:
        for call in islice(calls, ahead):
            begun.append(pool.submit(function, *call))
        while begun:
            result = begun.popleft().result()
            for call in islice(calls, 1):
                begun.append(pool.submit(function, *call))
            yield result
    except BrokenProcessPool:
        raise UserError(
            "a process was ended from outside, perhaps for want of memory; the same command goes"
            " on, with fewer --cores if it happens again"
        ) from None
    finally:
        for future in begun:
            future.cancel()


def end_with_parent() -> None:
    """Have this process end, and remove what it has begun, once the one that started it is gone."""
    from pipeline.files.store import stop_cleanly

    stop_cleanly(quiet=True)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
