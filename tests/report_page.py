"""A report made of scores, and its table of videos in a browser."""

import re
from pathlib import Path
from typing import Any

from made_report import made_report_run, write_results

from pipeline.report import write_report
from train.evaluation.scores import Score


def report_of(folder: Path, scores: list[Score]) -> Path:
    """The report of the made run with these scores."""
    config, layout = made_report_run(folder)
    write_results(layout, scores)
    write_report(config, layout)
    return layout.report


def videos(page: Any) -> list[list[str]]:
    """The cells of the table of videos."""
    return page.eval_on_selector_all(
        "#videos-table tbody tr", "rows => rows.map(r => Array.from(r.cells, c => c.textContent))"
    )


def head(page: Any, name: str) -> Any:
    """The button in the head of a column of the table of videos."""
    return page.locator("#videos-table th button", has_text=re.compile(f"^{name}$"))
