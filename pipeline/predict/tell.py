"""What is told of scored files: lines for people, JSON, and rows of a CSV."""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.predict.file import QUALITY, Prediction
from pipeline.predict.inputs import PassedOver
from pipeline.predict.scorer import NO_PROOF, Scorer, Threshold
from train.evaluation import thresholds

SCHEMA = 1
"""Of the JSON; docs/schemas/predict.schema.json."""

COLUMNS = ("video", "frame", "score")
"""Of the CSV: those of scores.csv that are known. With a column `live` it is a scores file."""


def shown(path: object) -> str:
    """A path as it may stand in a line: what would break or colour the line becomes a ?."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(path))


def number(value: float | None) -> str:
    """A score or a threshold for people."""
    return "none" if value is None else format(value, ".4f")


def head(scorer: Scorer, threshold: Threshold) -> Iterator[str]:
    """The lines that come first: the model, and the threshold with where it came from."""
    model = scorer.model
    about = f"{model.settings.variant}, {model.protocol}, after {model.steps} steps"
    yield f"{shown(scorer.path)}: {shown(about)}"
    if threshold.frame is None and threshold.video is None:
        yield f"no threshold, so no decision: {threshold.origin}"
        return
    numbers = f"{number(threshold.video)} by video, {number(threshold.frame)} by picture"
    if threshold.frame == threshold.video:
        numbers = number(threshold.frame)
    origin = f"{threshold.how}; from {threshold.origin}"
    yield f"live from {numbers} on ({threshold.rule}: {shown(origin)})"


def lines(made: Prediction, threshold: Threshold, frames: bool) -> Iterator[str]:
    """The lines of one file. frames: a line for each of its frames as well, and every remark."""
    path, score = shown(made.path), made.score

    def of_frame(value: float) -> str:
        return f"{number(value)} {threshold.decide('frame', value) or ''}".rstrip()

    if score is None:
        yield f"{path}: no score: {made.reason}"
    else:
        decision = threshold.decide(made.level, score)
        parts = [f"{decision}, score {number(score)}" if decision else f"score {number(score)}"]
        if not made.picture:
            parts.append(_count(len(made.frames), "frame"))
        if lost := sum(failure.frame >= 0 for failure in made.failures):
            parts.append(f"{lost} without a score")
        if unsure := sum(remark.frame >= 0 for remark in made.remarks):
            parts.append(_count(unsure, "remark"))
        yield f"{path}: {', '.join(parts)}"
    told: list[tuple[int, str]] = []
    if score is not None or (frames and len(made.failures) > 1):
        told += [(one.frame, one.reason) for one in made.failures if frames or one.frame < 0]
    told += [(one.frame, one.text) for one in made.remarks if frames or one.frame < 0]
    if frames and not made.picture:
        told += list(zip(made.frames.tolist(), map(of_frame, made.scores.tolist()), strict=True))
    for place, text in sorted(told):
        yield f"  {'the file' if place < 0 else f'frame {place}'}: {text}"


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def foot(decisions: Counter[str], passed_over: Sequence[PassedOver]) -> Iterator[str]:
    """The lines that come last: how many of each, what was passed over, what a score is not.

    decisions: how many files are `live`, `spoof`, `scored` without a decision, and `no score`.
    """
    if decisions.total() > 1:
        counts = [f"{decisions[kind]} {kind}" for kind in ("live", "spoof", "scored", "no score")
                  if decisions[kind]]  # fmt: skip
        yield f"{decisions.total()} files: {', '.join(counts)}"
    for reason, count in sorted(Counter(one.reason for one in passed_over).items()):
        first = shown(next(one.path for one in passed_over if one.reason == reason))
        yield f"passed over: {first}{f' and {count - 1} more' if count > 1 else ''}: {reason}"
    yield NO_PROOF


def kind(made: Prediction, threshold: Threshold) -> str:
    """What a file is counted as in `foot`."""
    if made.score is None:
        return "no score"
    return threshold.decide(made.level, made.score) or "scored"


def as_json(
    scorer: Scorer,
    threshold: Threshold,
    files: Sequence[Prediction],
    passed_over: Sequence[PassedOver],
) -> dict[str, Any]:
    """What was found; docs/schemas/predict.schema.json says what each key is."""
    return {
        "schema": SCHEMA,
        "model": scorer.about(),
        "threshold": {
            "frame": thresholds.as_json(threshold.frame),
            "video": thresholds.as_json(threshold.video),
            "rule": threshold.rule,
            "how": threshold.how,
            "from": threshold.origin,
        },
        "files": [_file(made, threshold) for made in files],
        "passed_over": [one._asdict() for one in passed_over],
        "note": NO_PROOF,
    }


def _file(made: Prediction, threshold: Threshold) -> dict[str, Any]:
    return {
        "path": str(made.path),
        "kind": "picture" if made.picture else "video",
        "score": made.score,
        "decision": threshold.decide(made.level, made.score),
        "frames": [
            {
                "frame": frame,
                "score": score,
                "decision": threshold.decide("frame", score),
                "quality": {
                    name: value if math.isfinite(value) else None
                    for name, value in zip(QUALITY, measured, strict=True)
                },
            }
            for frame, score, measured in zip(
                made.frames.tolist(), made.scores.tolist(), made.quality.tolist(), strict=True
            )
        ],
        "failures": [{"frame": one.frame, "reason": one.reason} for one in made.failures],
        "remarks": [{"frame": one.frame, "text": one.text} for one in made.remarks],
    }


def scores_text(files: Sequence[Prediction]) -> str:
    """A CSV with COLUMNS: a line a frame, by file and frame; an empty score for what gave none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for made in files:
        texts = [format(score, ".17g") for score in made.scores.tolist()]
        scored = list(zip(made.frames.tolist(), texts, strict=True))
        failed = [(one.frame, "") for one in made.failures]
        writer.writerows((made.path, frame, score) for frame, score in sorted(scored + failed))
    return text.getvalue()
