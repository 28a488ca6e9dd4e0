"""Outputs on a disk of this machine: every file is used where it lies."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.files import keys
from pipeline.layout import Layout
from pipeline.places.base import Range, State


class LocalOut:
    """The folder OUT. See base.Out."""

    stays = True

    def __init__(self, out: str | Path) -> None:
        self.layout = Layout(out)

    def told(self, path: Path) -> str:
        """The path."""
        return str(path)

    @contextmanager
    def reading(self, path: Path) -> Iterator[Any]:
        """The path."""
        yield path

    def state(self, path: Path) -> State | None:
        """Size and time of change."""
        return _state(path.stat()) if path.is_file() else None

    def states(self, folder: Path) -> dict[str, State]:
        """Of the files in a folder, those that are being written apart."""
        return {
            path.name: _state(path.stat())
            for path in sorted(folder.glob("[!.]*"))
            if path.is_file()
        }

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """Each file is open only while its ranges are read: there may be more than can be open."""
        found: list[bytes] = [b""] * len(ranges)
        of_path: dict[Path, list[int]] = {}
        for number, one in enumerate(ranges):
            of_path.setdefault(one.path, []).append(number)
        for path, numbers in of_path.items():
            try:
                with path.open("rb", buffering=0) as file:
                    for number in numbers:
                        _, start, end = ranges[number]
                        found[number] = data = os.pread(file.fileno(), end - start, start)
                        if len(data) != end - start:
                            raise UserError(
                                f"{path}: ends before byte {end}: cut, or damaged; delete it and"
                                " make it again"
                            )
            except FileNotFoundError:
                raise UserError(f"{path}: no more there; make it again") from None
        return found

    def bring(self, path: Path) -> Path:
        """It is there, or whoever reads it says what is missing."""
        return path

    def send(self, path: Path) -> None:
        """It is where it belongs."""

    def forget(self, path: Path) -> None:
        """It stays."""

    def remove(self, path: Path) -> None:
        """Remove it."""
        path.unlink(missing_ok=True)

    def sha256(self, path: Path) -> str:
        """Of the file."""
        return keys.sha256_file(path)


def _state(status: os.stat_result) -> State:
    return State(status.st_size, str(status.st_mtime_ns))
