"""Where things lie in a figure of pictures: rows of runs, columns of samples. Pure, in inches.

Places are from the figure's upper left corner, x right and y down.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

LABEL = 1.02  # the names of rows, at the left
CELL = 0.72  # a picture; eight of them and the names fill two columns of a paper
GAP = 0.04
BETWEEN = 0.16  # live and spoof
HEADER = 0.36  # class, and what kind of attack
TEXT = 0.13  # a line below a picture
LINE = 0.12  # a line of small text
MARGIN = 0.06


class Box(NamedTuple):
    """A rectangle."""

    left: float
    top: float
    width: float
    height: float


class Places(NamedTuple):
    """width: of the figure. bottom: where the pictures end. cells: by row, then column. groups: of
    live and of spoof, from the first column to the last, None where there is no such column.
    """

    width: float
    bottom: float
    cells: list[list[Box]]
    groups: dict[bool, Box | None]


def places(live: Sequence[bool], texts: Sequence[bool]) -> Places:
    """The places of a figure.

    live: of each column, the live ones first. texts: of each row, whether its pictures have a line
    below them.
    """
    lefts, x = [], MARGIN + LABEL
    for number, one in enumerate(live):
        if number and one != live[number - 1]:
            x += BETWEEN - GAP
        lefts.append(x)
        x += CELL + GAP
    width = x - GAP + MARGIN
    cells, y = [], MARGIN + HEADER
    for has_text in texts:
        cells.append([Box(left, y, CELL, CELL) for left in lefts])
        y += CELL + GAP + (TEXT if has_text else 0)
    groups: dict[bool, Box | None] = {}
    for kind in (True, False):
        own = [left for left, one in zip(lefts, live, strict=True) if bool(one) == kind]
        groups[kind] = Box(own[0], MARGIN, own[-1] + CELL - own[0], HEADER) if own else None
    return Places(width, y - GAP, cells, groups)


def in_rows(count: int, width: float, each: float) -> list[tuple[int, int]]:
    """Row and column of `count` entries of a legend, `each` wide, in a figure so wide."""
    across = max(1, int((width - 2 * MARGIN + 1e-9) // each))
    return [divmod(number, across) for number in range(count)]


def wrapped(
    text: str,
    room: float,
    lines: int | None = None,
    length: Callable[[str], float] = len,
    breaks: str = " _/-",
) -> list[str]:
    """A text in lines of at most `room`, in whatever unit `length` measures, none for no text.

    Broken after one of `breaks` where it can be, else within a word. lines: how many at most; what
    is left over is cut, and three dots say so. A line takes a letter at least.
    """
    found, rest = [], text.strip()
    while rest:
        fits = next((n for n in range(len(rest), 1, -1) if length(rest[:n].rstrip()) <= room), 1)
        if fits < len(rest):
            end = max(rest.rfind(one, 0, fits + (one == " ")) for one in breaks) + 1
            fits = end or fits
        found.append(rest[:fits].rstrip())
        rest = rest[fits:].lstrip()
        if lines is not None and len(found) == lines and rest:
            last = found[-1]
            while last and length(last + "...") > room:
                last = last[:-1]
            return [*found[:-1], last + "..."]
    return found
