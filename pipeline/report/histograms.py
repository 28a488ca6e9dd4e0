"""Histograms of scores: live beside spoof, the thresholds as lines."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.report.drawing import INK, LIVE, SPOOF, STROKES, as_svg, figure
from pipeline.report.scores import Samples
from pipeline.report.table_rows import RULE_NAMES

BINS = (10, 40)
"""The fewest and the most; between them twice the square root of the number of scores."""
INSTRUMENTS_SHOWN = 24


def edges_of(scores: np.ndarray) -> np.ndarray:
    """(bins + 1,) borders of equal bins from the lowest to the highest score, or about the one.

    scores: (N,), at least one.
    """
    low, high = float(scores.min()), float(scores.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    bins = int(np.clip(2 * len(scores) ** 0.5, *BINS))
    return np.linspace(low, high, bins + 1)


def shares(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(bins,) float64, which share of the scores lies in each bin; zeros of none."""
    counts = np.histogram(scores, edges)[0]
    return counts / max(1, len(scores))


def histogram(samples: Samples, rules: Mapping[str, float]) -> str:
    """Live and spoof scores, each class as shares of its own, as an SVG data URI.

    rules: thresholds by rule, drawn as lines where they lie within the scores.
    """
    with figure(5.4, 2.7) as (drawn, axis):
        edges = edges_of(samples.score)
        for name, those, colour in (
            ("live", samples.live, LIVE),
            ("spoof", ~samples.live, SPOOF),
        ):
            _steps(axis, samples.score[those], edges, colour, name)
        _finish(axis, rules, edges)
        axis.set_xlabel("score")
        axis.set_ylabel("share of its class")
        drawn.legend(fontsize=8, loc="outside lower center", ncols=6, columnspacing=1.2)
        return as_svg(drawn)


def by_instrument(samples: Samples, rules: Mapping[str, float]) -> dict[str, str]:
    """The scores of each attack instrument alone over those of live, by its name: SVG data URIs.

    The names stand in the page, so that none of them is in a drawing. The first INSTRUMENTS_SHOWN.
    """
    from matplotlib.ticker import MaxNLocator

    names = sorted(set(samples.instrument[~samples.live]))[:INSTRUMENTS_SHOWN]
    edges = edges_of(samples.score)
    drawings = {}
    for name in names:
        with figure(3.2, 1.7) as (drawn, axis):
            _steps(axis, samples.score[samples.live], edges, LIVE, "live")
            those = ~samples.live & (samples.instrument == name)
            _steps(axis, samples.score[those], edges, SPOOF, name)
            _finish(axis, rules, edges)
            axis.xaxis.set_major_locator(MaxNLocator(4))  # small drawings: labels stay apart
            drawings[str(name)] = as_svg(drawn)
    return drawings


def _steps(axis: Any, scores: np.ndarray, edges: np.ndarray, colour: str, name: str) -> None:
    values = shares(scores, edges)
    axis.stairs(values, edges, fill=True, color=colour, alpha=0.45, linewidth=0)
    axis.stairs(values, edges, color=colour, linewidth=1.1, label=name)


def _finish(axis: Any, rules: Mapping[str, float], edges: np.ndarray) -> None:
    """The thresholds, and axes about what is drawn; shares by their roots, so small ones show."""
    axis.set_yscale("function", functions=(np.sqrt, np.square))
    axis.set_xlim(edges[0], edges[-1])
    axis.set_ylim(0, 1.05 * max(patch.get_data().values.max() for patch in axis.patches))
    for rule, threshold in rules.items():
        if edges[0] <= threshold <= edges[-1]:
            axis.axvline(
                threshold, color=INK, linewidth=0.9, linestyle=STROKES[rule],
                label=RULE_NAMES[rule],
            )  # fmt: skip
