"""How long jobs take on so many cores: whole jobs, each to the core that is free first."""

import heapq
from collections.abc import Sequence


def makespan(jobs: Sequence[float], cores: int) -> float:
    """Seconds until the last of the jobs (seconds each, started in this order) is done."""
    busy = [0.0] * min(cores, max(len(jobs), 1))
    for job in jobs:
        heapq.heapreplace(busy, busy[0] + job)
    return max(busy)
