"""Places of pictures, legends and texts in a figure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.explain.layout import (
    BETWEEN,
    CELL,
    GAP,
    HEADER,
    LABEL,
    MARGIN,
    TEXT,
    Box,
    in_rows,
    places,
    wrapped,
)


def test_rows_and_columns_lie_where_the_sizes_say():
    place = places([True, True, False], [False, True, False])
    first = MARGIN + LABEL
    lefts = [first, first + CELL + GAP, first + 2 * CELL + GAP + BETWEEN]
    top = MARGIN + HEADER
    tops = [top, top + CELL + GAP, top + 2 * (CELL + GAP) + TEXT]
    assert len(place.cells) == 3
    for row, y in zip(place.cells, tops, strict=True):
        for box, x in zip(row, lefts, strict=True):
            assert box == pytest.approx(Box(x, y, CELL, CELL))
    assert place.bottom == pytest.approx(tops[2] + CELL)
    assert place.width == pytest.approx(lefts[2] + CELL + MARGIN)


def test_live_and_spoof_have_a_head_over_their_own_columns():
    place = places([True, True, False], [False])
    lefts = [box.left for box in place.cells[0]]
    assert place.groups[True] == pytest.approx(Box(lefts[0], MARGIN, 2 * CELL + GAP, HEADER))
    assert place.groups[False] == pytest.approx(Box(lefts[2], MARGIN, CELL, HEADER))
    assert places([False], [False]).groups[True] is None


def test_eight_columns_and_the_names_fill_two_columns_of_a_paper():
    assert 6.8 < places([True] * 4 + [False] * 4, [False]).width < 7.4


def test_entries_of_a_legend_go_on_in_the_next_row():
    assert in_rows(5, 2 * MARGIN + 3.0, 1.0) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert in_rows(2, 0.5, 1.0) == [(0, 0), (1, 0)]
    assert in_rows(0, 3.0, 1.0) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("ours", ["ours"]),
        ("without_parsing", ["without_", "parsing"]),
        ("without parsing", ["without", "parsing"]),
        ("abcdefghijklmno", ["abcdefghij", "klmno"]),
        ("a b c d e f g h i j k", ["a b c d e", "f g h i j", "k"]),
        ("  ours  ", ["ours"]),
        ("", []),
    ],
)
def test_a_name_is_broken_where_it_can_be(text, lines):
    assert wrapped(text, 10, 3) == lines


def test_what_is_left_over_is_cut_and_dots_say_so():
    assert wrapped("abcdefghijklmnopqrstuvwxyz", 10, 2) == ["abcdefghij", "klmnopq..."]
    assert wrapped("abcdefghij", 10, 1) == ["abcdefghij"]


@given(st.text(alphabet="ab_ -/", max_size=40), st.integers(4, 12))
def test_no_line_is_longer_than_the_room_and_no_letter_is_lost(text, room):
    lines = wrapped(text, room)
    assert all(0 < len(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_the_room_is_in_the_unit_of_the_length():
    assert wrapped("iiii WWWW", 4.0, length=lambda t: sum(2 if c == "W" else 1 for c in t)) == [
        "iiii",
        "WW",
        "WW",
    ]
