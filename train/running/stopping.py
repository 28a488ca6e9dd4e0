"""A signal to stop, while a training runs: the step is finished and the state is saved first."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818  (not an error)
    """A training that was told to stop, and has saved its state. number: of the signal."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


class Request:
    """Which signals have come since the block began."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    @property
    def number(self) -> int:
        """The first one; 0 for none."""
        return self.numbers[0] if self.numbers else 0


@contextmanager
def on_request() -> Iterator[Request]:
    """Within the block a signal to stop is only noted; the same once more does what it did before.

    Another one, as a parent may send after the terminal's, is noted too. A signal that was ignored
    (as under nohup) stays so. Outside the main thread, where Python lets nobody handle signals,
    nothing changes.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    handled = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]

    def note(number: int, frame: FrameType | None) -> None:
        if number in request.numbers:
            signal.signal(number, before[signal.Signals(number)])
            os.kill(os.getpid(), number)
            return
        request.numbers.append(number)
        with suppress(OSError):  # who reads stderr may have been stopped by the same signal
            os.write(2, b"stopping after this step; once more stops at once, and unsaved\n")

    for number in handled:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number in handled:
            signal.signal(number, before[number])
