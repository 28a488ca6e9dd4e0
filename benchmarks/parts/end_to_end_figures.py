"""Figures of runs that each stand between two bare decodings of the same videos."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Run:
    """One run of one way over all videos.

    seconds, wall_s: of the processor and of the clock, without the start. bare: processor seconds
    of bare decoding just before and after it. frames: how many it labelled. start_s: what it took
    before its first frame. parts: seconds by part, where they are known. spoof_depth: those of
    `seconds` that went into the depth of spoofs.
    """

    seconds: float
    wall_s: float
    bare: float
    frames: int
    start_s: float = 0.0
    parts: Mapping[str, float] = field(default_factory=dict)
    spoof_depth: float = 0.0

    @property
    def times_bare(self) -> float:
        """How many bare decodings it takes."""
        return self.seconds / self.bare

    def without(self, seconds: float) -> "Run":
        """The same, had it not taken these."""
        return Run(self.seconds - seconds, self.wall_s - seconds, self.bare, self.frames)


def of_way(runs: Sequence[Run], frames: int) -> dict[str, Any]:
    """Medians of one way's runs. frames: of all videos."""
    seconds = statistics.median(run.seconds for run in runs)
    return {
        "labelled_frames": runs[0].frames,
        "seconds": seconds,
        "wall_s": statistics.median(run.wall_s for run in runs),
        "start_s": statistics.median(run.start_s for run in runs),
        "frames_a_second": frames / seconds,
        "labelled_frames_a_second": runs[0].frames / seconds,
        "times_bare": statistics.median(run.times_bare for run in runs),
    }


def over(rivals: Sequence[Run], ours: Sequence[Run], decoding: bool = True) -> float:
    """How many times as long the rivals' runs take, round by round, the median.

    decoding: False takes one bare decoding off both.
    """
    less = 0 if decoding else 1
    pairs = zip(rivals, ours, strict=True)
    return statistics.median(
        (rival.times_bare - less) / (own.times_bare - less) for rival, own in pairs
    )


def as_shares(parts: Sequence[Mapping[str, float]], frames: int) -> dict[str, dict[str, float]]:
    """Share of the whole and milliseconds a labelled frame of each part, the sum of some runs.

    frames: that one run labelled.
    """
    total: Counter[str] = Counter()
    for one in parts:
        total.update(one)
    whole = total.total()
    return {
        name: {"share": seconds / whole, "ms": 1000 * seconds / (frames * len(parts))}
        for name, seconds in total.items()
    }
