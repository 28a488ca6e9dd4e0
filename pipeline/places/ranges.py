"""Pieces of objects, and how few requests fetch many of them."""

from collections.abc import Sequence
from typing import NamedTuple

_GAP, _LONGEST = 1 << 16, 8 << 20
"""Bytes between two pieces that are fetched along with them, and the most that one request gets."""


class Piece(NamedTuple):
    """Bytes `start` to before `end` of an object."""

    key: str
    start: int
    end: int


def merged(wanted: Sequence[Piece]) -> list[tuple[Piece, list[int]]]:
    """Larger pieces that hold the wanted ones, each with the places in `wanted` of those in it."""
    order = sorted(range(len(wanted)), key=lambda number: wanted[number])
    found: list[tuple[Piece, list[int]]] = []
    for number in order:
        piece = wanted[number]
        if found:
            last, numbers = found[-1]
            end = max(last.end, piece.end)
            near = last.key == piece.key and piece.start <= last.end + _GAP
            if near and end - last.start <= _LONGEST:
                numbers.append(number)
                found[-1] = (Piece(last.key, last.start, end), numbers)
                continue
        found.append((piece, [number]))
    return found
