"""The font of drawings, and what it can draw: DejaVu Sans, which matplotlib carries.

It has the letters of most scripts but those of East Asia.
"""

from collections.abc import Set
from functools import cache
from pathlib import Path


def font_file(bold: bool = False) -> Path:
    """Where it lies."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name


@cache
def letters(bold: bool = False) -> frozenset[int]:
    """The code points that it has."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(font_file(bold))).get_charmap())


def drawable(text: str, known: Set[int]) -> str:
    """The text with every letter that is not known as its code: \\u8138."""
    return "".join(one if ord(one) in known else ascii(one)[1:-1] for one in text)
