"""An object as a file that h5py can look into, without fetching all of it."""

import gc
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.errors import UserError
from pipeline.places.ranges import Piece
from pipeline.places.store import Store

BLOCK = 1 << 17
"""Bytes of a request: the head of a partition's file fits in one."""


_counting = threading.Lock()
_uncollected = 0
_collects = True  # whether it was on before the first came


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is collected in this process meanwhile; may be nested, and used by many threads.

    Of an ObjectFile HDF5 reads while it holds h5py's lock, and the read is answered by fsspec's
    thread. If that happened to collect an object of h5py just then, it would wait for the lock, and
    both for ever.
    """
    global _uncollected, _collects
    with _counting:
        if not _uncollected:
            _collects = gc.isenabled()
        _uncollected += 1
        gc.disable()
    try:
        yield
    finally:
        with _counting:
            _uncollected -= 1
            if not _uncollected and _collects:
                gc.enable()


class ObjectFile(io.RawIOBase):
    """A file object over one object of a store, for use in `uncollected`; blocks that were read are
    kept.

    refused: what the store said, where it failed. From then on zeros are read: HDF5 does not get
    over an exception in the middle of its work, and may take the process with it. Whoever uses the
    file looks at `refused` afterwards, and believes nothing that was read where it is set.
    """

    def __init__(self, store: Store, key: str, size: int) -> None:
        self._store, self._key, self._size, self._at = store, key, size, 0
        self._blocks: dict[int, bytes] = {}
        self.refused: UserError | None = None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte, as in any file; returns it."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """The byte at which the next read begins."""
        return self._at

    def readable(self) -> bool:
        """Always: for io."""
        return True

    def seekable(self) -> bool:
        """Always: for io."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the object reaches; returns how many bytes. Zeros where the
        store fails, which `refused` then says.
        """
        view = memoryview(buffer).cast("B")
        end = min(self._at + len(view), self._size)
        if end <= self._at:
            return 0
        try:
            data = bytes(end - self._at) if self.refused else self._read(self._at, end)
        except UserError as error:
            self.refused, data = error, bytes(end - self._at)
        view[: len(data)] = data
        self._at = end
        return len(data)

    def _read(self, start: int, end: int) -> bytes:
        first, last = start // BLOCK, (end - 1) // BLOCK
        missing = [number for number in range(first, last + 1) if number not in self._blocks]
        wanted = [
            Piece(self._key, number * BLOCK, min((number + 1) * BLOCK, self._size))
            for number in missing
        ]
        self._blocks.update(zip(missing, self._store.pieces(wanted), strict=True))
        data = b"".join(self._blocks[number] for number in range(first, last + 1))
        return data[start - first * BLOCK : end - first * BLOCK]
