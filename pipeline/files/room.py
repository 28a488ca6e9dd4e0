"""Whether a disk has room for what is to be written, asked before it is begun."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import UserError

SLACK = 16 << 20
"""Bytes beyond the files themselves: the manifest, and what the file system keeps of them."""


class Room(NamedTuple):
    """What files that are to be written need of a disk.

    folder: on the disk. files: how many are to be written. size: bytes of them together. needed:
    free bytes that this takes, where a file that is replaced stays until the new one is whole.
    free: bytes that there are.
    """

    folder: Path
    files: int
    size: int
    needed: int
    free: int

    def line(self) -> str:
        """What is to be written and what is free, as one line for people."""
        return (
            f"{self.files} shards to write, {gigabytes(self.size)};"
            f" {gigabytes(self.free)} free in {self.folder}"
        )

    def require(self) -> None:
        """Raise UserError where there is no room."""
        if self.files and self.needed > self.free:
            raise UserError(
                f"{self.folder}: the disk has {gigabytes(self.free)} free, and"
                f" {gigabytes(self.needed)} are needed for {self.files} shards; make room, or set"
                " another out; what is finished is kept"
            )


def room_for(folder: Path, files: Sequence[tuple[Path, int]], at_once: int = 1) -> Room:
    """What writing files needs, `at_once` of them at a time and in order, each whole before it
    takes the place of the one that is there.

    folder: on the disk. files: paths and bytes.
    """
    grown = peak = 0
    for number, (path, size) in enumerate(files):
        peak = max(peak, grown + sum(size for _, size in files[number : number + at_once]))
        grown += size - (path.stat().st_size if path.is_file() else 0)
    size = sum(size for _, size in files)
    return Room(folder, len(files), size, peak + SLACK, free_in(folder))


def room_to_send(folder: Path, files: Sequence[tuple[Path, int]], at_once: int) -> Room:
    """What writing files and sending each away needs of this machine, `at_once` of them at a time;
    arguments as of room_for.
    """
    sizes = sorted((size for _, size in files), reverse=True)
    return Room(folder, len(files), sum(sizes), sum(sizes[:at_once]) + SLACK, free_in(folder))


def free_in(folder: Path) -> int:
    """Free bytes of the disk on which a folder lies or, where it is not there yet, will lie."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def gigabytes(size: int) -> str:
    """A number of bytes for people, in kB, MB or GB (powers of a thousand)."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1000:.0f} kB"
