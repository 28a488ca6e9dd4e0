"""How far the numbers might lie elsewhere with other people: a bootstrap by subject.

Subjects of all datasets are drawn with replacement, as many as there are, each with all of its
samples; the middle 95% of what the draws give is the interval (percentile bootstrap). A threshold
that is found on the scores is found anew in each draw; one that was brought along stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from train.evaluation.rates import PERCENTS, Counts, Table
from train.evaluation.scores import Score

SHARE = 0.95
RESAMPLES = 1000
SEED = 0
"""Of the draws; the result is the same twice."""
_AT_ONCE = 1 << 20  # numbers that are counted at once: what fits into a processor's cache


class Groups:
    """Who is drawn: subjects (dataset and subject), or videos where a row has no subject."""

    def __init__(self, rows: Sequence[Score]) -> None:
        self.by = "subject" if all(row.subject for row in rows) else "video"
        names = sorted({self._of(row) for row in rows})
        self._number = {name: number for number, name in enumerate(names)}

    def _of(self, row: Score) -> tuple[str, str]:
        return row.dataset, row.subject if self.by == "subject" else row.video

    def __len__(self) -> int:
        return len(self._number)

    def numbers(self, rows: Sequence[Score]) -> np.ndarray:
        """(rows,) intp, which group each belongs to, 0 to len - 1.

        Raises KeyError for a row of nobody that this was made of.
        """
        return np.array([self._number[self._of(row)] for row in rows], np.intp)


def draws(table: Table, groups: int) -> Iterator[np.ndarray]:
    """RESAMPLES sets of weights in parts, each (B, groups) int64: how often each group was drawn.

    A draw in which live or spoof has no score is drawn again. One group with each is enough, and
    any two given groups are in more than a third of all draws, so this does not go on.
    """
    random = np.random.default_rng(SEED)
    has = [np.unique(ranked.group) for ranked in (table.live, table.spoof)]
    size = max(1, _AT_ONCE // max(len(table), groups))
    left = RESAMPLES
    while left:
        part = np.empty((min(size, left), groups), np.int64)
        for row in part:
            while True:
                row[:] = np.bincount(random.integers(groups, size=groups), minlength=groups)
                if all(row[those].any() for those in has):
                    break
        left -= len(part)
        yield part


def _of_draws(
    counted: Counts, thresholds: Mapping[str, float | None]
) -> dict[tuple[str, ...], np.ndarray]:
    """Every number that gets an interval, (B,) by its place in the JSON."""
    eer = counted.eer_thresholds()
    fpr, fnr = counted.fpr_and_fnr(eer)
    at_eer = counted.at(eer)
    numbers: dict[tuple[str, ...], np.ndarray] = {
        ("auc",): counted.auc(),
        ("eer",): (fpr + fnr) / 2,
        ("hter_at_eer_threshold",): at_eer.hter,
    }
    for percent in PERCENTS:
        numbers["bpcer_at_apcer", str(percent)] = counted.bpcer_at_apcer(percent)
    for rule, threshold in thresholds.items():
        if threshold is None:
            continue
        if rule == "target_eer":
            at = at_eer
        elif rule == "ssdg":
            at = counted.at(counted.ssdg_thresholds())
        else:
            at = counted.at(np.full(len(eer), threshold))
        for name in ("hter", "apcer_worst", "bpcer", "acer"):
            numbers["at", rule, name] = getattr(at, name)
    return numbers


def intervals(
    rows: list[Score], thresholds: Mapping[str, float | None], groups: Groups
) -> dict[str, Any] | None:
    """[low, high] of every number of a level, in the places of the numbers themselves; None where
    there are fewer than two groups.

    rows: live and spoof have a score each. thresholds: by rule. Beside the numbers stand
    share, by, resamples and subjects (docs/results.md).
    """
    if len(groups) < 2:
        return None
    table = Table(rows, groups.numbers(rows))
    parts = [_of_draws(Counts(table, weights), thresholds) for weights in draws(table, len(groups))]
    tail = (1 - SHARE) / 2
    result: dict[str, Any] = {
        "share": SHARE,
        "by": groups.by,
        "resamples": RESAMPLES,
        "subjects": len(groups),
        "at": {rule: None if threshold is None else {} for rule, threshold in thresholds.items()},
    }
    for place in parts[0]:
        values = np.concatenate([part[place] for part in parts])
        low, high = np.quantile(values, (tail, 1 - tail))
        *outer, last = place
        inside = result
        for name in outer:
            inside = inside.setdefault(name, {})
        inside[last] = [float(low), float(high)]
    return result
