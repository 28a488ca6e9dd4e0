"""A clock for the parts of a run: processor seconds by name, without the parts inside."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any


class Clock:
    """Processor seconds by name; what is measured inside something else is taken off there."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inside: list[float] = []

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted under a name."""

        def call(*values: Any, **named: Any) -> Any:
            started = time.process_time()
            self._inside.append(0.0)
            try:
                return function(*values, **named)
            finally:
                whole, inner = time.process_time() - started, self._inside.pop()
                self.seconds[name] += whole - inner
                if self._inside:
                    self._inside[-1] += whole

        return call

    def stepped(self, name: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
        """The same generator, the time of each of its steps counted under a name."""

        def call(*values: Any, **named: Any) -> Iterator[Any]:
            step = self.timed(name, function(*values, **named).__next__)
            while True:
                try:
                    yield step()
                except StopIteration:
                    return

        return call
