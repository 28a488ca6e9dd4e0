"""Figures of pictures and of points, looked at pixel by pixel."""

import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

from pipeline.explain import layout
from pipeline.explain.canvas import DPI, drawable, drawing, length
from pipeline.explain.drawing import PANEL, Bar, Cell, Column, Panel, Row, coloured, over, pictures
from pipeline.explain.drawing import points as scatter

GREY = np.full((8, 8, 3), 90, np.uint8)


def opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def solid(red: int, green: int, blue: int) -> np.ndarray:
    return np.broadcast_to(np.array([red, green, blue], np.uint8), (4, 4, 3)).copy()


def test_each_picture_lies_in_its_row_and_column():
    colours = [[(250, 0, 0), (0, 250, 0)], [(0, 0, 250), (250, 250, 0)]]
    columns = [Column(True, ""), Column(False, "print")]
    rows = [Row(str(n), [], [Cell(solid(*one)) for one in row]) for n, row in enumerate(colours)]
    drawn = opened(pictures(columns, rows, ["note"]))
    place = layout.places([True, False], [False, False])
    assert drawn.shape[1] == pytest.approx(place.width * DPI, abs=1)
    for boxes, wanted in zip(place.cells, colours, strict=True):
        for box, colour in zip(boxes, wanted, strict=True):
            y, x = ((v + layout.CELL / 2) * DPI for v in (box.top, box.left))
            assert tuple(drawn[int(y), int(x)]) == colour
            # and fills it, but not the gap beside it
            assert tuple(drawn[int((box.top + 0.02) * DPI), int(x)]) == colour
            assert tuple(drawn[int(y), int((box.left + layout.CELL + 0.02) * DPI)]) == (255,) * 3


def test_the_same_drawing_gives_the_same_bytes_whatever_matplotlib_is_set_to():
    def drawn() -> list[bytes]:
        cells = [Cell(GREY, "live 0.97", True), Cell(GREY, "live 0.51", True, True, "0 everywhere")]
        columns = [Column(True, ""), Column(False, "print")]
        rows = [Row("ours", ["note"], cells)]
        bar = Bar("inferno", "share", ("0", "1"))
        points = np.random.default_rng(0).normal(size=(20, 2))
        panel = Panel("ours", "a\nb", points, np.arange(20) < 10, np.arange(20) % 2 == 0)
        return [
            pictures(columns, rows, ["text"], [("skin", "#eebbaa")], bar),
            scatter([panel, panel._replace(points=None)], ["text"]),
        ]

    first = drawn()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "text.usetex": True}):
        assert drawn() == first
    for png in first:
        assert set(Image.open(io.BytesIO(png)).info) <= {"dpi"}  # no date, no version


def test_a_text_of_anybodys_is_drawn_as_it_is():
    cells = [Cell(GREY, "$\\frac{")]
    png = pictures([Column(True, "$x$")], [Row("$\\bad{ <b> 脸\n", ["$"], cells)], ["$_$"])
    assert png.startswith(b"\x89PNG")
    assert drawable("a脸") == "a\\u8138"


@pytest.mark.parametrize("runs", [1, 2, 3, 4, 5])
def test_panels_of_any_number_have_their_places(runs):
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    panel = Panel("run", "numbers", points, np.array([True, False]), np.array([True, False]))
    drawn = opened(scatter([panel] * runs, []))
    across = {1: 2, 2: 2, 3: 3, 4: 2, 5: 3}[runs]  # one panel has room for the legend below it
    assert drawn.shape[1] == pytest.approx((across * PANEL + layout.MARGIN) * DPI, abs=1)


def test_a_map_of_zeros_leaves_the_grey_of_the_picture():
    image = np.array([[[10, 20, 30], [200, 100, 50]]], np.uint8)
    # 0.299 red + 0.587 green + 0.114 blue
    found = over(image, np.zeros((1, 2)), "inferno")
    assert found.tolist() == [[[18, 18, 18], [124, 124, 124]]]


def test_where_a_map_is_1_three_parts_of_four_are_its_colour():
    last = np.asarray(matplotlib.colormaps["inferno"](1.0, bytes=True))[:3].astype(float)
    found = over(np.full((1, 1, 3), 100, np.uint8), np.ones((1, 1)), "inferno")
    assert np.array_equal(found[0, 0], np.rint(0.75 * last + 25))


def test_values_beyond_a_colour_map_take_its_ends():
    found = coloured(np.array([[-1.0, 0.0, 1.0, 7.0]]), "viridis")[0]
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[2], found[3])


@pytest.mark.parametrize("bold", [False, True])
def test_a_text_is_drawn_no_wider_than_its_length_and_not_much_narrower(bold):
    text = "Mean IoU over all measured samples of the target, at the run's input size: 0.713"
    with drawing(8, 0.5) as canvas:
        canvas.text(0.5, 0.3, text, 5.8, weight="bold" if bold else "normal")
        drawn = opened(canvas.png())
    ink = np.flatnonzero((drawn < 128).any((0, 2)))
    width = (ink.max() - ink.min() + 1) / DPI
    assert width <= length(text, 5.8, bold) <= 1.08 * width


def test_the_length_of_a_text_grows_with_its_letters_and_their_size():
    assert length("", 7) == 0
    assert length("WW", 7) > length("W", 7) > length("i", 7)
    assert length("ours", 14) == pytest.approx(2 * length("ours", 7), rel=0.1)
    assert length("ours", 7, bold=True) > length("ours", 7)
