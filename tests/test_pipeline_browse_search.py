"""Answers on catalogues, against plain loops over their samples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.browse.catalogue import FIGURES, TEXTS, Catalogue, Texts
from pipeline.browse.query import parse
from pipeline.browse.search import BINS, LISTED_AT_MOST, Scale, Search

VALUES = {
    "dataset": ["casia", "msu"], "split": ["dev", "train"], "live": ["live", "spoof"],
    "attack": ["", "print"], "instrument": [""], "subject": ["1", "2", "3"], "session": [""],
    "device": [""], "video": ["A/1.avi", "B/phone.mov", "B/ünder.mov"],
}  # fmt: skip


def made(rows):
    """A catalogue of rows: dicts of TEXTS, frame and figures; what is left out is plain."""
    texts = {}
    for name in TEXTS:
        values = sorted({row.get(name, VALUES[name][0]) for row in rows})
        codes = [values.index(row.get(name, VALUES[name][0])) for row in rows]
        texts[name] = Texts(values, np.array(codes, np.int32))
    figures = {name: np.array([row.get(name, 0) for row in rows], np.float32) for name in FIGURES}
    frames = np.array([row.get("frame", 0) for row in rows], np.int32)
    zeros = np.zeros(len(rows), np.int32)
    return Catalogue(["a.h5"], zeros, np.arange(len(rows), dtype=np.int32), frames, texts, figures)


@st.composite
def catalogues(draw):
    number = st.one_of(st.floats(-5, 5, width=32), st.just(math.nan))
    row = st.fixed_dictionaries(
        {name: st.sampled_from(values) for name, values in VALUES.items()}
        | {"frame": st.integers(0, 3), "yaw": number, "sharpness": number}
    )
    return draw(st.lists(row, max_size=12))


@st.composite
def queries(draw):
    parts = []
    for name in ("dataset", "live", "subject", "attack"):
        for value in draw(st.sets(st.sampled_from([*VALUES[name], "other"]), max_size=2)):
            parts.append(f"{name}={value}")
    limit = st.one_of(st.just(""), st.integers(-5, 5).map(str))
    for name in ("yaw", "sharpness"):
        if draw(st.booleans()):
            parts.append(f"{name}={draw(limit)}..{draw(limit)}")
    if draw(st.booleans()):
        parts.append(f"text={draw(st.sampled_from(['b', 'B/ PHONE', 'ÜNDER', 'x']))}")
    order = draw(st.sampled_from(["stored", "identity", "video", "yaw", "sharpness"]))
    parts.append(f"sort={draw(st.sampled_from(['', '-']))}{order}")
    return "&".join(parts)


def passes(row, query, but=""):
    """Whether a sample passes all filters of a query, one left out."""
    for name, wanted in query.choices:
        if name != but and row[name] not in wanted:
            return False
    for name, (low, high) in query.ranges:
        value = row[name]
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        if name != but and not low <= value <= high:
            return False
    if but != "text":
        return all(word in row["video"].casefold() for word in query.words)
    return True


def in_order(rows, query):
    """Numbers of all samples in the query's order."""
    numbers = list(range(len(rows)))
    keys = {
        "stored": lambda n: n,
        "identity": lambda n: (rows[n]["dataset"], rows[n]["video"], rows[n]["frame"]),
        "video": lambda n: (rows[n]["video"], rows[n]["frame"], rows[n]["dataset"]),
    }
    if query.sort in keys:
        numbers.sort(key=keys[query.sort])
        return numbers[::-1] if query.descending else numbers
    known = [n for n in numbers if not math.isnan(rows[n][query.sort])]
    known.sort(key=lambda n: -rows[n][query.sort] if query.descending else rows[n][query.sort])
    return known + [n for n in numbers if n not in known]


@pytest.mark.slow
@given(catalogues(), queries())
def test_samples_and_counts_are_those_that_a_loop_finds(rows, text):
    query, _ = parse(text)
    search = Search(made(rows))
    expected = [number for number in in_order(rows, query) if passes(rows[number], query)]
    assert search.numbers(query).tolist() == expected
    counts = search.counts(query)
    assert counts["samples"] == len(expected)
    assert counts["live"] == sum(rows[number]["live"] == "live" for number in expected)
    videos = {(rows[number]["dataset"], rows[number]["video"]) for number in expected}
    assert counts["videos"] == len(videos)
    for name in ("dataset", "live", "subject", "split"):
        others = [row[name] for row in rows if passes(row, query, name)]
        values = sorted({row[name] for row in rows})
        assert counts["choices"][name] == [(value, others.count(value)) for value in values]
        assert counts["more"][name] == 0
    for name in ("yaw", "sharpness"):
        others = [row[name] for row in rows if passes(row, query, name)]
        assert counts["without"][name] == sum(map(math.isnan, others))
        assert sum(counts["histograms"][name]) == len(others) - counts["without"][name]
    for place, number in enumerate(expected):
        assert search.position(query, number) == place


def test_one_that_is_not_among_the_filtered_has_no_position():
    search = Search(made([{"live": "live"}, {"live": "spoof"}]))
    assert search.position(parse("live=live")[0], 1) is None


def test_samples_of_a_video_are_its_dataset_s_alone_and_by_frame():
    rows = [{"video": "B/phone.mov", "frame": 9}, {"frame": 5}, {"frame": 2},
            {"dataset": "msu", "frame": 1}, {"frame": 7}]  # fmt: skip
    assert Search(made(rows)).of_video(4).tolist() == [2, 1, 4]


def test_a_number_as_it_is_shown_is_within_its_own_range():
    search = Search(made([{"yaw": 0.7}, {"yaw": 0.8}]))  # stored: 0.699999988 and 0.800000012
    assert search.numbers(parse("yaw=0.7..0.8")[0]).tolist() == [0, 1]
    assert search.numbers(parse("yaw=..0.7")[0]).tolist() == [0]


def test_without_a_figure_and_its_range_are_two_filters():
    search = Search(made([{"yaw": math.nan}, {"yaw": 1}]))
    assert search.numbers(parse("yaw=none")[0]).tolist() == [0]
    assert search.numbers(parse("yaw=..")[0]).tolist() == [1]
    assert search.numbers(parse("yaw=-1e300..1e300")[0]).tolist() == [1]


def test_bars_are_equal_and_the_outer_two_hold_what_lies_beyond():
    values = np.concatenate([np.linspace(0, 40, 100_001), [1e6, -1e6, math.nan]])
    scale = Scale(values.astype(np.float32))
    assert (scale.least, scale.most) == (-1e6, 1e6)
    assert scale.low == pytest.approx(0.04, abs=0.01)  # 0.1% of 0 to 40
    assert scale.high == pytest.approx(39.96, abs=0.01)
    assert scale.bins[-3:].tolist() == [BINS - 1, 0, BINS]
    counts = np.bincount(scale.bins)
    assert counts[1:-2].min() >= 2490 and counts[1:-2].max() <= 2510  # 100,000 / 40


@pytest.mark.parametrize("values", [[], [math.nan], [3.0, 3.0], [3.0, math.nan]])
def test_bars_of_one_value_or_none(values):
    scale = Scale(np.array(values, np.float32))
    assert scale.bins.tolist() == [BINS if math.isnan(value) else 0 for value in values]
    assert scale.low == (3.0 if 3.0 in values else None)


def test_of_very_many_choices_those_with_samples_and_those_chosen_are_listed():
    rows = [{"subject": f"{n:05d}"} for n in range(LISTED_AT_MOST + 5)]
    rows += [{"subject": "00007"}, {"subject": "zz", "live": "spoof"}]
    counts = Search(made(rows)).counts(parse("live=live&subject=zz")[0])
    listed = dict(counts["choices"]["subject"])
    assert len(listed) == LISTED_AT_MOST and counts["more"]["subject"] == 6
    assert listed["zz"] == 0 and listed["00007"] == 2
