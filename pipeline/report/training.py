"""The losses of a training by step, drawn."""

import csv
import io
import math
from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.report.drawing import INK, LIVE, NEUTRAL, as_svg, figure

NO_LOSSES = ("step", "epoch", "mining", "learning_rate", "gradient_norm")
A_ROW = 5
BINS = 300
"""Points along a panel: the steps of a longer training are drawn together."""


def read_curves(text: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Steps (N,) and each loss (N,) of curves.csv; NaN where a step has none.

    Raises UserError where there is no step, or something that is no number.
    """
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        raise UserError("train/curves.csv holds no step; run ocim train again")
    names = [
        name for name in rows[0] if name and name not in NO_LOSSES and any(r[name] for r in rows)
    ]
    try:
        steps = np.array([int(row["step"]) for row in rows])
        losses = {name: np.array([_number(row[name]) for row in rows]) for name in names}
    except (KeyError, TypeError, ValueError):
        losses = {}
    if not losses:
        raise UserError("train/curves.csv is damaged; run ocim train again")
    return steps, losses


def _number(text: str) -> float:
    return float(text) if text != "" else math.nan


def binned(steps: np.ndarray, values: np.ndarray, bins: int) -> tuple[np.ndarray, ...]:
    """Step, mean, lowest and highest of `bins` runs of like length: each (bins,)."""
    parts = [part for part in np.array_split(np.arange(len(steps)), bins) if len(part)]
    ends = steps[[part[-1] for part in parts]]
    means, lows, highs = (
        np.array([how(values[part]) for part in parts]) for how in (np.mean, np.min, np.max)
    )
    return ends, means, lows, highs


def curves_picture(steps: np.ndarray, losses: dict[str, np.ndarray], kept: int) -> str:
    """The losses as an SVG data URI: thin each step, thick a running mean of ten.

    Of more than BINS steps: a band from the lowest to the highest of each run, thick their mean.
    kept: the step of the model that was kept, marked where it is not the last.
    """
    from matplotlib.ticker import MaxNLocator

    lines = -(-len(losses) // A_ROW)
    with figure(11, 2.1 * lines, nrows=lines, ncols=A_ROW, squeeze=False) as (drawn, axes):
        for axis in axes.flat[len(losses) :]:
            axis.set_axis_off()
        for axis, (name, values) in zip(axes.flat, losses.items(), strict=False):
            there = np.isfinite(values)
            _panel(axis, steps[there], values[there])
            if kept < steps[-1]:
                axis.axvline(kept, color=INK, linewidth=0.8, linestyle=":")
            axis.set_title(name.replace("_", " "), parse_math=False)
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axis.set_ylim(bottom=min(0.0, float(np.min(values[there], initial=0))))
        return as_svg(drawn)


def _panel(axis: Any, steps: np.ndarray, values: np.ndarray) -> None:
    if len(steps) > BINS:
        ends, means, lows, highs = binned(steps, values, BINS)
        axis.fill_between(ends, lows, highs, color=NEUTRAL, alpha=0.4, linewidth=0)
        axis.plot(ends, means, color=LIVE, linewidth=1.4)
        return
    axis.plot(steps, values, color=NEUTRAL, linewidth=0.6)
    width = min(10, len(values) // 4)
    if width:
        mean = np.convolve(values, np.ones(width) / width, "valid")
        axis.plot(steps[width - 1 :], mean, color=LIVE, linewidth=1.6)
