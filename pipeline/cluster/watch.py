"""Workers come and go: how much they can do now, and when it is too long that there is none."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.cluster.window import Capacity
from pipeline.errors import UserError

INTERVAL = 2.0  # seconds between two looks at the list of workers
PAUSE = 0.5  # seconds between them while nothing else is to be done
TAG = "GPU"


def capacity_of(workers: Mapping[str, Mapping[str, Any]]) -> Capacity:
    """How many tasks the workers of a scheduler's list can do at once: one each.

    workers: what the scheduler says of each, by address. Those that are closing, or paused for want
    of memory, count for nothing.
    """
    running = [worker for worker in workers.values() if worker.get("status") == "running"]
    tags = [int((worker.get("resources") or {}).get(TAG, 0)) for worker in running]
    return Capacity(len(running), sum(min(tag, 1) for tag in tags))


class Patience:
    """Waits so many seconds for workers of a kind. say: is given a line when the wait begins."""

    def __init__(self, seconds: float, say: Callable[[str], None]) -> None:
        self._seconds = seconds
        self._say = say
        self._since: dict[bool, float] = {}

    def look(self, gpu: bool, some: bool, now: float) -> None:
        """Note whether there are `some` workers (gpu: of those with a GPU) at the time `now`, in
        seconds of time.monotonic; raise UserError where there have been none for too long.
        """
        if some:
            self._since.pop(gpu, None)
            return
        kind = f" with the tag {TAG} (dask worker --resources {TAG}=1)" if gpu else ""
        if gpu not in self._since:
            self._since[gpu] = now
            self._say(f"waiting for workers{kind}, {self._seconds:g} s at most")
        elif now - self._since[gpu] >= self._seconds:
            raise UserError(
                f"no worker{kind} for {self._seconds:g} s; start some, and give the same command"
                " again"
            )


class Watch:
    """The list of workers, looked at every INTERVAL seconds at most. capacity: by the last look."""

    def __init__(self, client: Any, patience: Patience, log: Callable[..., None]) -> None:
        self._client = client
        self._patience = patience
        self._log = log
        self._looked = -INTERVAL
        self.capacity = Capacity()

    def look(self, kinds: set[bool], soon: bool = False) -> None:
        """Bring `capacity` up to date. kinds: of workers that are waited for; soon: look at once.

        Raises UserError where the scheduler is gone, or workers are for too long.
        """
        now = time.monotonic()
        if self._client.status != "running":
            raise lost(self._client)
        if now - self._looked < INTERVAL and not soon:
            return
        self._looked = now
        capacity = capacity_of(self._client.scheduler_info()["workers"])
        if capacity != self.capacity:
            self._log("workers", workers=capacity.plain, gpu=capacity.gpu)
        self.capacity = capacity
        for gpu in kinds:
            self._patience.look(gpu, capacity.of(gpu) > 0, now)

    def wait_for(self, kinds: set[bool]) -> None:
        """Wait until there are workers of these kinds. Raises UserError as `look` does."""
        self.look(kinds, soon=True)
        while not all(self.capacity.of(gpu) for gpu in kinds):
            time.sleep(PAUSE)
            self.look(kinds, soon=True)


def lost(client: Any) -> UserError:
    """The error to raise when the scheduler has gone."""
    address = client.scheduler.address if client.scheduler else "the scheduler"
    return UserError(
        f"{address}: the connection to the scheduler is lost; what is finished is kept, and the"
        " same command goes on from there"
    )
