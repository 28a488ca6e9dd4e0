"""What the place of the outputs can do, whether it is a disk or an object store."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipeline.layout import Layout


class State(NamedTuple):
    """What tells one content of a file from the next without reading it: bytes, and a stamp: the
    time of change, or the store's own mark (ETag).
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
    stays: bool
    """Whether what is written at a path of layout is where it belongs."""

    def told(self, path: Path) -> str:
        """The name of a file for people: its path, or its URL."""

    def reading(self, path: Path) -> AbstractContextManager[Any]:
        """What h5py.File looks into an output by, in the block, without taking all of it;
        FileNotFoundError where it is not there.
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
        """Sha256 in hex of an output's bytes."""
