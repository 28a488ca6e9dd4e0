"""What the place of the outputs can do, whether it is a disk or an object store."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipeline.layout import Layout


class State(NamedTuple):
    """What tells one content of a file from the next without reading it.

    size: in bytes. stamp: the time of change, or the store's own mark (ETag); "" where it has none.
    """

    size: int
    stamp: str


class Range(NamedTuple):
    """Bytes `start` to before `end` of a file."""

    path: Path
    start: int
    end: int


class Out(Protocol):
    """The outputs of one run. Every path is one of `layout`, which lies on this machine.

    Whatever the disk or the store refuses for good is a UserError or an OSError with a path.
    """

    layout: Layout
    is_local: bool
    """Whether OUT is a folder of this machine: what is written at a path of layout stays there."""

    def address(self, path: Path) -> str:
        """Where a file lies, for people: its path, or its URL."""

    def reading(self, path: Path) -> AbstractContextManager[Any]:
        """An output for h5py.File to look into during the block, without fetching all of it: a path
        or a file object. In a store FileNotFoundError where it is not there.
        """

    def state(self, path: Path) -> State | None:
        """The state of an output; None where there is none."""

    def states(self, folder: Path) -> dict[str, State]:
        """The states of the outputs directly in a folder, by their names."""

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """Pieces of outputs, in order; UserError where one ends before its range does."""

    def bring(self, path: Path) -> Path:
        """Have an output whole on this machine; UserError where it is not there."""

    def send(self, path: Path) -> None:
        """Hand over an output that was written at `path`: it appears whole or not at all."""

    def forget(self, path: Path) -> None:
        """Free what an output that was brought or sent takes of this machine's disk."""

    def remove(self, path: Path) -> None:
        """Remove an output; nothing where there is none."""

    def sha256(self, path: Path) -> str:
        """Sha256 in hex of an output's bytes. Where there is none: "" in a store, else
        FileNotFoundError.
        """
