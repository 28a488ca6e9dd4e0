"""What every dataset adapter gives: rows from names alone, no video opened."""

import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Protocol

from pipeline.errors import UserError
from pipeline.store import write_text
from pipeline.tree import files as files
from pipeline.tree import find_file, folders


@dataclass(frozen=True)
class Video:
    """One row of an index: one video file and what its name says about it.

    path: relative to the dataset's root, forward slashes. live: 1 or 0. subject: unique in its
    dataset. attack: empty, print, warped-print, cut-print or replay. instrument: empty for live.
    upside_down: 1 where the scene stands on its head when the file is decoded as stored and
    the file may carry no display matrix that says so. protocols: which of the dataset's official
    protocols it takes part in, and how, as "1:train;3.2:test". corrections: what overrides.csv says
    of it, as JSON (pipeline/corrections.py).
    """

    path: str
    dataset: str
    split: str
    live: int
    subject: str
    attack: str = ""
    instrument: str = ""
    session: str = ""
    device: str = ""
    upside_down: int = 0
    protocols: str = ""
    corrections: str = ""


SPLITS = ("train", "dev", "test")
VIDEOS = (
    ".avi", ".mov", ".mp4", ".m4v", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".asf", ".3gp",
    ".3g2", ".flv", ".ogv", ".ts", ".mts", ".m2ts", ".vob", ".mxf", ".dv", ".mjpeg", ".mjpg",
    ".h264", ".y4m",
)  # fmt: skip
PICTURES = (
    ".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm",
    ".pbm", ".pnm", ".jp2", ".avif",
)  # fmt: skip
COLUMNS = tuple(field.name for field in fields(Video))


class Adapter(Protocol):
    """A dataset adapter: a module with these two names.

    Optional: those of `Published`; `NO_PART: tuple[str, ...]`, first folders, lower case, that
    belong to another task; and `shipped_file(root, path) -> Path | None`, the text file of faces or
    eyes that comes with a video.
    """

    FIRST_FOLDERS: tuple[str, ...]
    """Folders of which at least one lies directly in the root, lower case; none: any does."""

    def rows(self, root: Path) -> Iterator[Video]:
        """Every video of the dataset under `root`, in any order."""


class Published(Adapter, Protocol):
    """An adapter of a dataset whose list of videos is published."""

    def published(self) -> Iterator[str]:
        """The official path of every video."""

    def row(self, path: str) -> Video | None:
        """What a path below the root says; None where the dataset names no video so."""

    def canonical(self, path: str) -> str | None:
        """The official spelling of a path; None where the dataset names no video so."""


def resolve_root(root: Path, adapter: Adapter, dataset: str) -> Path:
    """The folder that holds the dataset's first path part: `root`, or the one folder below it.

    A folder named train may be anybody's, so of several that look like it the one that has a video
    of the dataset counts, and `root` before those below it. Raises UserError, naming the
    configuration key, when there is none, or more than one below.
    """
    key = f"datasets.{dataset}.root"
    try:
        there = root.is_dir()
    except OSError:  # a folder above it may not be entered, or the name is too long
        there = False
    if not there:
        raise UserError(f"{root}: no such folder; set {key} to the folder of {dataset}")
    if not adapter.FIRST_FOLDERS:
        return root
    if not os.access(root, os.R_OK | os.X_OK):
        raise UserError(f"{root}: no leave to read this folder; change that, or {key}")
    alike = [
        folder
        for folder in (root, *folders(root))
        if any(child.name.lower() in adapter.FIRST_FOLDERS for child in folders(folder))
    ]
    if not alike:
        wanted = ", ".join(adapter.FIRST_FOLDERS)
        raise UserError(
            f"{root}: none of the folders {wanted} is here (links that lead out of it are not"
            f" followed); set {key} to their parent"
        )
    if len(alike) == 1 or (alike[0] == root and any(adapter.rows(root))):
        return alike[0]
    filled = [folder for folder in alike if any(adapter.rows(folder))]
    if len(filled) > 1:
        names = " and ".join(folder.name for folder in filled)
        raise UserError(f"{root}: {names} all hold videos of {dataset}; set {key} to one of them")
    return filled[0] if filled else alike[0]


def face_locations(root: Path, path: str, canonical: str) -> Path | None:
    """`face-locations/PATH.face` of a video, in the root or beside it; PATH as the video's own or
    as its official one. None where it is missing.
    """
    for place in (root, Path(os.path.realpath(root)).parent):
        for name in dict.fromkeys((path, canonical)):
            wanted = PurePosixPath("face-locations", name).with_suffix(".face")
            if found := find_file(place, wanted.as_posix(), place):
                return found
    return None


def match(pattern: re.Pattern[str], text: str) -> dict[str, str] | None:
    """The named groups of a full match, in lower case, or None."""
    found = pattern.fullmatch(text)
    return {k: v.lower() for k, v in found.groupdict().items() if v is not None} if found else None


def to_csv(rows: list[Video]) -> str:
    """An index as CSV text: a header, then one line a video."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return buffer.getvalue()


def write_index(path: Path, rows: list[Video]) -> None:
    """Write an index, rows sorted by the bytes of their path."""
    write_text(path, to_csv(sorted(rows, key=lambda row: row.path.encode())))


def read_index(path: Path) -> list[Video]:
    """Read an index back; UserError names the line and the column that is wrong."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read this index: {error}; run ocim index first") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = set(COLUMNS) - set(reader.fieldnames or ())
    if missing:
        raise UserError(f"{path}: line 1: the column {sorted(missing)[0]} is missing")
    rows = []
    for record in reader:
        where = f"{path}: line {reader.line_num}"
        values: dict[str, str | int] = {name: record[name] for name in COLUMNS}
        if None in values.values():
            raise UserError(f"{where}: too few columns")
        for name in ("live", "upside_down"):
            if record[name] not in ("0", "1"):
                raise UserError(f"{where}: {name} is '{record[name]}', not 0 or 1")
            values[name] = int(record[name])
        if record["split"] not in SPLITS:
            raise UserError(
                f"{where}: split is '{record['split']}', not one of {', '.join(SPLITS)}"
            )
        parts = Path(record["path"]).parts
        if not parts or ".." in parts or Path(record["path"]).is_absolute():
            raise UserError(f"{where}: path '{record['path']}' does not stay inside the root")
        rows.append(Video(**values))  # type: ignore[arg-type]
    return rows
