"""What the browser asks for, by its address: the page, answers as JSON, pictures of samples.

Nothing here knows of sockets. No path of a file is taken from an address: samples are numbers, and
the page's own files are named below.
"""

import json
import re
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from labels import classes
from pipeline.browse import detail, lists, pictures
from pipeline.browse.catalogue import FIGURES, read_catalogue
from pipeline.browse.query import Query, QueryError, parse, whole_number
from pipeline.browse.search import BINS, Search
from pipeline.bundle import FIELDS, BundleError, Shard
from pipeline.errors import UserError
from pipeline.inspect.read import Opened, column, flat, printable

PAGES = {
    "/": ("browse.html", "text/html; charset=utf-8"),
    "/browse.svg": ("browse.svg", "image/svg+xml"),
    "/browse.css": ("browse.css", "text/css; charset=utf-8"),
    **{
        f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
        for name in ("browse", "browse_state", "browse_filters", "browse_grid", "browse_detail",
                     "browse_lists")
    },
}  # fmt: skip
AT_ONCE = 500
"""Samples, or rows of a list, that one answer holds at most."""
_SHARDS_OPEN = 128
_FRAMES_KEPT = 12
_LAST = 2**31 - 1
_NUMBERED = re.compile(r"/(api/sample|api/origin|picture)/([0-9]{1,10})(?:/([a-z]{1,10}))?")
_CAPTION = ("dataset", "split", "live", "attack", "instrument", "subject", "video")


class Answer(NamedTuple):
    """What is sent back: a status of HTTP, the type of what is in it, and its bytes."""

    status: int
    kind: str
    body: bytes


class GoneError(Exception):
    """Nobody waits for the answer any more."""


class Site:
    """A bundle open for looking through. Every method may be called by several threads.

    Those that take a query raise QueryError for what is none, those that read a shard BundleError.
    """

    def __init__(self, folder: Path, roots: detail.Roots) -> None:
        """Read the columns of the bundle. Raises BundleError for what is no bundle, UserError for
        a root of a dataset that it has not.
        """
        self.opened = Opened(folder, _SHARDS_OPEN)
        for dataset, root in roots.roots.items():
            if dataset not in self.opened.datasets:
                raise UserError(
                    f"--root {dataset}={root}: no dataset of that name in this bundle; it has"
                    f" {', '.join(map(printable, self.opened.datasets))}"
                )
            if not root.is_dir():
                raise UserError(f"--root {dataset}={root}: no such folder")
        self.catalogue, self.troubles = read_catalogue(self.opened)
        self.search = Search(self.catalogue)
        self.roots = roots
        self._traced: dict[int, detail.Traced] = {}
        self._tracing = threading.Lock()

    def place(self, number: int) -> tuple[Shard, int]:
        """The shard and the row of a sample."""
        file = self.catalogue.files[self.catalogue.shards[number]]
        return self.opened.shard(file), int(self.catalogue.rows[number])

    def answer(self, path: str, query: str, gone: Callable[[], bool] = lambda: False) -> Answer:
        """The answer to an address. gone: whether nobody waits for it any more; GoneError is raised
        then, where an answer takes long.
        """
        if path in PAGES:
            name, kind = PAGES[path]
            return Answer(200, kind, files("pipeline").joinpath("templates", name).read_bytes())
        try:
            if path == "/api/bundle":
                return json_answer(self.bundle())
            if path == "/api/query":
                parsed, _ = parse(query)
                return json_answer(self.search.counts(parsed))
            if path == "/api/samples":
                return json_answer(self.samples(query))
            if path.startswith("/api/list/") and path[10:] in lists.LISTS:
                return json_answer(self.list(path[10:], query))
            if match := _NUMBERED.fullmatch(path):
                return self._numbered(match[1], int(match[2]), match[3], query, gone)
            return refused(404, "nothing is here")
        except QueryError as error:
            return refused(400, str(error))
        except (BundleError, UserError) as error:
            folder = f"{self.opened.folder.absolute()}/"  # it stands at the top of the page
            return refused(500, printable(str(error).replace(folder, "")))

    def _numbered(
        self, what: str, number: int, part: str | None, query: str, gone: Callable[[], bool]
    ) -> Answer:
        if number >= self.catalogue.size:
            return refused(404, f"no sample {number}: there are {self.catalogue.size}")
        if what == "picture":
            return self.picture(number, part, query, gone)
        if part is not None:
            return refused(404, "nothing is here")
        if what == "api/sample":
            return json_answer(self.sample(number, query))
        return json_answer(self.traced(number, gone).known)

    def bundle(self) -> dict[str, Any]:
        """What does not depend on a query: names, counts, classes, figures, lists, settings, the
        notice.
        """
        manifest = self.opened.bundle.manifest
        return {
            "name": str(self.opened.folder.absolute()),
            "hash": self.opened.bundle.hash,
            "samples": self.catalogue.size,
            "classes": [
                {"name": name, "colour": f"#{bytes(classes.COLOURS[number]).hex()}"}
                for number, name in enumerate(classes.NAMES)
            ],
            "bins": BINS,
            "figures": {
                name: {
                    "meaning": FIELDS[name].meaning,
                    "unit": "" if FIELDS[name].unit == "1" else FIELDS[name].unit,
                    **{
                        part: getattr(self.search.scales[name], part)
                        for part in ("low", "high", "least", "most")
                    },
                }
                for name in FIGURES
            },
            "lists": {name: len(self.opened.rows(name)) for name in lists.LISTS},
            "troubles": self.troubles,
            "spoof_depth": self.opened.bundle.spoof_depth,
            "notice": manifest["notice"],
            "settings": {
                dataset: [[name, str(value)] for name, value in sorted(flat(one).items())]
                for dataset, one in sorted(manifest["provenance"].items())
            },
        }

    def samples(self, query: str) -> dict[str, Any]:
        """The samples at some places of a query's order, with what stands below their pictures."""
        parsed, start, count = page_of(query)
        numbers = self.search.numbers(parsed)
        figure = self.catalogue.figures.get(parsed.sort)
        rows = []
        for number in numbers[start : start + count].tolist():
            row: dict[str, Any] = {name: self.catalogue.text(name, number) for name in _CAPTION}
            row |= {"number": number, "frame": int(self.catalogue.frames[number])}
            if figure is not None:
                value = figure[number]
                row["figure"] = float(f"{value:.4g}") if np.isfinite(value) else None
            rows.append(row)
        return {"total": len(numbers), "start": start, "samples": rows}

    def sample(self, number: int, query: str) -> dict[str, Any]:
        """All that is stored of a sample, and its neighbours: in the query's order, and of its
        video (those that are nearest).
        """
        parsed, _ = parse(query)
        shard, row = self.place(number)
        position, numbers = self.search.position(parsed, number), self.search.numbers(parsed)
        around = {"position": position, "total": len(numbers), "before": None, "after": None}
        if position is not None:
            around["before"] = int(numbers[position - 1]) if position else None
            around["after"] = int(numbers[position + 1]) if position + 1 < len(numbers) else None
        of_video = self.search.of_video(number).tolist()
        at = of_video.index(number)
        first = max(0, min(at - 6, len(of_video) - 13))
        return {
            "number": number,
            "dataset": shard.dataset,
            "split": shard.split,
            "shard": shard.name,
            "row": row,
            **around,
            "of_video": {
                "total": len(of_video),
                "at": at,
                "first": first,
                "samples": [[n, int(self.catalogue.frames[n])] for n in of_video[first:first + 13]],
            },
            **detail.fields(shard, row),
        }  # fmt: skip

    def traced(self, number: int, gone: Callable[[], bool]) -> detail.Traced:
        """The way back to a sample's frame. One at a time: decoding takes a whole core.

        gone: whether nobody waits for it any more; raises GoneError then.
        """
        if found := self._traced.get(number):
            return found
        with self._tracing:
            if found := self._traced.get(number):
                return found
            if gone():
                raise GoneError
            shard, row = self.place(number)
            found = detail.trace(shard, row, self.roots)
            if found.picture is not None:  # what was missing may be there the next time
                self._traced[number] = found
                if len(self._traced) > _FRAMES_KEPT:
                    del self._traced[next(iter(self._traced))]
            return found

    def picture(
        self, number: int, part: str | None, query: str, gone: Callable[[], bool]
    ) -> Answer:
        """One picture of a sample: `part` is crop, depth, parsing or frame. Raises GoneError as
        `traced`.
        """
        if part not in ("crop", "depth", "parsing", "frame"):
            return refused(404, "no such picture: crop, depth, parsing or frame")
        also = picture_options(query)
        if part == "frame":
            found = self.traced(number, gone)
            if found.picture is None:
                return refused(404, found.known["reason"])
            return Answer(200, *found.picture)
        shard, row = self.place(number)
        array = column(shard, "image" if part == "crop" else part, [row])[0]
        if part == "crop":
            return Answer(200, *pictures.crop(array, "exact" in also))
        if part == "depth":
            return Answer(200, *pictures.depth(array))
        try:
            return Answer(200, *pictures.parsing(array, shown_classes(also)))
        except BundleError as error:
            raise BundleError(f"{shard.path}: sample {row}: {error}") from None

    def list(self, name: str, query: str) -> dict[str, Any]:
        """Some rows of a list of the manifest, as lists.answer gives them."""
        return lists.answer(name, self.opened.rows(name), *page_of(query))


def page_of(query: str) -> tuple[Query, int, int]:
    """A query, and of what it asks for the number of the first (0) and how many (AT_ONCE) to give.

    Raises QueryError for what is no query or no such number.
    """
    parsed, also = parse(query, ("start", "count"))
    start = whole_number(also, "start", 0, _LAST)
    return parsed, start, whole_number(also, "count", AT_ONCE, AT_ONCE)


def picture_options(query: str) -> dict[str, str]:
    """What a picture's address asks for: exact=1, classes=1,2. QueryError for anything else."""
    parsed, also = parse(query, ("exact", "classes"))
    if parsed != parse("")[0] or also.get("exact", "1") != "1":
        raise QueryError("a picture has exact=1 or classes=1,2,... and nothing else")
    return also


def shown_classes(also: dict[str, str]) -> list[int]:
    """The classes that are shown: those of `classes`, else all but background.

    Raises QueryError for one that there is not.
    """
    if "classes" not in also:
        return list(range(1, len(classes.NAMES)))
    parts = [part for part in also["classes"].split(",") if part]
    last = len(classes.NAMES) - 1
    return [whole_number({"classes": part}, "classes", 0, last) for part in parts]


def json_answer(known: Any, status: int = 200) -> Answer:
    """Plain JSON with a status of HTTP."""
    text = json.dumps(known, ensure_ascii=False, allow_nan=False)
    return Answer(status, "application/json; charset=utf-8", text.encode())


def refused(status: int, line: str) -> Answer:
    """Why there is no answer, in one line."""
    return json_answer({"error": " ".join(line.split())}, status)
