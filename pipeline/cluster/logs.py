"""The log of a run as JSON lines: one object an event (docs/schemas/run-log.schema.json)."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class JsonLog:
    """Writes an object a line to a file descriptor, each with one call: no line is ever cut by
    another, nor lost where the program is killed. None: nothing is written.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def __call__(self, event: str, **fields: Any) -> None:
        """Write one event with the time of now (UTC)."""
        if self._descriptor is None:
            return
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": stamp, "event": event, **fields}, ensure_ascii=False) + "\n"
        data = line.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._descriptor, data) :]


@contextmanager
def opened(place: Path | None) -> Iterator[JsonLog]:
    """The log in a file, to which is added; `-` is stdout, None is nowhere."""
    if place is None:
        yield JsonLog(None)
    elif str(place) == "-":
        yield JsonLog(1)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("ab", buffering=0) as file:
            yield JsonLog(file.fileno())
