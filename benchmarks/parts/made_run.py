"""A made run with as many videos of the target as wished: what a report is made of.

python -m benchmarks.parts.made_run FOLDER VIDEOS
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.parts.made_samples import make_bundle
from pipeline.bundle import Bundle
from pipeline.config import Config, validate, write_once
from pipeline.datasets.base import Video, write_index
from pipeline.layout import Layout
from train.evaluation import metrics, thresholds
from train.evaluation.published import RESULTS_SCHEMA
from train.evaluation.scores import Score, scores_text

TARGET = "replay"
INSTRUMENTS = ("fixed-print", "hand-print", "fixed-mobile", "hand-mobile", "fixed-highdef")
IN_BUNDLE = 720  # samples, 240 of the target: 6 videos a class, which are the worst scored
LOSSES = ("total", "cls", "trip", "dep", "seg")
STEPS = 5000


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


if __name__ == "__main__":
    config, _ = made_run(Path(sys.argv[1]), int(sys.argv[2]), frames=1)
    write_once(config)
