"""The key of an output: a hash of everything that decides its bytes.

A file that carries the right key is finished work; any other is made again. That is the whole of
resuming, of rebuilding, and of "change only the depth".
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


class Encoded(str):
    """The canonical JSON of a value: what is in many keys is encoded once."""


def encoded(value: Any) -> Encoded:
    """The canonical JSON of a value, to be given to `key` as a part. ValueError for NaN."""
    return Encoded(json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False))


def key(**parts: Any) -> str:
    """Sha256 in hex of the canonical JSON of {name: part}; a part that is Encoded is taken as it
    is. ValueError for NaN.
    """
    digest, before = hashlib.sha256(), "{"
    for name in sorted(parts):
        part = parts[name]
        text = part if isinstance(part, Encoded) else encoded(part)
        digest.update(f'{before}"{name}": {text}'.encode("utf-8", "surrogateescape"))
        before = ", "
    digest.update(b"}" if parts else b"{}")
    return digest.hexdigest()


# One library under several names; where two are there, they are of one version (make lock).
_NAMES = {"opencv": ("opencv-contrib-python", "opencv-python", "opencv-python-headless")}


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions of the named packages; "opencv" is any of its distributions. Raises
    PackageNotFoundError for one that is missing.
    """
    return {name: _version(_NAMES.get(name, (name,))) for name in sorted(packages)}


@lru_cache  # reading a package's metadata takes a millisecond
def _version(names: tuple[str, ...]) -> str:
    for name in names[:-1]:
        with suppress(PackageNotFoundError):
            return version(name)
    return version(names[-1])


def sha256_file(path: Path) -> str:
    """Sha256 in hex of a file's bytes. OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class VideoHashes:
    """Sha256 of videos, remembered by path, size and time of change, outside the outputs.

    The memory is a cache and nothing more: it lies in $XDG_CACHE_HOME/ocim (~/.cache/ocim) and may
    be deleted at any time. Where it cannot be written, every video is hashed each time. folder:
    another place for it, for tests.
    """

    def __init__(self, folder: Path | None = None) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._table: sqlite3.Connection | None
        try:
            place = folder or cache / "ocim"
            place.mkdir(parents=True, exist_ok=True)
            self._table = sqlite3.connect(place / "videos.sqlite", timeout=60)
            with self._table:
                self._table.execute(
                    "CREATE TABLE IF NOT EXISTS videos"
                    " (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, sha256 TEXT)"
                )
        except (OSError, sqlite3.Error):
            self._table = None

    def __call__(self, path: Path) -> str:
        """Sha256 in hex of the file at `path`. OSError where it cannot be read."""
        status = path.stat()
        state = (str(path.resolve()), status.st_size, status.st_mtime_ns)
        if found := self.remembered(*state):
            return found
        digest = sha256_file(path)
        self.remember(*state, digest)
        return digest

    def remembered(self, name: str, size: int, changed: int | str) -> str:
        """The sha256 in hex of the video of this name, "" where it is not known in this state.

        name: path or URL. size: bytes. changed: time of change in nanoseconds, or the store's mark.
        """
        if self._table is None:
            return ""
        found = self._table.execute(
            "SELECT sha256 FROM videos WHERE path = ? AND size = ? AND changed = ?",
            (name, size, changed),
        ).fetchone()
        return str(found[0]) if found else ""

    def remember(self, name: str, size: int, changed: int | str, digest: str) -> None:
        """Keep the sha256 of a video for the next time; see `remembered`."""
        if self._table is not None:
            # Where the table cannot be written, the next one hashes the video again.
            with suppress(sqlite3.Error), self._table:
                self._table.execute(
                    "INSERT OR REPLACE INTO videos VALUES (?, ?, ?, ?)",
                    (name, size, changed, digest),
                )
