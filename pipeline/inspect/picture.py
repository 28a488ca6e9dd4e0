"""Draws one sample: frame with outline and mesh, crop, depth, parsing, overlay, text below."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from labels import classes
from pipeline import crops
from pipeline.bundle import IMAGE_SIDE
from pipeline.inspect.origin import usable
from pipeline.look.fonts import drawable, font_file, letters
from pipeline.look.label import grey, overlay

WIDEST = 1600
"""Pixels that a picture is wide at most."""
_MARGIN, _GAP = 20, 14
_TEXT, _SMALL = 20, 16  # sizes of letters
_TITLE = 28  # height of the line above a picture
_LEADING = 1.4  # lines of text, in sizes of letters
_INK, _PALE, _PAPER = (20, 20, 20), (95, 95, 95), (255, 255, 255)
_OUTLINE, _MESH = (255, 190, 0), (0, 230, 255)
_FINE = 4
"""Pixels of a mask for one of the picture, each way, so that marks have smooth edges."""
_LONGEST = 1000
"""Letters of a line's text at most."""


class Picture(NamedTuple):
    """What is drawn.

    frame: H x W x 3 uint8 RGB, or None where there is none. affine: 2 x 3, frame to crop.
    landmarks: N x 3, frame pixels. image: 256 x 256 x 3 uint8. depth: 32 x 32, 0 to 1. parsing:
    256 x 256 classes. lines: (name, text) of each line below.
    """

    frame: np.ndarray | None
    affine: np.ndarray
    landmarks: np.ndarray
    image: np.ndarray
    depth: np.ndarray
    parsing: np.ndarray
    lines: Sequence[tuple[str, str]]


class Cell(NamedTuple):
    """A picture with its title, and where its upper left corner lies."""

    title: str
    picture: np.ndarray
    x: int
    y: int


def draw(picture: Picture) -> Image.Image:
    """The drawing, RGB, at most WIDEST pixels wide; without a frame its place is left out."""
    cells = list(_cells(picture))
    width = max(cell.x + cell.picture.shape[1] for cell in cells) + _MARGIN
    top = max(cell.y + cell.picture.shape[0] for cell in cells) + _GAP
    present = [name for name in np.unique(picture.parsing).tolist() if name]
    legend = list(_legend(present, width - 2 * _MARGIN))
    indent = 24 + max(round(_font(_TEXT).getlength(name)) for name, _ in picture.lines)
    lines = list(_wrapped(picture.lines, width - 2 * _MARGIN - indent))
    step = round(_TEXT * _LEADING)
    text_top = top + (legend[-1][2] + step + _GAP if legend else 0)
    paper = Image.new("RGB", (width, text_top + step * len(lines) + _MARGIN), _PAPER)
    pen = ImageDraw.Draw(paper)
    for cell in cells:
        paper.paste(Image.fromarray(cell.picture), (cell.x, cell.y))
        pen.text((cell.x, cell.y - 6), cell.title, _INK, _font(_SMALL), anchor="ls")
    for number, x, y in legend:
        x, y = x + _MARGIN, y + top
        pen.rectangle((x, y + 3, x + 14, y + 17), tuple(classes.COLOURS[number].tolist()), _PALE)
        pen.text((x + 20, y + 16), classes.NAMES[number], _INK, _font(_SMALL), anchor="ls")
    for at, (name, text) in enumerate(lines):
        y = text_top + step * at + _TEXT
        pen.text((_MARGIN, y), name, _PALE, _font(_TEXT), anchor="ls")
        pen.text((_MARGIN + indent, y), text, _INK, _font(_TEXT), anchor="ls")
    return paper


def _cells(picture: Picture) -> Iterator[Cell]:
    """The frame at the left and four pictures in a square; without a frame the four in a row."""
    known = np.clip(np.nan_to_num(picture.depth), 0, 1)
    depth = np.repeat(grey(known)[..., None], 3, axis=2)
    large = Image.fromarray(depth).resize((IMAGE_SIDE,) * 2, Image.Resampling.NEAREST)
    four = {
        "crop": picture.image,
        "depth" if picture.depth.any() else "depth (0 everywhere)": np.asarray(large),
        "parsing": classes.COLOURS[picture.parsing],
        "overlay": overlay(picture.image, picture.parsing),
    }
    step, top = IMAGE_SIDE + _GAP, _MARGIN + _TITLE
    if picture.frame is None:
        for place, (title, one) in enumerate(four.items()):
            yield Cell(title, one, _MARGIN + place * step, top)
        return
    tall = 2 * IMAGE_SIDE + _GAP + _TITLE
    wide = WIDEST - 2 * _MARGIN - _GAP - step - IMAGE_SIDE
    frame, scale = _fitted(picture.frame, wide, tall)
    _mark(frame, scale, picture.affine, picture.landmarks)
    height, width = picture.frame.shape[:2]
    yield Cell(f"frame, {width} x {height}", frame, _MARGIN, top)
    left = _MARGIN + max(frame.shape[1], 200) + _GAP
    for place, (title, one) in enumerate(four.items()):
        down, across = divmod(place, 2)
        yield Cell(title, one, left + across * step, top + down * (step + _TITLE))


def _fitted(frame: np.ndarray, wide: int, tall: int) -> tuple[np.ndarray, float]:
    """The frame as large as fits, and its scale; enlarged at most three times."""
    height, width = frame.shape[:2]
    scale = min(wide / width, tall / height, 3.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.array(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS)), scale


def _mark(frame: np.ndarray, scale: float, affine: np.ndarray, landmarks: np.ndarray) -> None:
    """Draw the crop's outline and the mesh on a frame that is drawn at `scale`."""
    import cv2

    height, width = frame.shape[:2]

    def mask() -> np.ndarray:
        return np.zeros((height * _FINE, width * _FINE), np.uint8)

    def places(points: np.ndarray) -> np.ndarray:
        """Frame pixels as those of a mask, whose centres are at whole numbers."""
        drawn = np.asarray(points, np.float64) * scale * _FINE - 0.5
        return np.rint(np.clip(drawn, -1e6, 1e6)).astype(np.int32)

    def lay(marks: np.ndarray, colour: tuple[int, int, int], strength: float) -> None:
        share = cv2.resize(marks, (width, height), interpolation=cv2.INTER_AREA)[..., None] / 255
        share *= strength
        frame[:] = np.rint(frame * (1 - share) + np.array(colour) * share)

    points = places(landmarks[np.isfinite(landmarks).all(axis=1)][:, :2])
    mesh, extent = mask(), float(np.ptp(points, axis=0).max()) if len(points) else 0.0
    for point in points.tolist():
        cv2.circle(mesh, point, int(np.clip(extent / 110, 4, 8)), 255, -1)
    lay(mesh, _MESH, 0.8)
    if usable(affine):
        corners = [places(crops.corners(affine, (IMAGE_SIDE, IMAGE_SIDE)))]
        for colour, thickness in (((0, 0, 0), 4 * _FINE), (_OUTLINE, 2 * _FINE)):
            outline = mask()
            cv2.polylines(outline, corners, True, 255, thickness)
            lay(outline, colour, 1.0)


def _legend(present: Sequence[int], width: int) -> Iterator[tuple[int, int, int]]:
    """Class, x and y of every entry of the legend, in rows that fit."""
    x = y = 0
    for number in present:
        needed = 20 + round(_font(_SMALL).getlength(classes.NAMES[number])) + 16
        if x and x + needed > width:
            x, y = 0, y + round(_SMALL * _LEADING)
        yield number, x, y
        x += needed


def _wrapped(lines: Sequence[tuple[str, str]], width: int) -> Iterator[tuple[str, str]]:
    """The lines broken so that their texts fit, the name before the first of each."""
    font = _font(_TEXT)
    for name, text in lines:
        short = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
        rest = drawable(short, letters())
        while rest:
            fits = next(n for n in range(len(rest), 0, -1) if font.getlength(rest[:n]) <= width)
            comma, space = rest.rfind(", ", 0, fits), rest.rfind(" ", 0, fits + 1)
            place = comma + 1 if comma > fits * 2 // 3 else space
            end = fits if fits == len(rest) or place <= 0 else place
            yield name, rest[:end].rstrip()
            name, rest = "", rest[end:].lstrip()


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_file()), size)
