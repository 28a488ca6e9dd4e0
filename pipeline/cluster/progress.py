"""How far a dataset is, as one line for people."""

from dataclasses import dataclass


@dataclass
class Tally:
    """What is finished of a dataset.

    started: in seconds of time.monotonic; None before its first task. done, failed: partitions that
    are finished, and that gave an error. kept: of the finished ones, those that had nothing to be
    done. samples, failures: of all finished partitions. fresh: samples of those of which something
    was made.
    """

    dataset: str
    partitions: int
    started: float | None = None
    done: int = 0
    kept: int = 0
    failed: int = 0
    samples: int = 0
    failures: int = 0
    fresh: int = 0

    def add(self, samples: int, failures: int, made: bool) -> None:
        """A partition is finished. made: whether anything of it had to be made."""
        self.done += 1
        self.kept += not made
        self.samples += samples
        self.failures += failures
        self.fresh += samples if made else 0

    def complete(self) -> bool:
        """Whether every partition is finished or has failed."""
        return self.done + self.failed == self.partitions

    def line(self, now: float) -> str:
        """How far it is at the time `now` (as `started`), its rate and the time left, by what was
        made in this run.
        """
        spent = now - (now if self.started is None else self.started)
        parts = [f"{self.done} of {self.partitions} partitions", *self._counts()]
        if self.fresh and spent > 0:
            parts.append(f"{self.fresh / spent:.3g} samples/s")
        left = time_left(self.partitions - self.done - self.failed, self.done - self.kept, spent)
        if left is not None:
            parts.append(f"about {duration(left)} left")
        return f"{self.dataset}: {', '.join(parts)}"

    def last_line(self, now: float) -> str:
        """The line for its end: what was made, and how long it took."""
        spent = now - (now if self.started is None else self.started)
        kept = f" ({self.kept} finished already)" if self.kept else ""
        parts = [f"{self.done} of {self.partitions} partitions{kept}", *self._counts()]
        return f"{self.dataset}: {', '.join(parts)}, in {duration(spent)}"

    def _counts(self) -> list[str]:
        failed = [f"{self.failed} partitions failed"] if self.failed else []
        return [f"{self.samples} samples", f"{self.failures} failures", *failed]


def time_left(partitions: int, made: int, spent: float) -> float | None:
    """Seconds that so many partitions will take, if each takes as long as those made.

    partitions: that are left. made: those made in `spent` seconds. None where none was made, or
    none is left.
    """
    return spent / made * partitions if made and partitions else None


def duration(seconds: float) -> str:
    """A time in the two units that matter: 48 s, 3 min 20 s, 4 min, 2 h 5 min, 3 d 4 h."""
    left = round(seconds)
    for size, unit, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"),
                                       (60, "min", 1, "s")):  # fmt: skip
        if left >= size:
            whole, rest = divmod(left, size)
            part = rest // smaller
            return f"{whole} {unit} {part} {small}" if part else f"{whole} {unit}"
    return f"{left} s"
