"""The log of a run as JSON lines: one object an event (docs/schemas/run-log.schema.json)."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class JsonLog:
    """Writes one JSON object a line to a file descriptor, each with one call: no line is ever cut
    by another, nor lost where the program is killed. descriptor None: nothing is written.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def __call__(self, event: str, **fields: Any) -> None:
        """Write one event, with its fields and the time of now (UTC, milliseconds)."""
        if self._descriptor is None:
            return
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": stamp, "event": event, **fields}, ensure_ascii=False) + "\n"
        data = line.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._descriptor, data) :]


@contextmanager
def opened(place: Path | None) -> Iterator[JsonLog]:
    """The log, open during the block: at the end of the file `place`, on stdout where it is `-`,
    nowhere where it is None.
    """
    if place is None:
        yield JsonLog(None)
    elif str(place) == "-":
        yield JsonLog(1)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("ab", buffering=0) as file:
            yield JsonLog(file.fileno())
