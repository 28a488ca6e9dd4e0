"""What a process may cost: seconds, silence, memory."""

import time

from pipeline.files.memory import data_in_use
from pipeline.sections import Limits

STEP_S = 0.1
"""How often memory is looked at."""


def memory_bytes(limits: Limits) -> int:
    """The limit of memory (crop.limits.memory_gb) in bytes."""
    return int(limits.memory_gb * 1e9)


class Watch:
    """Whether a process keeps to the limits of one video, from now on. process: its number."""

    def __init__(self, process: int, in_use: int, limits: Limits) -> None:
        """in_use: bytes that the process had before the video."""
        self._process, self._limits = process, limits
        self._most = in_use + memory_bytes(limits)
        now = time.monotonic()
        self._end, self._next = now + limits.seconds, now
        self.heard()

    def heard(self) -> None:
        """Note that the process has sent something."""
        self._heard = time.monotonic()

    def passed(self) -> str:
        """The limit that is passed, as a reason; "" while none is. It may be called often."""
        now = time.monotonic()
        if now > self._end:
            return f"took more than {self._limits.seconds} s"
        if now > self._heard + self._limits.stalled:
            return f"gave no frame for {self._limits.stalled} s"
        if now >= self._next:
            self._next = now + STEP_S
            in_use = data_in_use(self._process)
            if in_use is not None and in_use > self._most:
                return too_much_memory(self._limits)
        return ""


def too_much_memory(limits: Limits) -> str:
    """The reason of a video that took too much."""
    return f"took more than {limits.memory_gb:g} GB of memory"
