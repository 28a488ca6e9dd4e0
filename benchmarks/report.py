"""What the report of a large target costs: seconds to make, bytes, seconds until it can be sorted.

A made run: `--videos` of the target with `--frames` frames each, intervals and curves as of a real
one. In a headless browser: until the page is there and its table of videos sorted for the first
time, and for each sorting and filtering after that, until it is drawn.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

from benchmarks.parts.made_run import made_run
from benchmarks.parts.measuring import machine
from pipeline.report import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AGAIN = 5

CLICK = """async (name) => {
  const heads = Array.from(document.querySelectorAll("#videos-table th button"));
  const start = performance.now();
  heads.find((head) => head.textContent.trim() === name).click();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - start;
}"""
TYPE = """async (text) => {
  const input = document.getElementById("videos-text");
  const start = performance.now();
  input.value = text;
  input.dispatchEvent(new Event("input"));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - start;
}"""


def in_browser(page: Path) -> dict[str, Any]:
    """Seconds and milliseconds in a headless browser; why not, where there is none."""
    named = (os.environ.get("OCIM_BROWSER"), *map(shutil.which, BROWSERS))
    program = next((path for path in named if path), None)
    if program is None:
        return {"browser": None, "why": f"none of {', '.join(BROWSERS)}, and no OCIM_BROWSER"}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        opened = browser.new_page(viewport={"width": 1400, "height": 900})
        start = time.perf_counter()
        opened.goto(page.absolute().as_uri())
        there = time.perf_counter() - start
        opened.evaluate(CLICK, "score")
        sorted_once = time.perf_counter() - start
        sorts = {
            name: [opened.evaluate(CLICK, name) for _ in range(AGAIN)]
            for name in ("video", "score", "instrument", "verdict")
        }
        texts = ["000", "9", "hand", "42", ""] * AGAIN
        filters = [opened.evaluate(TYPE, text) for text in texts]
        rows = opened.locator("#videos-table tbody tr").count()
        version = browser.version
        browser.close()
    return {
        "browser": version,
        "page_there_s": round(there, 2),
        "sorted_first_s": round(sorted_once, 2),
        "sort_ms": {name: round(statistics.median(times), 1) for name, times in sorts.items()},
        "slowest_sort_ms": round(max(max(times) for times in sorts.values()), 1),
        "filter_ms": round(statistics.median(filters), 1),
        "slowest_filter_ms": round(max(filters), 1),
        "rows_drawn": rows,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--videos", type=int, default=5000)
    parser.add_argument("--frames", type=int, default=12, help="of each video")
    parser.add_argument("--keep", type=Path, help="a folder that gets the page")
    arguments = parser.parse_args()
    about = machine()
    with tempfile.TemporaryDirectory() as folder:
        config, layout = made_run(Path(folder), arguments.videos, arguments.frames)
        start = time.perf_counter()
        write_report(config, layout)
        seconds = time.perf_counter() - start
        figures = {
            "videos": arguments.videos,
            "frames": arguments.videos * arguments.frames,
            "make_s": round(seconds, 2),
            "bytes": layout.report.stat().st_size,
            **in_browser(layout.report),
            "machine": about,
        }
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(layout.report, arguments.keep)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
