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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if sys.path[0] == str(Path(__file__).parent):  # there the package labels would be a script
    sys.path[0] = str(Path(__file__).parents[1])

import numpy as np

from benchmarks.made_samples import machine, make_bundle
from pipeline.bundle import MANIFEST, Bundle, canonical_json, manifest_hash
from pipeline.config import Config, validate
from pipeline.datasets.base import Video, write_index
from pipeline.layout import Layout
from pipeline.report import write_report
from train.evaluation import metrics, thresholds
from train.evaluation.published import RESULTS_SCHEMA
from train.evaluation.scores import Score, scores_text

TARGET = "replay"
INSTRUMENTS = ("fixed-print", "hand-print", "fixed-mobile", "hand-mobile", "fixed-highdef")
IN_BUNDLE = 720  # samples, 240 of the target: 6 videos a class, which are the worst scored
LOSSES = ("total", "cls", "trip", "dep", "seg")
STEPS = 5000
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


def made_videos(count: int) -> list[Video]:
    """Videos of the target, one in six of them live; the first ones are those of the bundle."""
    rows = []
    for number in range(count):
        live = int(number % 6 == 0)
        of_class = number // 6 if live else number - number // 6 - 1
        path = f"{1 - live}/a-folder-of-usual-length/{of_class:06d}.avi"
        kind = INSTRUMENTS[number % len(INSTRUMENTS)]
        attack = "print" if "print" in kind else "replay"
        subject = f"{number % 50:03d}"
        rows.append(Video(path, TARGET, "test", live, subject, *(() if live else (attack, kind))))
    return rows


def made_scores(videos: list[Video], frames: int) -> list[Score]:
    """Scores of two overlapping heaps, and one frame in a hundred that failed."""
    rng = np.random.default_rng(0)
    rows = []
    for video in videos:
        centre = rng.normal(1.5 if video.live else -1.5, 1)
        if int(Path(video.path).stem) < 6:
            centre = -8 if video.live else 8
        for frame, logit in enumerate(rng.normal(centre, 0.5, frames)):
            score = None if rng.random() < 0.01 else float(1 / (1 + np.exp(-logit)))
            rows.append(
                Score(video.path, frame, video.live, score, video.attack, video.instrument,
                      video.subject, TARGET)
            )  # fmt: skip
    return rows


def made_run(folder: Path, count: int, frames: int) -> tuple[Config, Layout]:
    """Bundle, index, scores, results and curves of a run."""
    dataset = {"root": str(folder / "nowhere"), "adapter": "table"}
    config = validate({"out": str(folder), "datasets": {TARGET: dataset}}, "made")
    layout = Layout(folder)
    make_bundle(layout.bundle, IN_BUNDLE)
    manifest = json.loads((layout.bundle / MANIFEST).read_text("utf-8"))
    for made in manifest["provenance"].values():
        made.update(backends={}, versions={})
    manifest["hash"] = manifest_hash(manifest)
    (layout.bundle / MANIFEST).write_text(canonical_json(manifest), "utf-8")
    videos = made_videos(count)
    write_index(layout.index(TARGET), videos)
    rows = made_scores(videos, frames)
    layout.scores.write_text(scores_text(rows), "utf-8")
    none = thresholds.Rule(None, None, "EER", "none: made scores")
    rules = thresholds.rules_for(rows, none, thresholds.Rule(0.5, 0.5, "given", "made"))
    results = {
        "schema": RESULTS_SCHEMA, "protocol": f"casia&oulu to {TARGET}",
        "sources": ["casia", "oulu"], "target": TARGET, "variant": "ours", "width": 1.0,
        "input_size": 256, "steps": STEPS, "all_steps": STEPS, "seed": 0, "score": "made",
        "selection": "last", "trained_on": "", "evaluated_on": Bundle(layout.bundle).hash,
        "environment": {}, "sampling": {}, "published": None,
        **metrics.measure(rows, rules),
    }  # fmt: skip
    layout.results.write_text(json.dumps(results), "utf-8")
    layout.model.parent.mkdir(parents=True)
    (layout.model.parent / "curves.csv").write_text("".join(made_curves()), "utf-8")
    return config, layout


def made_curves() -> Iterator[str]:
    """The lines of curves.csv."""
    rng = np.random.default_rng(0)
    yield ",".join(("step", "epoch", *LOSSES)) + "\n"
    for step in range(1, STEPS + 1):
        losses = rng.gamma(4, 1, len(LOSSES)) / step**0.3
        yield ",".join((str(step), "0", *(f"{loss:.9g}" for loss in losses))) + "\n"


def in_browser(page: Path) -> dict[str, Any]:
    """Seconds and milliseconds in a headless browser; why not, where there is none."""
    named = (os.environ.get("OCIM_BROWSER"), *map(shutil.which, BROWSERS))
    found = next((path for path in named if path), None)
    if found is None:
        return {"browser": None, "why": f"none of {', '.join(BROWSERS)}, and no OCIM_BROWSER"}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
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
    given = parser.parse_args()
    about = machine()
    with tempfile.TemporaryDirectory() as folder:
        config, layout = made_run(Path(folder), given.videos, given.frames)
        start = time.perf_counter()
        write_report(config, layout)
        seconds = time.perf_counter() - start
        figures = {
            "videos": given.videos,
            "frames": given.videos * given.frames,
            "make_s": round(seconds, 2),
            "bytes": layout.report.stat().st_size,
            **in_browser(layout.report),
            "machine": about,
        }
        if given.keep:
            given.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(layout.report, given.keep)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
