"""Error rates of scores, by frame and by video, at each threshold and over all of them.

Words and equations: rates.py and thresholds.py beside it, docs/results.md. Rates are fractions.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from train.evaluation.intervals import Groups, intervals
from train.evaluation.rates import PERCENTS, At, Counts
from train.evaluation.scores import LEVELS, Score, by_level, named, read_scores
from train.evaluation.thresholds import (
    Rule,
    as_json,
    counted_once,
    eer_rule,
    fixed,
    no_sources,
    require_both,
    rules_for,
)

SCHEMA = 1
"""Version of what `ocim metrics --json` prints."""


def counts(rows: list[Score]) -> dict[str, int]:
    """Numbers of rows: live, spoof, and of them without a score live_failed and spoof_failed."""
    numbers = {"live": sum(row.live for row in rows)}
    numbers["spoof"] = len(rows) - numbers["live"]
    for name, live in (("live", 1), ("spoof", 0)):
        numbers[f"{name}_failed"] = sum(row.live == live and row.score is None for row in rows)
    return numbers


def rates(rows: list[Score]) -> dict[str, float]:
    """eer, hter_at_eer_threshold and auc, fractions, of rows as they are.

    Raises UserError when live or spoof has no score.
    """
    return _summary(rows, counted_once(rows))


def _summary(rows: list[Score], counted: Counts) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score  # a second, for those who train or predict alone

    threshold = counted.eer_thresholds()
    fpr, fnr = counted.fpr_and_fnr(threshold)
    there = [row for row in rows if row.score is not None]
    return {
        "auc": float(roc_auc_score([row.live for row in there], [row.score for row in there])),
        "eer": float((fpr + fnr)[0] / 2),
        "hter_at_eer_threshold": float(counted.at(threshold).hter[0]),
    }


def _at(threshold: float, at: At) -> dict[str, Any]:
    """Rates at one threshold, as JSON has them."""
    apcer = {name: None if np.isnan(x[0]) else float(x[0]) for name, x in at.apcer.items()}
    worst = float(at.apcer_worst[0])
    return {
        "threshold": as_json(threshold),
        "far": float(at.far[0]),
        "frr": float(at.frr[0]),
        "hter": float(at.hter[0]),
        "apcer": apcer,
        "apcer_worst": worst,
        "worst_instrument": next(name for name, x in apcer.items() if x == worst),
        "bpcer": float(at.bpcer[0]),
        "acer": float(at.acer[0]),
    }


def level(
    rows: list[Score], thresholds: Mapping[str, float | None], groups: Groups
) -> dict[str, Any]:
    """All numbers of one level, as results.json has them under frame or video (docs/results.md).

    rows: of that level. thresholds: by rule, None where a rule gives none. groups: whom the
    intervals draw, made of the rows by frame. Raises UserError when live or spoof has no score.
    """
    counted = counted_once(rows)
    number = counts(rows)
    return {
        "counts": number,
        "failure_to_acquire": (number["live_failed"] + number["spoof_failed"]) / len(rows),
        **_summary(rows, counted),
        "bpcer_at_apcer": {str(p): float(counted.bpcer_at_apcer(p)[0]) for p in PERCENTS},
        "at": {
            rule: None if t is None else _at(t, counted.at(np.array([t])))
            for rule, t in thresholds.items()
        },
        "intervals": intervals(rows, thresholds, groups),
    }


def measure(rows: list[Score], rules: Mapping[str, Rule]) -> dict[str, Any]:
    """{"thresholds", "frame", "video"}: the rules, and all numbers by level at their thresholds.

    Raises UserError when live or spoof has no score.
    """
    groups = Groups(rows)
    levels = by_level(rows)
    numbers: dict[str, Any] = {
        name: level(levels[name], {r: rule.at(name) for r, rule in rules.items()}, groups)
        for name in LEVELS
    }
    return {"thresholds": {name: rule.to_json() for name, rule in rules.items()}, **numbers}


def of_files(scores: Path, sources: Path | None, number: float | None) -> dict[str, Any]:
    """{"schema", "thresholds", "frame", "video"} of a scores file.

    sources: the file that the threshold sources_eer is found on; number: that of the rule fixed.
    Raises UserError naming the file that cannot be measured.
    """
    given = fixed(number)
    with named(scores):
        rows = read_scores(scores)
        require_both(rows)
    if sources is None:
        source = no_sources("no scores of held-out subjects of the sources were given (--sources)")
    else:
        with named(sources):
            source = eer_rule(read_scores(sources), f"the scores in {sources}")
    return {"schema": SCHEMA, **measure(rows, rules_for(rows, source, given))}
