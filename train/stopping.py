"""A signal to stop, while a training runs: the step is finished and the state is saved first."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818  (not an error)
    """A training that was told to stop, and has saved its state. number: of the signal."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


class Request:
    """Whether a signal has come since the block began. number: of the signal, 0 for none."""

    def __init__(self) -> None:
        self.number = 0


@contextmanager
def on_request() -> Iterator[Request]:
    """Within the block the first signal to stop is only noted; the second does what it did before.

    A signal that was ignored (as under nohup) stays so. Outside the main thread, where Python lets
    nobody handle signals, nothing changes.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    handled = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]

    def put_back() -> None:
        for number in handled:
            signal.signal(number, before[number])

    def note(number: int, frame: FrameType | None) -> None:
        request.number = number
        put_back()
        os.write(2, b"stopping after this step; once more stops at once, and unsaved\n")

    for number in handled:
        signal.signal(number, note)
    try:
        yield request
    finally:
        put_back()
