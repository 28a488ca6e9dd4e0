"""The report of five thousand videos in a real browser: its table stays quick and right."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import opened
from report_page import head, report_of, videos

from train.evaluation.scores import Score

pytest_plugins = "browser"
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_browser")]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5,000 videos, of which a thousand are live."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(5000):
        live = int(number % 5 == 0)
        value = 1 / (1 + math.exp(-float(rng.normal(2 * live - 1, 1))))
        who = ("" if live else "replay", "" if live else f"kind{number % 3}", f"{number % 50}")
        rows.append(Score(f"test/v{number}.avi", 0, live, value, *who, "oulu"))
    return report_of(tmp_path_factory.mktemp("large"), rows)


@pytest.fixture
def page(large: Path) -> Iterator[Any]:
    with opened(large.as_uri()) as seen:
        yield seen.page
        assert seen.errors == []


def test_five_thousand_videos_are_sorted_filtered_and_paged_with_fifty_rows_drawn(page):
    assert len(videos(page)) == 50 and page.locator("tr").count() < 250
    head(page, "video").click()
    names = [row[1] for row in videos(page)]
    assert names[:12] == [f"test/v{number}.avi" for number in range(12)]  # 2 before 10
    head(page, "video").click()
    assert videos(page)[0][1] == "test/v4999.avi"
    page.fill("#videos-text", "v49")
    assert page.text_content("#videos-count").startswith("111 of 5000 videos; ")  # 49, 49x, 49xx
    assert page.text_content("#videos-page") == "page 1 of 3"
    page.click("#videos-after")
    page.click("#videos-after")
    assert len(videos(page)) == 11 and page.locator("#videos-after").is_disabled()
    assert videos(page)[-1][1] == "test/v49.avi"
    page.fill("#videos-text", "")
    page.select_option("#videos-class", "1")
    assert page.text_content("#videos-count").startswith("1000 of 5000 videos; ")
    head(page, "score").click()
    lowest = [float(row[8]) for row in videos(page)]
    assert lowest == sorted(lowest) and len(lowest) == 50


def test_wrong_only_are_as_many_as_the_rates_say(page):
    page.select_option("#videos-rule", label="fixed (0.5)")
    page.select_option("#videos-verdict", "wrong")
    wrong = int(page.text_content("#videos-count").split(" ")[0])
    (row,) = [
        row
        for row in page.eval_on_selector_all(
            "#thresholds tbody tr",
            "rows => rows.map(r => Array.from(r.cells, c => c.dataset.value ?? c.textContent))",
        )
        if row[:2] == ["video", "fixed"]
    ]
    far, frr = float(row[4]), float(row[5])
    assert wrong == round(far * 4000 + frr * 1000)
