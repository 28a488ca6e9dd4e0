"""Samples on disk until it is known which of them stay, so that memory is flat."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from pipeline.files.layers import Rows

BLOCK = 64  # rows that are in memory at once when they are read back


class Nameless:
    """A file without a name in a folder, which is gone with the process that made it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (see __exit__)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


class Spool(Nameless):
    """Records of one dtype, numbered from 0 in the order in which they are added."""

    def __init__(self, folder: Path, fields: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
        """folder: on the disk to use. fields: dtype and shape of each field of a record."""
        super().__init__(folder)
        self._dtype = np.dtype([(name, *field) for name, field in fields.items()])
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, **values: Any) -> int:
        """Append a record and return its number. ValueError for other fields than its own."""
        if values.keys() != set(self._dtype.names or ()):
            raise ValueError(f"fields {sorted(values)}, expected {self._dtype.names}")
        record = np.zeros((), self._dtype)
        for name, value in values.items():
            record[name] = value
        self._file.write(record.tobytes())
        self._count += 1
        return self._count - 1

    def rows(self, name: str, numbers: Sequence[int]) -> Rows:
        """One field of the records of these numbers, in their order, BLOCK at a time."""
        dtype = self._dtype[name]
        return Rows(len(numbers), dtype.shape, dtype.base.str, self._blocks(name, numbers))

    def _blocks(self, name: str, numbers: Sequence[int]) -> Iterator[np.ndarray]:
        # Read, not mapped: mapped pages would count as memory of this process.
        self._file.flush()
        dtype, offset = self._dtype.fields[name][:2]  # type: ignore[index]
        for start in range(0, len(numbers), BLOCK):
            parts = [
                os.pread(self._file.fileno(), dtype.itemsize, n * self._dtype.itemsize + offset)
                for n in numbers[start : start + BLOCK]
            ]
            yield np.frombuffer(b"".join(parts), dtype.base).reshape(-1, *dtype.shape)


class ByteSpool(Nameless):
    """Pieces of bytes; read back as one array in any order of the pieces."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._ends = [0]

    def add(self, data: bytes) -> None:
        """Append a piece; they are numbered from 0."""
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))

    def offsets(self, numbers: Sequence[int]) -> np.ndarray:
        """Where each of these pieces begins in `rows`, and where the last ends: (N + 1,) int64."""
        lengths = [self._ends[number + 1] - self._ends[number] for number in numbers]
        return np.cumsum([0, *lengths], dtype="<i8")

    def rows(self, numbers: Sequence[int]) -> Rows:
        """The bytes of these pieces, one after the other: rows of shape () and dtype uint8."""

        def blocks() -> Iterator[np.ndarray]:
            self._file.flush()
            for number in numbers:
                self._file.seek(self._ends[number])
                data = self._file.read(self._ends[number + 1] - self._ends[number])
                yield np.frombuffer(data, "|u1")

        return Rows(int(self.offsets(numbers)[-1]), (), "|u1", blocks())
