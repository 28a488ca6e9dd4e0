"""A figure of matplotlib that is drawn on in inches from its upper left corner."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from pipeline.explain.layout import Box
from pipeline.look import fonts

DPI = 300
INK, PALE = "#1a1a1a", "#5f5f5f"


class Mark(NamedTuple):
    """How a kind of point is drawn: matplotlib's marker, colours, area and edge in points."""

    name: str
    marker: str
    face: str
    edge: str
    size: float
    line: float


class Canvas:
    """What is drawn on. x runs right and y down, both in inches; sizes of letters are in points."""

    def __init__(self, figure: Any, width: float, height: float) -> None:
        self.figure, self.width, self.height = figure, width, height
        self._inches = figure.dpi_scale_trans

    def axes(self, box: Box) -> Any:
        """Axes of matplotlib that fill a box."""
        bottom = 1 - (box.top + box.height) / self.height
        return self.figure.add_axes(
            (box.left / self.width, bottom, box.width / self.width, box.height / self.height)
        )

    def text(self, x: float, y: float, text: str, size: float, **more: Any) -> None:
        """Write a text as it is, no formula in it. more: what matplotlib's text takes."""
        more.setdefault("color", INK)
        self.figure.text(
            x, self.height - y, drawable(text), fontsize=size, transform=self._inches,
            parse_math=False, **more,
        )  # fmt: skip

    def rectangle(self, box: Box, colour: str) -> None:
        """Fill a box with a colour that matplotlib knows, such as #1a1a1a."""
        from matplotlib.patches import Rectangle

        style: dict[str, Any] = {"facecolor": colour, "edgecolor": PALE, "linewidth": 0.4}
        corner = (box.left, self.height - box.top - box.height)
        patch = Rectangle(corner, box.width, box.height, transform=self._inches, **style)
        self.figure.add_artist(patch)

    def line(self, x: float, y: float, right: float) -> None:
        """Draw a level line from x to right."""
        from matplotlib.lines import Line2D

        level = self.height - y
        self.figure.add_artist(
            Line2D([x, right], [level, level], color=PALE, linewidth=0.6, transform=self._inches)
        )

    def mark(self, x: float, y: float, mark: Mark) -> None:
        """Draw one point of a legend, somewhat larger than those of a panel."""
        from matplotlib.lines import Line2D

        style: dict[str, Any] = {
            "marker": mark.marker, "markerfacecolor": mark.face, "markeredgecolor": mark.edge,
            "markersize": (1.6 * mark.size) ** 0.5, "markeredgewidth": mark.line,
        }  # fmt: skip
        self.figure.add_artist(Line2D([x], [self.height - y], transform=self._inches, **style))

    def png(self) -> bytes:
        """The figure as a PNG of DPI dots an inch; the same drawing gives the same bytes."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
        return buffer.getvalue()


@contextmanager
def drawing(width: float, height: float) -> Iterator[Canvas]:
    """A white figure, width and height in inches; the user's own settings of matplotlib do not
    count.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        yield Canvas(figure, width, height)


def drawable(text: str) -> str:
    """The text with every letter that the font, plain or bold, lacks as its code: \\u8138."""
    return fonts.drawable(text, _letters())


def length(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is drawn at most, in inches. size: in points."""
    font = _font(bold)
    font.set_size(size, DPI)
    font.set_text(drawable(text))
    measured = float(font.get_width_height()[0]) / 64 / DPI  # in 64ths of a dot
    return 1.02 * measured  # the renderer's hinting makes it up to a hundredth wider


@cache
def _font(bold: bool) -> Any:
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(fonts.font_file(bold)))


@cache
def _letters() -> frozenset[int]:
    return fonts.letters() & fonts.letters(bold=True)
