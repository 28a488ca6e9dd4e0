"""What is printed and written of scored files: lines for people, JSON, and rows of a CSV."""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pipeline.predict.file import QUALITY, Prediction
from pipeline.predict.inputs import PassedOver
from pipeline.predict.scorer import NO_PROOF, Scorer, Threshold
from train.evaluation import thresholds

SCHEMA = 1
"""Of the JSON; docs/schemas/predict.schema.json."""

COLUMNS = ("video", "frame", "score")
"""Of the CSV: those of scores.csv that are known. With a column `live` it is a scores file."""


def shown(path: object) -> str:
    """A path as it may stand in a line: every letter that is not printable becomes a ?."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(path))


def number(value: float | None) -> str:
    """A score or a threshold with four decimals; `none` for None."""
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


def lines(prediction: Prediction, threshold: Threshold, frames: bool) -> Iterator[str]:
    """The lines of one file. frames: a line for each of its frames as well, and every remark."""
    path, score = shown(prediction.path), prediction.score

    def of_frame(value: float) -> str:
        return f"{number(value)} {threshold.decide('frame', value) or ''}".rstrip()

    if score is None:
        yield f"{path}: no score: {prediction.reason}"
    else:
        decision = threshold.decide(prediction.level, score)
        parts = [f"{decision}, score {number(score)}" if decision else f"score {number(score)}"]
        if not prediction.picture:
            parts.append(_count(len(prediction.frames), "frame"))
        if lost := sum(failure.frame >= 0 for failure in prediction.failures):
            parts.append(f"{lost} without a score")
        if unsure := sum(remark.frame >= 0 for remark in prediction.remarks):
            parts.append(_count(unsure, "remark"))
        yield f"{path}: {', '.join(parts)}"
    details = [(remark.frame, remark.text) for remark in prediction.remarks]
    if score is not None or (frames and len(prediction.failures) > 1):
        details += [(failure.frame, failure.reason) for failure in prediction.failures]
    if not frames:
        details = [(frame, text) for frame, text in details if frame < 0]
    elif not prediction.picture:
        texts = map(of_frame, prediction.scores.tolist())
        details += zip(prediction.frames.tolist(), texts, strict=True)
    for frame, text in sorted(details):
        yield f"  {'the file' if frame < 0 else f'frame {frame}'}: {text}"


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def foot(outcomes: Counter[str], passed_over: Sequence[PassedOver]) -> Iterator[str]:
    """The lines that come last: how many of each, what was passed over, what a score is not.

    outcomes: how many files have each `outcome`.
    """
    if outcomes.total() > 1:
        names = ("live", "spoof", "scored", "no score")
        counts = [f"{outcomes[name]} {name}" for name in names if outcomes[name]]
        yield f"{outcomes.total()} files: {', '.join(counts)}"
    for reason, count in sorted(Counter(entry.reason for entry in passed_over).items()):
        first = shown(next(entry.path for entry in passed_over if entry.reason == reason))
        yield f"passed over: {first}{f' and {count - 1} more' if count > 1 else ''}: {reason}"
    yield NO_PROOF


def outcome(prediction: Prediction, threshold: Threshold) -> str:
    """What a file is counted as in `foot`: live, spoof, scored (no threshold), or no score."""
    if prediction.score is None:
        return "no score"
    return threshold.decide(prediction.level, prediction.score) or "scored"


def as_json(
    scorer: Scorer,
    threshold: Threshold,
    files: Sequence[Prediction],
    passed_over: Sequence[PassedOver],
) -> dict[str, Any]:
    """The JSON object of --json but for every and upside_down, which run.py adds;
    docs/schemas/predict.schema.json says what each key is.
    """
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
        "files": [_file(one, threshold) for one in files],
        "passed_over": [one._asdict() for one in passed_over],
        "note": NO_PROOF,
    }


def _file(prediction: Prediction, threshold: Threshold) -> dict[str, Any]:
    columns = (prediction.frames, prediction.scores, prediction.quality)
    return {
        "path": str(prediction.path),
        "kind": "picture" if prediction.picture else "video",
        "score": prediction.score,
        "decision": threshold.decide(prediction.level, prediction.score),
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
            for frame, score, measured in zip(*map(np.ndarray.tolist, columns), strict=True)
        ],
        "failures": [{"frame": one.frame, "reason": one.reason} for one in prediction.failures],
        "remarks": [{"frame": one.frame, "text": one.text} for one in prediction.remarks],
    }


def scores_text(files: Sequence[Prediction]) -> str:
    """A CSV with COLUMNS: a line a frame, by file and frame, each score so that it reads back
    equal. What gave no score has an empty one, and the file as a whole the frame -1.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for prediction in files:
        texts = [format(score, ".17g") for score in prediction.scores.tolist()]
        rows = list(zip(prediction.frames.tolist(), texts, strict=True))
        rows += [(failure.frame, "") for failure in prediction.failures]
        writer.writerows((prediction.path, frame, score) for frame, score in sorted(rows))
    return text.getvalue()
