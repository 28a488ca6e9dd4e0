"""A finished run with scores and results that were made up, for the tests of its report."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from made_run import FRAMES, made_config, made_rows, write_run

from pipeline.bundle import Bundle
from pipeline.config import Config
from pipeline.datasets.base import Video
from pipeline.files.layers import Failure, Remark
from pipeline.layout import Layout
from pipeline.pack import pack
from train.evaluation import metrics, thresholds
from train.evaluation.published import RESULTS_SCHEMA, beside
from train.evaluation.scores import Score, scores_text
from train.protocols import parse

EVIL = "train/<script>alert(1)<&>.avi"
REASON = 'not decodable: <img src="https://example.org/x.png">'
ROWS = [*made_rows(), Video(EVIL, "oulu", "train", 1, "evil")]
FAILURES = [
    Failure("train/0_print.avi", -1, REASON),
    Failure("test/0_live.avi", 5, "no face found"),
    Failure("test/1_live.avi", 5, "no face found"),
]
REMARKS = [Remark("test/0_print.avi", 0, "2 faces of like size <b>")]
CORRECTION = (
    '[{"action":"exclude","frames":"7","value":"","reason":"a hand <i>before</i> the face"}]'
)
CURVES = "step,epoch,mining,learning_rate,total,depth\n" + "".join(
    f"{step},0,all,0.001,{3 - step},{0.5 / step}\n" for step in (1, 2, 3)
)
SCORES = {
    "test/0_live.avi": (0.9, None),
    "test/0_print.avi": (0.2, 0.3),
    "test/1_live.avi": (0.4, None),
    "test/1_print.avi": (0.1, 0.6),
    "train/0_live.avi": (0.7, 0.75),
    "train/0_print.avi": None,
    "train/1_live.avi": (0.8, 0.3),
    "train/1_print.avi": (0.05, 0.5),
    EVIL: (0.95, 0.85),
}
"""The score of both frames of each video; None: no score, of the frame or of the whole."""


def made_scores() -> list[Score]:
    """The rows of scores.csv, sorted as evaluate sorts them."""
    rows = []
    for video in ROWS:
        given = SCORES[video.path]
        frames: Sequence[tuple[int, float | None]] = (
            [(-1, None)] if given is None else list(zip(FRAMES, given, strict=True))
        )
        who = (video.attack, video.instrument, video.subject, video.dataset)
        rows += [Score(video.path, frame, video.live, score, *who) for frame, score in frames]
    return sorted(rows, key=lambda row: (row.video, row.frame))


def made_results(scores: list[Score], bundle: str, **changed: Any) -> dict[str, Any]:
    """results.json, its numbers measured from the scores; no threshold is there from sources."""
    none = thresholds.Rule(None, None, "EER", "none: no subject was held out")
    rules = thresholds.rules_for(scores, none, thresholds.Rule(0.5, 0.5, "given", "made"))
    return {
        "schema": RESULTS_SCHEMA,
        "protocol": "I&C&M to O",
        "sources": ["replay", "casia", "msu"],
        "target": "oulu",
        "variant": "without_asc",
        "meta_step": True,
        "width": 0.125,
        "input_size": 64,
        "steps": 2,
        "all_steps": 3,
        "seed": 0,
        "score": "made; higher is live",
        "selection": "sources, step 2",
        "trained_on": "a bundle",
        "evaluated_on": bundle,
        "environment": {"device": "cpu", "torch": "2.13"},
        "sampling": {"oulu": {"sampling": "every", "every": 5}},
        **metrics.measure(scores, rules),
        "published": beside(parse("I&C&M to O")),
        **changed,
    }


def write_results(layout: Layout, scores: list[Score], **changed: Any) -> None:
    """Write scores.csv and results.json of a run."""
    layout.scores.write_text(scores_text(scores), "utf-8")
    results = made_results(scores, Bundle(layout.bundle).hash, **changed)
    layout.results.write_text(json.dumps(results), "utf-8")


def made_report_run(folder: Path) -> tuple[Config, Layout]:
    """A run of two labelled splits with failures, remarks, a correction, results and curves."""
    train = {"protocol": "I&C&M to O", "variant": "without_asc", "width": 0.125, "input_size": 64}
    config = made_config(folder, partitions=2, train=train)
    rows = [replace(ROWS[0], corrections=CORRECTION), *ROWS[1:]]
    layout = write_run(config, rows, FAILURES, remarks=REMARKS)
    pack(config)
    write_results(layout, made_scores())
    layout.model.parent.mkdir()
    (layout.model.parent / "curves.csv").write_text(CURVES)
    return config, layout
