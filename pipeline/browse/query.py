"""What is asked for, as it stands in an address: which samples, and in which order.

    dataset=casia&dataset=msu&live=spoof&yaw=-10..10&detection_score=none&text=phone&sort=-sharpness

Several values of one name: any of them. Several names: all of them.
"""

import math
from typing import NamedTuple
from urllib.parse import parse_qsl

from pipeline.browse.catalogue import FIGURES, TEXTS

SORTS = ("stored", "identity", "video", *FIGURES)
"""`stored`: file and row, a mixture. `identity`: dataset, video, frame. `video`: video, frame."""
_FIELDS_AT_MOST = 1000
Range = tuple[float | None, float | None]
"""Low and high, both included; None: open."""


class QueryError(ValueError):
    """A query that says nothing: what is wrong with it, in one line."""


class Query(NamedTuple):
    """Which samples, in which order.

    choices: (name of TEXTS, the texts that are meant). ranges: (name of FIGURES, low and high).
    without: figures that a sample must not have. words: all must occur in the video's path,
    whatever their case.
    """

    choices: tuple[tuple[str, frozenset[str]], ...] = ()
    ranges: tuple[tuple[str, Range], ...] = ()
    without: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    sort: str = "stored"
    descending: bool = False


def parse(text: str, also: tuple[str, ...] = ()) -> tuple[Query, dict[str, str]]:
    """The query of an address's part after `?`, and the values of the names in `also`.

    Raises QueryError for a name that is not known, a value that is none of its kind, and a name
    given twice that can only have one value.
    """
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_AT_MOST
        )
    except ValueError:  # too many, or no UTF-8
        raise QueryError("not a readable query") from None
    single: dict[str, str] = {}
    choices: dict[str, set[str]] = {}
    for name, value in pairs:
        if name in TEXTS:
            choices.setdefault(name, set()).add(value)
        elif name not in (*FIGURES, "text", "sort", *also):
            raise QueryError("no such filter")
        elif name in single:
            raise QueryError(f"{name}: given twice")
        else:
            single[name] = value
    sort = single.get("sort", "stored")
    if sort.removeprefix("-") not in SORTS:
        raise QueryError(f"sort: one of {', '.join(SORTS)}, with - before it for the reverse")
    figures = {name: single[name] for name in FIGURES if name in single}
    query = Query(
        tuple((name, frozenset(choices[name])) for name in sorted(choices)),
        tuple((name, _range(name, t)) for name, t in sorted(figures.items()) if t != "none"),
        frozenset(name for name, value in figures.items() if value == "none"),
        tuple(dict.fromkeys(single.get("text", "").casefold().split())),
        sort.removeprefix("-"),
        sort.startswith("-"),
    )
    return query, {name: single[name] for name in also if name in single}


def _range(name: str, text: str) -> Range:
    low, dots, high = text.partition("..")
    if not dots:
        raise QueryError(f"{name}: LOW..HIGH, one of them may be left out, or none")
    return _number(name, low), _number(name, high)


def _number(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        raise QueryError(f"{name}: a number is expected at both sides of ..") from None
    if not math.isfinite(number):
        raise QueryError(f"{name}: a finite number is expected")
    return number


def whole_number(texts: dict[str, str], name: str, default: int, high: int) -> int:
    """A whole number from 0 to `high` among the values that `parse` gives; QueryError otherwise."""
    text = texts.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) <= high):
        raise QueryError(f"{name}: a whole number from 0 to {high} is expected")
    return int(text)
