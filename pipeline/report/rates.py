"""ROC and DET curves with the operating points, and the band that resampled subjects give."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.report.drawing import LIVE, MARKS, NEUTRAL, SPOOF, as_svg, figure, thin
from pipeline.report.scores import Samples
from pipeline.report.table_rows import RULE_NAMES
from train.evaluation.intervals import SHARE, Groups, draws
from train.evaluation.rates import Counts, Table
from train.evaluation.scores import Score

GRID = np.unique(np.concatenate([[0.0], np.geomspace(1e-4, 1, 60), np.linspace(0, 1, 101)]))
"""The false positive rates at which the band is worked out."""
EDGES = (0.0005, 0.6)
"""Where the axes of a DET curve end: rates beyond lie on the edge."""
TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4)

Band = tuple[np.ndarray, np.ndarray]
"""Lowest and highest true positive rate at each of GRID."""


def band(rows: Sequence[Score], groups: Groups) -> Band | None:
    """Between which the true positive rate lies at each of GRID, (G,) each, in SHARE of the draws
    of subjects that the intervals are made of (train/evaluation/intervals.py); None of fewer than
    two.
    """
    if len(groups) < 2:
        return None
    table = Table(rows, groups.numbers(rows))
    found = []
    for weights in draws(table, len(groups)):
        counted = Counts(table, weights)
        # Thresholds falling, so that both rates rise.
        fpr = 1 - counted.spoof[:, table.spoof_places[::-1]] / counted.spoofs[:, None]
        tpr = 1 - counted.live[:, table.live_places[::-1]] / counted.lives[:, None]
        for x, y in zip(fpr, tpr, strict=True):
            found.append(y[np.searchsorted(x, GRID + 1e-12, side="right") - 1])
    low, high = np.quantile(found, [(1 - SHARE) / 2, (1 + SHARE) / 2], axis=0)
    return low, high


def roc(samples: Samples, rules: Mapping[str, float], around: Band | None = None) -> str:
    """The ROC curve as an SVG data URI: live accepted (1 - FNR) by spoof accepted (FPR).

    samples: of both classes. rules: the thresholds whose points are marked. around: what `band`
    gave.
    """
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(samples.live, samples.score)
    with figure(4.2, 4.1) as (drawn, axis):
        axis.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.7, linestyle=":")
        if around is not None:
            axis.fill_between(GRID, *around, color=LIVE, alpha=0.22, linewidth=0, step="post")
        axis.plot(*thin(fpr, tpr), color=LIVE, linewidth=1.5)
        for rule, (x, y) in operating(samples, rules).items():
            _mark(axis, rule, x, 1 - y)
        axis.set_xlim(-0.02, 1.02)
        axis.set_ylim(-0.02, 1.02)
        axis.set_xlabel("spoof accepted (FPR)")
        axis.set_ylabel("live accepted (1 - FNR)")
        _legend(drawn)
        return as_svg(drawn)


def det(samples: Samples, rules: Mapping[str, float], around: Band | None = None) -> str:
    """The DET curve as an SVG data URI: FNR by FPR, both axes by the normal deviate. Takes what
    `roc` takes.
    """
    from scipy.stats import norm
    from sklearn.metrics import det_curve

    def axis_of(rates: Any) -> np.ndarray:
        return np.asarray(norm.ppf(np.clip(rates, *EDGES)))

    fpr, fnr, _ = det_curve(samples.live, samples.score)
    with figure(4.2, 4.1) as (drawn, axis):
        if around is not None:
            low, high = around
            axis.fill_between(
                axis_of(GRID), axis_of(1 - high), axis_of(1 - low), color=LIVE, alpha=0.22,
                linewidth=0, step="post",
            )  # fmt: skip
        axis.plot(*thin(axis_of(fpr), axis_of(fnr)), color=LIVE, linewidth=1.5)
        for rule, (x, y) in operating(samples, rules).items():
            _mark(axis, rule, axis_of(x), axis_of(y))
        ticks = axis_of(TICKS)
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_ticks(ticks, [f"{tick * 100:g}" for tick in TICKS])
        axis.set_xlim(*axis_of(EDGES))
        axis.set_ylim(*axis_of(EDGES))
        axis.grid(color=NEUTRAL, linewidth=0.4, alpha=0.5)
        axis.set_xlabel("spoof accepted, % (FPR)")
        axis.set_ylabel("live rejected, % (FNR)")
        _legend(drawn)
        return as_svg(drawn)


def operating(samples: Samples, rules: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """FPR and FNR, as fractions, of each rule's threshold, of the samples that have a score."""
    return {
        rule: (
            float(np.mean(samples.score[~samples.live] >= threshold)),
            float(np.mean(samples.score[samples.live] < threshold)),
        )
        for rule, threshold in rules.items()
    }


def _mark(axis: Any, rule: str, x: Any, y: Any) -> None:
    sign, size = MARKS[rule]
    axis.plot(
        [x], [y], sign, markeredgecolor=SPOOF, markerfacecolor="none", markeredgewidth=1.6,
        markersize=size, linestyle="none", label=RULE_NAMES[rule], clip_on=False, zorder=3,
    )  # fmt: skip


def _legend(drawn: Any) -> None:
    if any(axis.get_legend_handles_labels()[0] for axis in drawn.axes):
        drawn.legend(fontsize=8, loc="outside lower center", ncols=4, columnspacing=1.2)
