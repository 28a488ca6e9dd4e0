"""Data of your own: a CSV of videos and pictures, or a folder tree `split/live|spoof/...`."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from pipeline.datasets.base import PICTURES, VIDEOS, Video, files
from pipeline.errors import UserError
from pipeline.files.records import (
    LONGEST_LABEL,
    is_plain_path,
    read_records,
    same_person,
    shown,
    spelling,
)

FIRST_FOLDERS: tuple[str, ...] = ()
REQUIRED = ("path", "split", "live")
OPTIONAL = ("subject", "attack", "instrument", "session", "device")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "devel": "dev",
    "val": "dev",
    "validation": "dev",
    "test": "test",
    "testing": "test",
}
"""What a split may be called, in lower case."""
CLASS_NAMES = {"1": 1, "live": 1, "real": 1, "0": 0, "spoof": 0, "attack": 0}
"""What live (1) and spoof (0) may be called, in lower case."""
UNKNOWN = "unknown"
"""The attack of a spoof of which no attack is said."""


def rows(root: Path, table: str | None = None) -> Iterator[Video]:
    """Every video and picture of the table, or of the folders where there is none.

    table: a CSV with the columns REQUIRED and OPTIONAL, relative to the working directory; its
    paths are relative to `root`, and a file that is not there keeps its row. Raises UserError, with
    the line (or the file) that is wrong.
    """
    return _from_folders(root) if table is None else _from_table(root, Path(table))


def _from_table(root: Path, table: Path) -> Iterator[Video]:
    place = _Place(root)
    lines: dict[str, int] = {}
    splits: dict[str, tuple[str, int]] = {}
    for line, fields in read_records(table, "datasets.NAME.table", REQUIRED, OPTIONAL):
        where = f"{table}: line {line}"
        trouble = place.trouble(fields["path"])
        if trouble:
            raise UserError(f"{where}: path {shown(fields['path'])} {trouble}")
        path = _normal(fields["path"])
        first = lines.setdefault(spelling(path), line)
        if first != line:
            raise UserError(
                f"{where}: path {shown(fields['path'])} stands in line {first} already; one row a"
                " file, upper and lower case the same"
            )
        video = _video(where, path, fields)
        split, first = splits.setdefault(same_person(video.subject), (video.split, line))
        if split != video.split:
            raise UserError(
                f"{where}: split is {video.split}, but the subject {shown(video.subject)} is in"
                f" {split} by line {first}; a subject belongs to one split"
            )
        yield video
    if not lines:
        raise UserError(f"{table}: line 1: no row follows the names of the columns")


def _video(where: str, path: str, fields: dict[str, str]) -> Video:
    split = SPLIT_NAMES.get(fields["split"].lower())
    if split is None:
        raise UserError(
            f"{where}: split is {shown(fields['split'])}, not one of {', '.join(SPLIT_NAMES)}"
        )
    live = CLASS_NAMES.get(fields["live"].lower())
    if live is None:
        raise UserError(
            f"{where}: live is {shown(fields['live'])}, not one of {', '.join(CLASS_NAMES)}"
        )
    for name in OPTIONAL:
        if len(fields[name]) > LONGEST_LABEL:
            raise UserError(
                f"{where}: {name} is {shown(fields[name])}, longer than {LONGEST_LABEL} letters;"
                " shorten it"
            )
    for name in ("attack", "instrument"):
        if live and fields[name]:
            raise UserError(
                f"{where}: {name} is {shown(fields[name])} in a row that is live; leave it empty,"
                " or set live to 0"
            )
    return Video(
        path,
        "table",
        split,
        live,
        subject=fields["subject"] or path,
        attack="" if live else fields["attack"] or UNKNOWN,
        instrument=fields["instrument"],
        session=fields["session"],
        device=fields["device"],
    )


_LEADS_OUT = "leads out of the root by a link; put the file itself there"


def _normal(path: str) -> str:
    """The one way to write a path: no empty part and no '.'."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))


class _Place:
    """The root, and what is wrong with a path below it."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self.folders: dict[str, bool] = {}

    def trouble(self, path: str) -> str | None:
        """What keeps a path from being a row, as the end of a sentence; None where nothing does."""
        if not _normal(path):
            return "is empty; give the file, relative to the root"
        if "\\" in path:
            return "has a backslash; write forward slashes"
        if path.startswith("/") or (":" in path and PureWindowsPath(path).drive):
            return "is absolute; give it relative to the root"
        if ".." in path.split("/"):
            return "has '..'; give it relative to the root, without"
        full = f"{self.root}/{_normal(path)}"
        # A folder is looked up once: tables of half a million pictures have few folders.
        folder = full.rpartition("/")[0]
        if folder not in self.folders:
            self.folders[folder] = self._is_inside(folder)
        if not self.folders[folder]:
            return _LEADS_OUT
        try:
            mode = os.lstat(full).st_mode
            if stat.S_ISLNK(mode):
                if not self._is_inside(full):
                    return _LEADS_OUT
                mode = Path(full).stat().st_mode
        except OSError as error:
            # A file that is not there stays a row: the crop stage lists it as a failure.
            return "is too long for a file's name" if error.errno == errno.ENAMETOOLONG else None
        if stat.S_ISREG(mode):
            return None
        return "is a folder; name the files in it" if stat.S_ISDIR(mode) else "is no regular file"

    def _is_inside(self, path: str) -> bool:
        real = os.path.realpath(path)
        return real == self.root or real.startswith(self.root.rstrip("/") + "/")


def _from_folders(root: Path) -> Iterator[Video]:
    splits: dict[str, tuple[str, str]] = {}
    for path, parts in sorted(files(root, VIDEOS + PICTURES)):
        if len(parts) < 3:
            continue
        split, live = SPLIT_NAMES.get(parts[0].lower()), CLASS_NAMES.get(parts[1].lower())
        if split is None or live is None:
            continue
        if not is_plain_path(path):
            raise UserError(
                f"{root}: {shown(path)}: the name has a control character or is no UTF-8; rename it"
            )
        subject = parts[2] if len(parts) > 3 else path
        before, other = splits.setdefault(same_person(subject), (split, path))
        if before != split:
            raise UserError(
                f"{root}: {shown(other)} and {shown(path)}: the subject {shown(subject)} is in"
                f" {before} and in {split}; a subject belongs to one split, so rename one of the"
                " folders or move it"
            )
        yield Video(path, "table", split, live, subject, attack="" if live else UNKNOWN)
    if not splits:
        raise UserError(
            f"{root}: no video or picture lies in train|dev|test/live|spoof/...; arrange the files"
            " like that, or set datasets.NAME.table to a CSV that lists them"
        )
