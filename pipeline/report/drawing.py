"""Drawings: matplotlib's SVG as data URIs, the same bytes each time, for light and dark pages."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pipeline.look.pages import data_uri

INK = "#010203"
"""Stands for the colour of text and axes, which is the page's."""
LIVE, SPOOF, NEUTRAL = "#2f86d6", "#e0762b", "#8a8f98"
MARKS = {"target_eer": ("o", 10), "sources_eer": ("s", 8), "fixed": ("^", 7), "ssdg": ("x", 5)}
"""Sign and size, so that several at one place are all seen."""
STROKES = {
    "target_eer": "-", "sources_eer": (0, (5, 2)), "fixed": (0, (1, 1.5)), "ssdg": (0, (6, 2, 1, 2))
}  # fmt: skip
STYLE: Any = {
    "svg.hashsalt": "ocim",
    "svg.fonttype": "none",  # the browser's letters: small files, and text that can be selected
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
_LIGHT, _DARK = "#20262d", "#d5dae0"
_COLOURS = (
    f"svg{{color:{_LIGHT}}}@media (prefers-color-scheme:dark){{svg{{color:{_DARK}}}}}"
    f"@media print{{svg{{color:{_LIGHT}}}}}"
)


@contextmanager
def figure(width: float, height: float, **grid: Any) -> Iterator[tuple[Any, Any]]:
    """A matplotlib figure, width and height in inches, and its axes, in the page's style; closed
    after the block. grid: what pyplot.subplots takes besides.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # whatever the user's own style is
        matplotlib.rcParams.update(STYLE)
        drawn, axes = pyplot.subplots(figsize=(width, height), layout="constrained", **grid)
        try:
            yield drawn, axes
        finally:
            pyplot.close(drawn)


def as_svg(drawn: Any) -> str:
    """A figure as an SVG data URI, transparent, its ink following light and dark."""
    buffer = io.StringIO()
    drawn.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue().replace(INK, "currentColor")
    text = text.replace('<style type="text/css">', f'<style type="text/css">{_COLOURS}', 1)
    return data_uri("svg+xml", text.encode())


def thin(x: np.ndarray, y: np.ndarray, steps: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """A line of many points with few: no point of it is further off than 1/steps of its extent.

    x, y: (N,) finite, in the order in which the line goes. Of points that lie one after another in
    the same cell of a grid of steps x steps cells the first and the last stay.
    """
    if len(x) < 3:
        return x, y
    cells = []
    for values in (x, y):
        extent = float(values.max() - values.min()) or 1.0
        cells.append(np.minimum(((values - values.min()) / extent * steps).astype(int), steps - 1))
    changed = (np.diff(cells[0]) != 0) | (np.diff(cells[1]) != 0)
    keep = np.concatenate([[True], changed]) | np.concatenate([changed, [True]])
    return x[keep], y[keep]
