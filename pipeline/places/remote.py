"""Outputs in an object store: a folder of this machine stands for OUT while they are worked on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.places.base import Range, State
from pipeline.places.pieces import ObjectFile, uncollected
from pipeline.places.ranges import Piece
from pipeline.places.scratch import scratch_name
from pipeline.places.store import Store


class RemoteOut:
    """The outputs at a URL. See base.Out. folder: of this machine, for what is brought and made."""

    is_local = False

    def __init__(self, url: str, folder: Path) -> None:
        self.store = Store(url)
        self.layout = Layout(folder)

    def _key(self, path: Path) -> str:
        key = path.relative_to(self.layout.out).as_posix()
        if not scratch_name(key):
            raise UserError(f"{self.store.url_of(key)}: no name for an output")
        return key

    def address(self, path: Path) -> str:
        """The URL of the object."""
        return self.store.url_of(self._key(path))

    @contextmanager
    def reading(self, path: Path) -> Iterator[Any]:
        """An object as a file object that fetches pieces; what was brought or made, its path.

        Raises FileNotFoundError where it is not there, UserError where the store fails.
        """
        if path.is_file():
            yield path
            return
        key = self._key(path)
        state = self.store.state(key)
        if state is None:
            raise FileNotFoundError(self.store.url_of(key))
        file = ObjectFile(self.store, key, state.size)
        try:
            with uncollected():
                yield file
        except Exception:
            if file.refused is None:
                raise
        if file.refused is not None:
            raise file.refused

    def state(self, path: Path) -> State | None:
        """Size and mark of the object; None where there is none."""
        return self.store.state(self._key(path))

    def states(self, folder: Path) -> dict[str, State]:
        """The states of the objects directly in a folder, by their names."""
        return self.store.states(self._key(folder))

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of the ranges, in order; UserError as of Store.pieces."""
        return self.store.pieces([Piece(self._key(p), start, end) for p, start, end in ranges])

    def bring(self, path: Path) -> Path:
        """Fetch an object whole, unless it was brought or made before; returns its path. UserError
        where it is not there.
        """
        if not path.is_file():
            try:
                self.store.get(self._key(path), path)
            except FileNotFoundError:
                raise UserError(
                    f"{self.address(path)}: not there; make it first (ocim run, or the verb of its"
                    " stage)"
                ) from None
        return path

    def send(self, path: Path) -> None:
        """Send the file, and check what arrived."""
        self.store.put(path, self._key(path))

    def forget(self, path: Path) -> None:
        """Remove the file from this machine."""
        path.unlink(missing_ok=True)

    def remove(self, path: Path) -> None:
        """Remove the object from the store."""
        self.store.remove(self._key(path))

    def sha256(self, path: Path) -> str:
        """Sha256 in hex as the object carries it, else of all its bytes; "" where there is none."""
        return self.store.sha256(self._key(path))
