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

    stays = False

    def __init__(self, url: str, folder: Path) -> None:
        self.store = Store(url)
        self.layout = Layout(folder)

    def _key(self, path: Path) -> str:
        key = path.relative_to(self.layout.out).as_posix()
        if not scratch_name(key):
            raise UserError(f"{self.store.told(key)}: no name for an output")
        return key

    def told(self, path: Path) -> str:
        """The URL."""
        return self.store.told(self._key(path))

    @contextmanager
    def reading(self, path: Path) -> Iterator[Any]:
        """An object as a file, of which pieces are fetched; what was brought or made, itself."""
        if path.is_file():
            yield path
            return
        key = self._key(path)
        state = self.store.state(key)
        if state is None:
            raise FileNotFoundError(self.store.told(key))
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
        """Size and mark of the object."""
        return self.store.state(self._key(path))

    def states(self, folder: Path) -> dict[str, State]:
        """Of the objects in a folder."""
        return self.store.states(self._key(folder))

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """Many requests at a time."""
        return self.store.pieces([Piece(self._key(p), start, end) for p, start, end in ranges])

    def bring(self, path: Path) -> Path:
        """Fetched, unless it was brought or made before."""
        if not path.is_file():
            try:
                self.store.get(self._key(path), path)
            except FileNotFoundError:
                raise UserError(
                    f"{self.told(path)}: not there; make it first (ocim run, or the verb of its"
                    " stage)"
                ) from None
        return path

    def send(self, path: Path) -> None:
        """Sent, and checked."""
        self.store.put(path, self._key(path))

    def forget(self, path: Path) -> None:
        """Removed from this machine."""
        path.unlink(missing_ok=True)

    def remove(self, path: Path) -> None:
        """Removed from the store."""
        self.store.remove(self._key(path))

    def sha256(self, path: Path) -> str:
        """As the object carries it, else of all its bytes."""
        return self.store.sha256(self._key(path))
