"""The bundle's lists of failures, remarks and corrections, as far as a query concerns them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.browse.query import Query
from pipeline.inspect.read import without_numbers

LISTS = {"failures": "reason", "remarks": "text", "corrections": "reason"}
"""The lists of the manifest, and which of their columns says what happened."""
COLUMNS = {
    "failures": ("dataset", "split", "video", "frame", "reason", "live", "attack", "instrument",
                 "subject", "session", "device"),
    "remarks": ("dataset", "video", "frame", "text"),
    "corrections": ("dataset", "video", "frames", "action", "value", "before", "reason", "samples"),
}  # fmt: skip
REASONS_AT_MOST = 50


def concerns(query: Query, row: Mapping[str, Any]) -> bool:
    """Whether a row passes those filters of a query whose columns it has."""
    for name, wanted in query.choices:
        if name in row and _text(name, row[name]) not in wanted:
            return False
    video = str(row.get("video", "")).casefold()
    return all(word in video for word in query.words)


def _text(name: str, value: Any) -> str:
    if name == "live":
        return {0: "spoof", 1: "live"}.get(value, "unknown")
    return str(value)


def answer(
    name: str, rows: Iterable[Mapping[str, Any]], query: Query, start: int, count: int
) -> dict[str, Any]:
    """Some rows of a list, from the `start`-th that concerns a query, as plain JSON.

    total: how many concern it. reasons: [text, rows] of those, every number in it written N, the
    most frequent first. columns: names of what is in a row.
    """
    those = [row for row in rows if concerns(query, row)]
    counted = Counter(without_numbers(str(row.get(LISTS[name], ""))) for row in those)
    reasons = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:REASONS_AT_MOST]
    columns = COLUMNS[name]
    return {
        "total": len(those),
        "reasons": reasons,
        "columns": columns,
        "rows": [
            ["" if column not in row else _text(column, row[column]) for column in columns]
            for row in those[start : start + count]
        ],
    }
