"""What lies in a folder that somebody else filled: its files, never out of it by a link."""

import codecs
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.errors import UserError

LARGEST_LIST = 100_000_000
"""Bytes of a list that comes with a dataset: it is read whole."""


def folders(root: Path) -> list[Path]:
    """The folders in `root`, sorted, but for hidden ones and links that lead out of it; none where
    it may not be read, as a disk's lost+found.
    """
    inside = os.path.realpath(root)
    try:
        with os.scandir(inside) as entries:
            found = [e.name for e in entries if _kind(e, inside)[0] == "folder"]
    except OSError:
        return []
    return [root / name for name in sorted(found)]


def _kind(entry: os.DirEntry[str], inside: str) -> tuple[str, str]:
    """What an entry is, "folder", "file", "link" (one that leads out of `inside`), "lost" (a link
    to nothing), "odd" (a pipe, say) or "" (hidden, as the ._ files of macOS are), and its real
    path.

    Only links are resolved: all else lies where it is found, and resolving is slow.
    """
    if entry.name.startswith("."):
        return "", ""
    if entry.is_symlink():
        target = Path(os.path.realpath(entry.path))
        if not os.path.exists(entry.path):  # noqa: PTH110  # Path's own raises where it may not look
            return "lost", str(target)
        if not target.is_relative_to(inside):
            return "link", str(target)
        return "folder" if target.is_dir() else "file" if target.is_file() else "odd", str(target)
    return "folder" if entry.is_dir() else "file" if entry.is_file() else "odd", entry.path


_NOT_ENTERED = {
    "link": "a link that leads out of the root is not followed",
    "lost": "a link to nothing",
    "odd": "no regular file",
}


def walk(
    root: Path,
    first: tuple[str, ...] = (),
    trouble: Callable[[str, str], None] = lambda path, reason: None,
) -> Iterator[str]:
    """Every file below `root`, as its path below it with slashes, in any order.

    first: only these folders of the root are entered, lower case; none: all. Hidden files and
    folders are passed over. Links are followed inside the root and never out of it; `trouble(path,
    reason)` is told of those that lead out or to nothing, of what is no file, and of folders that
    may not be read. Raises UserError where the disk itself fails.
    """
    inside = os.path.realpath(root)
    # Each folder with the real ones that led to it, for a link may lead back up.
    waiting = [("", inside, frozenset((inside,)))]
    while waiting:
        prefix, folder, above = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    kind, real = _kind(entry, inside)
                    path = prefix + entry.name
                    if kind == "file":
                        yield path
                    elif first and not prefix and entry.name.lower() not in first:
                        continue
                    elif kind in _NOT_ENTERED:
                        trouble(path, _NOT_ENTERED[kind])
                    elif kind == "folder" and real not in above:
                        waiting.append((f"{path}/", real, above | {real}))
        except PermissionError:
            trouble(prefix or ".", "no leave to read this folder")
        except OSError as error:
            raise UserError(
                f"{folder}: cannot read this folder: {error.strerror}; look after the disk"
            ) from None


def files(
    root: Path, suffixes: tuple[str, ...], first: tuple[str, ...] = ()
) -> Iterator[tuple[str, list[str]]]:
    """Files under `root` with one of the suffixes (lower case here, any case there), as (path below
    the root with slashes, its parts), in any order.

    first: as in `walk`, which says what is left out and raised.
    """
    for path in walk(root, first):
        if path.lower().endswith(suffixes):
            yield path, path.split("/")


def find_file(start: Path, path: str, inside: Path) -> Path | None:
    """The file `path` below `start`, upper and lower case alike; None where there is none, or
    where it lies outside the folder `inside` once links are followed.
    """
    place = start
    try:
        for part in path.split("/"):
            wanted = place / part
            if not wanted.exists():
                alike = [child for child in place.iterdir() if child.name.lower() == part.lower()]
                wanted = min(alike, default=wanted)
            place = wanted
        target = Path(os.path.realpath(place))
        return (
            place if target.is_file() and target.is_relative_to(os.path.realpath(inside)) else None
        )
    except OSError:
        return None


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a list that are not blank, stripped, with their numbers from 1.

    UTF-8, or UTF-16 with its mark, as Windows' editors write it; any line end. Raises UserError
    where it cannot be read, or is larger than LARGEST_LIST.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_LIST + 1)
        if len(data) > LARGEST_LIST:
            raise UserError(f"{path}: more than {LARGEST_LIST} bytes; is this file a list?")
        marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read this list: {error}; write it as UTF-8") from None
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line.strip():
            yield number, line.strip()
