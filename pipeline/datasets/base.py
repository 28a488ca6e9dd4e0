"""What every dataset adapter gives: rows from names alone, no video opened."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Protocol

from pipeline.errors import UserError
from pipeline.store import write_text


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
VIDEOS = (".avi", ".mov", ".mp4", ".m4v", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".3gp", ".ts")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm")
COLUMNS = tuple(field.name for field in fields(Video))


class Adapter(Protocol):
    """A dataset adapter: a module with these two names."""

    FIRST_FOLDERS: tuple[str, ...]
    """Folders of which at least one lies directly in the root, lower case; none: any does."""

    def rows(self, root: Path) -> Iterator[Video]:
        """Every video of the dataset under `root`, in any order."""


def resolve_root(root: Path, adapter: Adapter, dataset: str) -> Path:
    """The folder that holds the dataset's first path part: `root`, or the one folder below it.

    Of several that look like it the first that has a video of the dataset counts, since a folder
    named train may be anybody's. Raises UserError, naming the configuration key, when there is
    none.
    """
    key = f"datasets.{dataset}.root"
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; set {key} to the folder of {dataset}")
    if not adapter.FIRST_FOLDERS:
        return root
    alike = [
        folder
        for folder in (root, *folders(root))
        if any(child.name.lower() in adapter.FIRST_FOLDERS for child in folders(folder))
    ]
    if not alike:
        wanted = ", ".join(adapter.FIRST_FOLDERS)
        raise UserError(f"{root}: none of the folders {wanted} is here; set {key} to their parent")
    if len(alike) == 1:
        return alike[0]
    return next((folder for folder in alike if any(adapter.rows(folder))), alike[0])


def folders(root: Path) -> list[Path]:
    """The folders in `root`, sorted; none where it may not be read, as a disk's lost+found."""
    try:
        return sorted(child for child in root.iterdir() if child.is_dir())
    except PermissionError:
        return []


def files(root: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Files under `root` with one of the suffixes, any case, as (path with slashes, its parts).

    Links that lead out of the root are left out: no path is followed out of it.
    """
    inside = root.resolve()
    for path in root.rglob("*"):
        if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith("."):
            if not path.resolve().is_relative_to(inside):
                continue
            relative = path.relative_to(root)
            yield relative.as_posix(), list(relative.parts)


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
