"""What every dataset adapter gives: rows from names alone, no video opened."""

import csv
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from pipeline.errors import UserError
from pipeline.files.store import write_text
from pipeline.files.tree import files as files
from pipeline.files.tree import find_file, folders


@dataclass(frozen=True)
class Video:
    """One row of an index: one video file and what its name says about it.

    path: relative to the dataset's root, forward slashes. split: train, dev or test. live: 1, or 0
    for a spoof. subject: unique in its dataset. attack: empty for live; print, warped-print,
    cut-print or replay in the four datasets, any word in a table. instrument: what the attack is
    shown with; empty for live. session, device: as the dataset names them; may be empty.
    upside_down: 1 where the scene stands on its head when the file is decoded as stored and the
    file may carry no display matrix that says so, else 0. protocols: which of the dataset's
    official protocols it takes part in, and how, as "1:train;3.2:test". corrections: what
    overrides.csv says of it, as JSON (pipeline/indexing/corrections.py).
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
    """Lower-case names of folders of which one at least lies directly in the root; empty: any
    folder is a root.
    """

    def rows(self, root: Path) -> Iterator[Video]:
        """Every video of the dataset under `root`, in any order. Raises UserError for a list in the
        root that contradicts itself or the names.
        """


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
    """The file `face-locations/PATH.face` of a video, in the root or beside it; None where it is
    missing.

    path, canonical: the two spellings of PATH that are tried, the video's own and the official one.
    """
    for place in (root, Path(os.path.realpath(root)).parent):
        for name in dict.fromkeys((path, canonical)):
            wanted = PurePosixPath("face-locations", name).with_suffix(".face")
            if found := find_file(place, wanted.as_posix(), place):
                return found
    return None


def name_pattern(text: str) -> re.Pattern[str]:
    """A pattern in which upper and lower case are alike, and digits are those of ASCII alone."""
    return re.compile(text, re.I | re.A)


def match(pattern: re.Pattern[str], text: str) -> dict[str, str] | None:
    """The named groups of a full match, in lower case, without those that took no part; None where
    the text does not match.
    """
    found = pattern.fullmatch(text)
    return {k: v.lower() for k, v in found.groupdict().items() if v is not None} if found else None


def to_csv(rows: list[Video]) -> str:
    """An index as CSV text: a header with the names of COLUMNS, then one line a video."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return buffer.getvalue()


def write_index(path: Path, rows: list[Video]) -> None:
    """Write an index whole or not at all, its rows sorted by the bytes of their path."""
    write_text(path, to_csv(sorted(rows, key=lambda row: row.path.encode())))


def read_index(path: Path, wanted: Callable[[str], bool] = lambda path: True) -> list[Video]:
    """Read an index back, in the order of its lines.

    wanted: a test of videos' paths. All rows are checked, those that pass are given; the others
    take no memory. Raises UserError where the file cannot be read, or with the line and the column
    where a value is wrong.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(_rows(csv.reader(file), str(path), wanted))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot read this index: {error}; run ocim index first") from None


def _rows(reader: Any, path: str, wanted: Callable[[str], bool]) -> Iterator[Video]:
    """The wanted rows of an index that csv.reader reads; a generator, so that no more is held."""
    header: list[str] = next(reader, [])
    missing = set(COLUMNS) - set(header)
    if missing:
        raise UserError(f"{path}: line 1: the column {sorted(missing)[0]} is missing")
    places = {name: place for place, name in enumerate(header)}
    take = itemgetter(*(places[name] for name in COLUMNS))
    needed = max(places[name] for name in COLUMNS)
    live, upside_down, split, name = (
        COLUMNS.index(column) for column in ("live", "upside_down", "split", "path")
    )
    for record in reader:
        if not record:
            continue  # a blank line
        if len(record) <= needed:
            raise UserError(f"{path}: line {reader.line_num}: too few columns")
        values: list[Any] = list(take(record))
        trouble = _trouble(values[live], values[upside_down], values[split], values[name])
        if trouble:
            raise UserError(f"{path}: line {reader.line_num}: {trouble}")
        if wanted(values[name]):
            values[live], values[upside_down] = int(values[live]), int(values[upside_down])
            yield Video(*values)


def _trouble(live: str, upside_down: str, split: str, path: str) -> str:
    """What is wrong with these fields of a row; "" where nothing is."""
    for name, value in (("live", live), ("upside_down", upside_down)):
        if value not in ("0", "1"):
            return f"{name} is '{value}', not 0 or 1"
    if split not in SPLITS:
        return f"split is '{split}', not one of {', '.join(SPLITS)}"
    # Path is asked only where it might say no: an index may have millions of rows.
    if path.strip("./") != path or "/../" in path:
        parts = Path(path).parts
        if not parts or ".." in parts or Path(path).is_absolute():
            return f"path '{path}' does not stay inside the root"
    return "" if path else "path '' does not stay inside the root"
