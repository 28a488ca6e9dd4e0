"""The font of drawings, and what it can draw: DejaVu Sans, which matplotlib carries.

It has the letters of most scripts but those of East Asia.
"""

from collections.abc import Set
from functools import cache
from pathlib import Path


def font_file(bold: bool = False) -> Path:
    """The path of the font, regular or bold."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name


@cache
def letters(bold: bool = False) -> frozenset[int]:
    """The code points (as of ord) that the font can draw."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(font_file(bold))).get_charmap())


def drawable(text: str, known: Set[int]) -> str:
    """The text with every letter whose code point is not `known` as its escape: \\u8138."""
    return "".join(c if ord(c) in known else ascii(c)[1:-1] for c in text)
