"""EER, HTER and AUC of a scores file, by frame and by video, with failures to acquire.

Higher is live. A sample is accepted if score >= threshold. Candidate thresholds are every distinct
score and plus and minus infinity; taken is the one where FAR and FRR of the scores that there are
lie closest, of several the highest. `eer` is the mean of the two there. `hter_at_eer_threshold`
is their mean with failures to acquire, as bob.pad.base has them: with FTA the share of failures
among all, live and spoof together, FAR = FPR (1 - FTA) and FRR = FTA + FNR (1 - FTA).
AUC is without failures. A video's score is the mean of its frames' scores; frames without one are
left out, and a video without any is a failure.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from pipeline.errors import UserError


class Score(NamedTuple):
    """One row of a scores file. score None: failure to acquire; frame -1: the whole video."""

    video: str
    frame: int
    live: int
    score: float | None


COLUMNS = Score._fields
"""The columns that a scores file must have; others may stand beside them."""


def read_scores(path: Path) -> list[Score]:
    """Read a scores CSV: columns video, frame, live (1 or 0), score (empty: failure to acquire).

    Raises UserError naming the line of the first mistake: a missing column or value, a live that
    is not 0 or 1 or changes within a video, a score that is no finite number.
    """
    rows: list[Score] = []
    labels: dict[str, int] = {}
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
            if missing:
                raise UserError(
                    f"{path}: line 1: no column {', '.join(missing)}; "
                    f"a scores file has {', '.join(COLUMNS)}"
                )
            for values in reader:
                row = _score(values, f"{path}: line {reader.line_num}")
                if labels.setdefault(row.video, row.live) != row.live:
                    raise UserError(
                        f"{path}: line {reader.line_num}: video '{row.video}' is "
                        "live on one line and spoof on another"
                    )
                rows.append(row)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV file in UTF-8: {error}") from None
    return rows


def _score(values: dict[str, str | None], where: str) -> Score:
    """Check one row."""
    video, frame, live, score = (values[name] for name in COLUMNS)
    if not video:
        raise UserError(f"{where}: no video")
    if live not in ("0", "1"):
        raise UserError(f"{where}: live is '{live or ''}': 1 for live, 0 for spoof")
    try:
        number = int(frame or "")
    except ValueError:
        raise UserError(f"{where}: frame is '{frame or ''}': a whole number") from None
    if score is None:
        raise UserError(f"{where}: the line ends before its score (empty: failure to acquire)")
    if not score.strip():
        return Score(video, number, int(live), None)
    try:
        value = float(score)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(
            f"{where}: score is '{score}': a finite number, or empty for a failure to acquire"
        )
    return Score(video, number, int(live), value)


def video_scores(rows: Iterable[Score]) -> list[Score]:
    """One row a video, sorted by name: the mean of its frames' scores, None where none has one.

    frame is the number of frames that the mean is over.
    """
    labels: dict[str, int] = {}
    scores: dict[str, list[float]] = {}
    for row in rows:
        labels[row.video] = row.live
        scores.setdefault(row.video, [])
        if row.score is not None:
            scores[row.video].append(row.score)
    return [
        Score(
            video,
            len(found),
            labels[video],
            math.fsum(found) / len(found) if found else None,  # exact: no order of the rows
        )
        for video, found in sorted(scores.items())
    ]


class Threshold(NamedTuple):
    """The EER threshold and what it does: share of spoofs accepted and of live rejected."""

    threshold: float
    false_positive_rate: float
    false_negative_rate: float


def eer_threshold(spoof: Sequence[float], live: Sequence[float]) -> Threshold:
    """The candidate threshold where FPR and FNR lie closest, ties to the highest.

    spoof, live: scores, at least one of each.
    """
    spoofs, lives = np.sort(np.asarray(spoof, float)), np.sort(np.asarray(live, float))
    scores = np.unique(np.concatenate([spoofs, lives]))
    candidates = np.concatenate([[-np.inf], scores, [np.inf]])
    accepted = len(spoofs) - np.searchsorted(spoofs, candidates, side="left")
    rejected = np.searchsorted(lives, candidates, side="left")
    # |FPR - FNR| times both counts: whole numbers, so that a tie is a tie
    gap = np.abs(accepted * len(lives) - rejected * len(spoofs))
    best = len(gap) - 1 - int(np.argmin(gap[::-1]))
    return Threshold(
        float(candidates[best]), accepted[best] / len(spoofs), rejected[best] / len(lives)
    )


def rates(rows: Sequence[Score]) -> dict[str, float]:
    """eer, hter_at_eer_threshold and auc, as fractions, of rows as they are.

    Raises UserError when live or spoof has no score.
    """
    live = [row.score for row in rows if row.live and row.score is not None]
    spoof = [row.score for row in rows if not row.live and row.score is not None]
    for name, found in (("live", live), ("spoof", spoof)):
        if not found:
            raise UserError(f"no {name} sample has a score: error rates need both classes")
    point = eer_threshold(spoof, live)
    failures = (len(rows) - len(live) - len(spoof)) / len(rows)
    far = point.false_positive_rate * (1 - failures)
    frr = failures + point.false_negative_rate * (1 - failures)
    auc = roc_auc_score([1] * len(live) + [0] * len(spoof), live + spoof)
    return {
        "eer": float(point.false_positive_rate + point.false_negative_rate) / 2,
        "hter_at_eer_threshold": float(far + frr) / 2,
        "auc": float(auc),
    }


def summary(rows: Sequence[Score]) -> dict[str, dict[str, float]]:
    """Error rates by frame and by video: {"frame": {"eer", "hter_at_eer_threshold", "auc"}, ...}.

    A video that failed as a whole counts as one frame that failed.
    """
    return {"frame": rates(rows), "video": rates(video_scores(rows))}
