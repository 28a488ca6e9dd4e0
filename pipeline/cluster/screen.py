"""Lines for people: said once, or, for progress, again and again."""

import time
from collections.abc import Sequence
from typing import TextIO

from pipeline.cluster.progress import Tally

AGAIN = 10.0  # seconds between two lines of progress of a dataset
REWRITE = 1.0  # the same, where a line is rewritten in place


class Screen:
    """Says lines on a stream; on a terminal the progress is one line that is rewritten."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._shown = 0  # characters of progress that stand in the last line
        self._said: dict[str, float] = {}

    def say(self, line: str) -> None:
        """One line that stays."""
        self._write(f"{self._wiped()}{line}\n")

    def progress(self, tallies: Sequence[Tally]) -> None:
        """Say how far the datasets are that are begun and not complete, if it is time to."""
        now = time.monotonic()
        begun = [tally for tally in tallies if tally.started is not None and not tally.complete()]
        gap = REWRITE if self._terminal else AGAIN
        due = [tally for tally in begun if now - self._said.setdefault(tally.dataset, now) >= gap]
        if not due:
            return
        self._said |= {tally.dataset: now for tally in due}
        if self._terminal:
            text = "; ".join(tally.line(now) for tally in begun)
            self._write(f"{self._wiped()}{text}")
            self._shown = len(text)
        else:
            for tally in due:
                self.say(tally.line(now))

    def _wiped(self) -> str:
        """What takes the progress off the terminal."""
        wiped = "\r\x1b[K" if self._shown else ""
        self._shown = 0
        return wiped

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
