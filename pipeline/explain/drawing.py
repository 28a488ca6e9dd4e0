"""The two kinds of figures as PNG: pictures in rows and columns, and panels of points."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.explain import layout
from pipeline.explain.canvas import INK, PALE, Canvas, Mark, drawable, drawing, length
from pipeline.explain.layout import Box

SMALL, NORMAL = 5.8, 7.0  # points
WRONG = "#c23b00"
ENTRY = 0.88  # inches of a legend's entry
PANEL, ACROSS, TITLE = 2.28, 3, 0.42  # inches a panel of points, panels a row, inches of a title
LIVE, SPOOF = "#0072b2", "#d55e00"
"""Blue and vermilion of Okabe and Ito, which colour-blind people tell apart; so does the shape."""


MARKS = {
    (True, True): Mark("source, live", "o", "#9ccbe8", LIVE, 9, 0.5),
    (True, False): Mark("source, spoof", "^", "#f5c29b", SPOOF, 10, 0.5),
    (False, True): Mark("target, live", "o", LIVE, "black", 15, 0.6),
    (False, False): Mark("target, spoof", "^", SPOOF, "black", 17, 0.6),
}
"""By whether a sample is of a source, and whether it is live."""


class Cell(NamedTuple):
    """A picture, H x W x 3 uint8 RGB, and the line below it. smooth: a photograph, whose pixels may
    be mixed when it is reduced. wrong: the line is in the colour of mistakes. inside: a word that
    is written into the picture.
    """

    picture: np.ndarray
    text: str = ""
    smooth: bool = False
    wrong: bool = False
    inside: str = ""


class Row(NamedTuple):
    """A row of pictures: its name, lines of small print under that, one cell a column."""

    name: str
    notes: Sequence[str]
    cells: Sequence[Cell]


class Column(NamedTuple):
    """A sample: whether it is live, and a word of what it is."""

    live: bool
    text: str


class Bar(NamedTuple):
    """A colour bar: name of matplotlib's map, what it means, what stands at its ends."""

    colours: str
    text: str
    ends: tuple[str, str]


def coloured(values: np.ndarray, colours: str) -> np.ndarray:
    """Values in [0, 1] (H x W; others are cut) by a colour map of matplotlib: H x W x 3 uint8."""
    import matplotlib

    found = matplotlib.colormaps[colours](np.clip(values, 0, 1), bytes=True)
    return np.asarray(found)[..., :3]


def over(image: np.ndarray, heat: np.ndarray, colours: str) -> np.ndarray:
    """A map in [0, 1] (H x W) over a picture (H x W x 3 uint8): the picture's grey where it is 0,
    three parts of the map's colour to one of grey where it is 1.
    """
    grey = image.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    share = 0.75 * np.clip(heat, 0, 1)[..., None]
    mixed = grey[..., None] * (1 - share) + coloured(heat, colours) * share
    return np.rint(mixed).astype(np.uint8)


def pictures(
    columns: Sequence[Column],
    rows: Sequence[Row],
    notes: Sequence[str],
    legend: Sequence[tuple[str, str]] = (),
    bar: Bar | None = None,
) -> bytes:
    """A figure of pictures as a PNG.

    columns: the live ones first; each row has one cell for each. notes: paragraphs under the
    figure. legend: text and colour of each entry. bar: the colours' meaning.
    """
    place = layout.places(
        [column.live for column in columns],
        [any(cell.text for cell in row.cells) for row in rows],
    )
    entries = layout.in_rows(len(legend), place.width, ENTRY)
    legend_top = place.bottom + 0.1
    bar_top = legend_top + (0.13 * (entries[-1][0] + 1) + 0.06 if entries else 0)
    notes_top = bar_top + (0.3 if bar else 0)
    lines = _lines(notes, place.width)
    height = notes_top + layout.LINE * len(lines) + layout.MARGIN
    with drawing(place.width, height) as canvas:
        _headers(canvas, columns, place)
        for row, boxes in zip(rows, place.cells, strict=True):
            _row(canvas, row, boxes)
        for (text, colour), (down, across) in zip(legend, entries, strict=True):
            x, y = layout.MARGIN + across * ENTRY, legend_top + 0.13 * down
            canvas.rectangle(Box(x, y + 0.01, 0.09, 0.09), colour)
            canvas.text(x + 0.13, y + 0.055, text, SMALL, va="center")
        if bar:
            _bar(canvas, bar, bar_top, place)
        _notes(canvas, lines, notes_top)
        return canvas.png()


class Panel(NamedTuple):
    """Points of one run: its name, a line of numbers, n x 2 float places (None: all are one point),
    and which are of a source, which live, both n bool.
    """

    name: str
    text: str
    points: np.ndarray | None
    source: np.ndarray
    live: np.ndarray


def points(panels: Sequence[Panel], notes: Sequence[str]) -> bytes:
    """Panels of points side by side, with one legend, as a PNG."""
    across = 2 if len(panels) == 4 else min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    width = max(2 * PANEL, across * PANEL) + layout.MARGIN
    left = (width - across * PANEL) / 2
    legend_top = layout.MARGIN + down * (PANEL + TITLE) - 0.06
    lines = _lines(notes, width)
    height = legend_top + 0.26 + layout.LINE * len(lines) + layout.MARGIN
    with drawing(width, height) as canvas:
        for number, panel in enumerate(panels):
            row, column = divmod(number, across)
            top = layout.MARGIN + row * (PANEL + TITLE)
            _panel(canvas, panel, Box(left + column * PANEL, top, PANEL, PANEL + TITLE))
        step = min(1.15, (width - 2 * layout.MARGIN) / len(MARKS))
        start = (width - step * len(MARKS)) / 2
        for number, mark in enumerate(MARKS.values()):
            x, y = start + step * number, legend_top + 0.06
            canvas.mark(x + 0.1, y, mark)
            canvas.text(x + 0.2, y, mark.name, NORMAL, va="center")
        _notes(canvas, lines, legend_top + 0.26)
        return canvas.png()


def _headers(canvas: Canvas, columns: Sequence[Column], place: layout.Places) -> None:
    for kind, box in place.groups.items():
        if box is None:
            continue
        middle = box.left + box.width / 2
        word = "live" if kind else "spoof"
        canvas.text(middle, box.top + 0.09, word, NORMAL, ha="center", va="center", weight="bold")
        canvas.line(box.left, box.top + 0.18, box.left + box.width)
    for column, cell in zip(columns, place.cells[0] if place.cells else (), strict=False):
        x = cell.left + cell.width / 2
        text = _short(column.text, layout.CELL, SMALL)
        canvas.text(x, cell.top - 0.045, text, SMALL, ha="center", va="bottom", color=PALE)


def _row(canvas: Canvas, row: Row, boxes: Sequence[Box]) -> None:
    right = layout.MARGIN + layout.LABEL - 0.07
    names = layout.wrapped(
        drawable(row.name), layout.LABEL - 0.07, 3, lambda text: length(text, NORMAL, True)
    )
    tall = 0.115 * len(names) + 0.095 * len(row.notes)
    y = boxes[0].top + (layout.CELL - tall) / 2
    for line in names:
        canvas.text(right, y, line, NORMAL, ha="right", va="top", weight="bold")
        y += 0.115
    for line in row.notes:
        canvas.text(right, y + 0.01, line, SMALL, ha="right", va="top", color=PALE)
        y += 0.095
    for cell, box in zip(row.cells, boxes, strict=True):
        axes = canvas.axes(box)
        axes.imshow(cell.picture, interpolation="antialiased" if cell.smooth else "nearest",
                    aspect="auto")  # fmt: skip
        axes.set_axis_off()
        if cell.inside:
            x, y = box.left + 0.03, box.top + box.height - 0.03
            canvas.text(x, y, cell.inside, SMALL, va="bottom", color="white", weight="bold")
        if cell.text:
            canvas.text(
                box.left + box.width / 2, box.top + box.height + 0.025, cell.text, SMALL,
                ha="center", va="top", color=WRONG if cell.wrong else INK,
                weight="bold" if cell.wrong else "normal",
            )  # fmt: skip


def _bar(canvas: Canvas, bar: Bar, top: float, place: layout.Places) -> None:
    left = place.cells[0][0].left if place.cells else layout.MARGIN
    box = Box(left, top, 1.5, 0.09)
    axes = canvas.axes(box)
    ramp = coloured(np.linspace(0, 1, 256)[None], bar.colours)
    axes.imshow(ramp, aspect="auto", interpolation="bilinear")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_linewidth(0.4)
    for x, text, side in ((left, bar.ends[0], "left"), (left + 1.5, bar.ends[1], "right")):
        canvas.text(x, top + 0.115, text, SMALL, ha=side, va="top", color=PALE)
    canvas.text(left + 1.6, top + 0.045, bar.text, SMALL, va="center")


def _panel(canvas: Canvas, panel: Panel, box: Box) -> None:
    middle = box.left + box.width / 2
    name = _short(panel.name, PANEL - 0.12, NORMAL, True)
    canvas.text(middle, box.top + 0.09, name, NORMAL, ha="center", va="center", weight="bold")
    for number, text in enumerate(panel.text.split("\n")):
        y = box.top + 0.21 + 0.1 * number
        canvas.text(middle, y, text, SMALL, ha="center", va="center", color=PALE)
    side = box.width - 0.12
    axes = canvas.axes(Box(box.left + 0.06, box.top + 0.38, side, side))
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_linewidth(0.5)
        spine.set_color(PALE)
    if panel.points is None:
        axes.text(0.5, 0.5, "all embeddings are equal", ha="center", va="center", fontsize=NORMAL)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        return
    for (source, live), mark in MARKS.items():
        own = panel.points[(panel.source == source) & (panel.live == live)]
        axes.scatter(
            own[:, 0], own[:, 1], s=mark.size, marker=mark.marker, facecolors=mark.face,
            edgecolors=mark.edge, linewidths=mark.line, zorder=3 if source else 4,
        )  # fmt: skip
    low, high = panel.points.min(0), panel.points.max(0)
    reach = 0.53 * max(float((high - low).max()), 1e-9)
    centre = (low + high) / 2
    axes.set_xlim(centre[0] - reach, centre[0] + reach)  # a plane without units: one scale
    axes.set_ylim(centre[1] - reach, centre[1] + reach)


def _lines(notes: Sequence[str], width: float) -> list[str]:
    room = width - 2 * layout.MARGIN
    return [
        line
        for note in notes
        for line in layout.wrapped(
            drawable(note), room, length=lambda text: length(text, SMALL), breaks=" "
        )
    ]


def _short(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, cut to a line of so many inches."""
    found = layout.wrapped(drawable(text), room, 1, lambda part: length(part, size, bold))
    return found[0] if found else ""


def _notes(canvas: Canvas, lines: Sequence[str], top: float) -> None:
    for number, line in enumerate(lines):
        canvas.text(layout.MARGIN, top + number * layout.LINE, line, SMALL, va="top", color=PALE)
