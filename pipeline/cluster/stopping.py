"""A signal to stop ends the local workers as well, and what they had begun is removed."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from pipeline.config import Config
from pipeline.files.tidy import tidy

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 2.0  # seconds for the system to end processes
CALM = 3  # looks without a process


@contextmanager
def stop_workers_on_signal(
    config: Config, log: Callable[..., None], started: float
) -> Iterator[list[Any]]:
    """Within the block a signal that stops this program ends its local workers first.

    started: of the run, in seconds of time.monotonic. It gives a list for the client of Dask, once
    there is one. What follows the end of the workers is what was to follow the signal before the
    block: see store.stop_cleanly.
    """
    clients: list[Any] = []

    def stop(number: int, frame: FrameType | None) -> None:
        with suppress(Exception):
            for client in clients:
                forbid_restarts(client)
            end_children()
            tidy(config)
        with suppress(OSError):
            log("end", exit=128 + number, seconds=round(time.monotonic() - started, 3))
        before[signal.Signals(number)](number, frame)

    before: dict[signal.Signals, Any] = {}
    for number in SIGNALS:
        if callable(signal.getsignal(number)):
            before[number] = signal.signal(number, stop)
    try:
        yield clients
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def forbid_restarts(client: Any) -> None:
    """Keep Dask from starting local workers again that are ended; on a cluster there are none."""
    from distributed.core import Status

    for nanny in client.cluster.workers.values() if client.cluster is not None else ():
        nanny.status = Status.failed


def end_children() -> None:
    """Kill the processes that this one has started, and wait a moment until they are gone.

    Some may be starting now, and would end in pages of text when this one is gone: it is looked
    again until there is none.
    """
    deadline, calm = time.monotonic() + PATIENCE, 0
    while calm < CALM and time.monotonic() < deadline:
        children = multiprocessing.active_children()
        calm = 0 if children else calm + 1
        for child in children:
            child.kill()
        time.sleep(0.02)
