"""The table of all videos: columns as JSON, of which the page draws what is looked at."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.scores import ScoredVideo
from pipeline.report.table_rows import RULE_NAMES, threshold_text

COLUMNS = (
    "dataset", "video", "live", "attack", "instrument", "subject", "frames", "failed", "score"
)  # fmt: skip


def table(videos: Sequence[ScoredVideo], rules: Mapping[str, float]) -> dict[str, Any]:
    """{"columns": COLUMNS, "rows": [[...], ...], "rules": [[name, title, threshold], ...]}.

    score is None where no frame has one. Infinite thresholds become the largest float64, beyond
    which no score lies: JSON has no infinity.
    """
    about = COLUMNS[: COLUMNS.index("frames")]  # of the video, by the names that a Score has
    rows = [
        [*(getattr(row, name) for name in about), frames, failed, row.score]
        for row, frames, failed in videos
    ]
    return {
        "columns": COLUMNS,
        "rows": rows,
        "rules": [
            [rule, f"{RULE_NAMES[rule]} ({threshold_text(threshold)})", finite(threshold)]
            for rule, threshold in rules.items()
        ],
    }


def finite(threshold: float) -> float:
    """The nearest number that JSON can say."""
    largest = 1.7976931348623157e308
    return max(-largest, min(largest, threshold))
