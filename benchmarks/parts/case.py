"""A reference case: the parameters of one training step, read from a JSON file and checked."""

import json
import math
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from train.config import Settings
from train.settings import settings_from_dict


class Case:
    """The parameters of a case; UserError names the file and the key of one that will not do."""

    def __init__(self, path: Path, entry: str | None = None, **size: Any) -> None:
        """entry: the key under which the file holds the case; size: width and input_size of a
        smaller network, for quick checks.
        """
        self.size = size
        self.where = str(path) if entry is None else f"{path}: {entry}"
        try:
            values = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{path}: not a readable JSON file: {error}") from None
        if entry is not None:
            values = values.get(entry) if isinstance(values, dict) else None
        if not isinstance(values, dict):
            raise UserError(f"{self.where}: not a case: expected a JSON object")
        self.values: dict[str, Any] = values

    def _wrong(self, key: str, expected: str) -> UserError:
        if key not in self.values:
            return UserError(f"{self.where}: the case lacks '{key}', {expected}")
        return UserError(f"{self.where}: {key}: expected {expected}, found {self.values[key]!r}")

    def whole(self, key: str, least: int) -> int:
        """A whole number of at least `least`."""
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self._wrong(key, f"a whole number of at least {least}")
        return value

    def number(self, key: str) -> float:
        """A finite number, not negative."""
        value = self.values.get(key)
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not plain or not 0 <= value < math.inf:
            raise self._wrong(key, "a finite number, not negative")
        return float(value)

    def order(self, key: str, count: int) -> list[int]:
        """An order of the whole numbers below count."""
        value = self.values.get(key)
        if not isinstance(value, list) or not all(type(i) is int for i in value):
            raise self._wrong(key, "a list of whole numbers")
        if sorted(value) != list(range(count)):
            raise self._wrong(key, f"every number from 0 to {count - 1} once")
        return value

    def word(self, key: str, expected: str) -> str:
        """The one word that can be honoured."""
        if self.values.get(key) != expected:
            raise self._wrong(key, f"'{expected}'")
        return expected

    def settings(self, **values: Any) -> Settings:
        """Settings with these keys, the rest as the variant was published."""
        return settings_from_dict(values | self.size, self.where)
