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

    is_local = True

    def __init__(self, out: str | Path) -> None:
        self.layout = Layout(out)

    def address(self, path: Path) -> str:
        """The path itself."""
        return str(path)

    @contextmanager
    def reading(self, path: Path) -> Iterator[Any]:
        """The path itself."""
        yield path

    def state(self, path: Path) -> State | None:
        """Size and time of change (nanoseconds) of the file; None where there is none."""
        return _state(path.stat()) if path.is_file() else None

    def states(self, folder: Path) -> dict[str, State]:
        """The states of the files in a folder, without those that are still being written."""
        return {
            path.name: _state(path.stat())
            for path in sorted(folder.glob("[!.]*"))
            if path.is_file()
        }

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of the ranges, in order; UserError where a file ends before or is gone.

        Each file is open only while its ranges are read: there may be more than can be open.
        """
        found: list[bytes] = [b""] * len(ranges)
        of_path: dict[Path, list[int]] = {}
        for number, piece in enumerate(ranges):
            of_path.setdefault(piece.path, []).append(number)
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
        """The path itself; whoever reads it says where it is missing."""
        return path

    def send(self, path: Path) -> None:
        """Nothing to do: it is where it belongs."""

    def forget(self, path: Path) -> None:
        """Nothing to do: it stays."""

    def remove(self, path: Path) -> None:
        """Remove the file; nothing where there is none."""
        path.unlink(missing_ok=True)

    def sha256(self, path: Path) -> str:
        """Sha256 in hex of the file; FileNotFoundError where there is none."""
        return keys.sha256_file(path)


def _state(status: os.stat_result) -> State:
    return State(status.st_size, str(status.st_mtime_ns))
