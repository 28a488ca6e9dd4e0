"""An index against the published list of its dataset: what is missing, surplus or passed over."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from pipeline.datasets.base import PICTURES, SPLITS, VIDEOS, Adapter, Published, Video
from pipeline.files.records import is_plain, shown
from pipeline.files.tree import walk

SHOWN = 10
"""How many names of a list are shown before the rest is only counted."""
_PHONES = (".heic", ".heif")  # pictures that cannot be read here, but are told


class Count(NamedTuple):
    """Live (1) or spoof (0) videos of one split: published, found, not found, and too many."""

    split: str
    live: int
    expected: int
    found: int
    missing: int
    surplus: int


@dataclass(frozen=True)
class Comparison:
    """An index beside the published list.

    missing: official paths that no row has; surplus: paths of rows that were not published, or
    that are a second copy of one; both sorted. expected and missing count by the published split,
    found and surplus by that of the index: found = expected - missing + surplus where the two
    agree.
    """

    counts: tuple[Count, ...]
    missing: tuple[str, ...]
    surplus: tuple[str, ...]


@dataclass(frozen=True)
class PassedOver:
    """What the index does not reach.

    videos: files that no row takes, by their path below the root. places: links and folders that
    were not entered, as (path, reason). Both are sorted.
    """

    videos: tuple[str, ...]
    places: tuple[tuple[str, str], ...]


def compare(rows: Iterable[Video], module: Adapter) -> Comparison | None:
    """Compare the rows of an index with what its adapter, `module`, says was published; None where
    it says nothing.
    """
    if not hasattr(module, "published"):
        return None
    dataset = cast(Published, module)
    published = {path: video for path in dataset.published() if (video := dataset.row(path))}
    copies: dict[str, list[Video]] = defaultdict(list)
    for row in rows:
        copies[dataset.canonical(row.path) or row.path].append(row)
    missing = sorted(published.keys() - copies.keys(), key=str.encode)
    surplus = []
    for path, of_path in copies.items():
        # The copy that is spelled as published is the one that counts, else the first.
        of_path.sort(key=lambda row: (row.path != path, row.path.encode()))
        surplus += of_path[path in published :]
    expected = Counter((video.split, video.live) for video in published.values())
    found = Counter((row.split, row.live) for of_path in copies.values() for row in of_path)
    lost = Counter((published[path].split, published[path].live) for path in missing)
    more = Counter((row.split, row.live) for row in surplus)
    kinds = [(split, live) for split in SPLITS for live in (1, 0)]
    counts = tuple(
        Count(*kind, expected[kind], found[kind], lost[kind], more[kind])
        for kind in kinds
        if expected[kind] or found[kind]
    )
    return Comparison(counts, tuple(missing), tuple(sorted((r.path for r in surplus), key=_bytes)))


def passed_over(root: Path, rows: Iterable[Video], module: Adapter) -> PassedOver:
    """The video files under `root` that no row takes, but for those in folders that belong to
    another task (`module.NO_PART`, as enrollment), and what could not be entered. Where the
    dataset is one of pictures, or of any data, pictures count as well.
    """
    taken = {row.path for row in rows}
    pictures = not module.FIRST_FOLDERS or any(path.lower().endswith(PICTURES) for path in taken)
    suffixes = (*VIDEOS, *PICTURES, *_PHONES) if pictures else VIDEOS
    no_part = getattr(module, "NO_PART", ())
    places: list[tuple[str, str]] = []
    videos = [
        path
        for path in walk(root, trouble=lambda path, reason: places.append((path, reason)))
        if path.lower().endswith(suffixes)
        and path not in taken
        and not ("/" in path and path.split("/")[0].lower() in no_part)
    ]
    if videos:  # a file that a row reaches by a link inside the root is not lost
        reached = {os.path.realpath(root / path) for path in taken}
        videos = [path for path in videos if os.path.realpath(root / path) not in reached]
    return PassedOver(tuple(sorted(videos, key=_bytes)), tuple(sorted(places)))


def not_there(root: Path, rows: Iterable[Video]) -> list[str]:
    """The paths of rows whose file is not there, as a table of one's own may name them."""
    return [row.path for row in rows if not (root / row.path).is_file()]


def to_lines(
    comparison: Comparison | None,
    passed: PassedOver | None = None,
    absent: Sequence[str] = (),
) -> Iterator[str]:
    """The table and the lists for the terminal, line by line. absent: paths as of not_there."""
    yield from _names("not there", absent, "in the table, and no file: these give no sample")
    if comparison is not None:
        yield from _table(comparison.counts)
        yield from _names("missing", comparison.missing, "published, and not here")
        yield from _names("surplus", comparison.surplus, "here, and not published or a second copy")
    if passed is not None:
        yield from _names("passed over", passed.videos, "files that no row takes")
        yield from _names("not entered", [f"{path}: {why}" for path, why in passed.places], "")


def _table(counts: Sequence[Count]) -> Iterator[str]:
    numbers = [count[2:] for count in counts]
    body = [
        (count.split, "live" if count.live else "spoof", *map(str, count[2:])) for count in counts
    ]
    total = [str(sum(column)) for column in zip(*numbers, strict=True)]
    for split, kind, *values in (
        ("split", "class", "expected", "found", "missing", "surplus"),
        *body,
        ("all", "", *total),
    ):
        yield f"  {split:5}  {kind:5}" + "".join(f"  {value:>8}" for value in values)


def _names(title: str, names: Sequence[str], meaning: str) -> Iterator[str]:
    """A list, cut after SHOWN names; nothing where it is empty."""
    if not names:
        return
    yield f"{title}: {len(names)}" + (f" ({meaning})" if meaning else "")
    for name in names[:SHOWN]:
        yield f"  {name if is_plain(name) else shown(name)}"
    if len(names) > SHOWN:
        yield f"  and {len(names) - SHOWN} more"


def _bytes(path: str) -> bytes:
    """The bytes of a path, also where it is no UTF-8 on disk."""
    return path.encode("utf-8", "surrogateescape")
