"""Queries as they stand in an address."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.browse.query import Query, QueryError, parse, whole_number


def test_values_of_one_name_are_alternatives_and_an_empty_one_is_a_value():
    query, also = parse("dataset=casia&dataset=msu&attack=&live=live")
    assert dict(query.choices) == {
        "dataset": {"casia", "msu"},
        "attack": {""},
        "live": {"live"},
    }
    assert also == {}


@pytest.mark.parametrize(
    ("text", "limits"),
    [("-10..10", (-10, 10)), ("..0.5", (None, 0.5)), ("1e2..", (100, None)), ("..", (None, None))],
)
def test_a_range_has_two_ends_that_may_be_open(text, limits):
    assert parse(f"yaw={text}")[0].ranges == (("yaw", limits),)


def test_none_asks_for_samples_without_the_figure():
    query, _ = parse("yaw=none&pitch=..1")
    assert query.without == {"yaw"} and dict(query.ranges) == {"pitch": (None, 1)}


def test_words_and_order():
    query, also = parse("text=Big+PHONE&sort=-sharpness&start=5", ("start",))
    assert query.words == ("big", "phone")
    assert (query.sort, query.descending, also) == ("sharpness", True, {"start": "5"})


def test_the_same_filters_in_another_order_are_the_same_query():
    assert parse("yaw=1..2&live=live&split=dev")[0] == parse("split=dev&live=live&yaw=1..2")[0]


@pytest.mark.parametrize(
    "text",
    ["nose=1", "yaw=1", "yaw=a..b", "yaw=nan..1", "yaw=..inf", "yaw=1..2&yaw=2..3", "sort=size",
     "sort=--yaw", "text=%ff", "start=1"],
)  # fmt: skip
def test_what_says_nothing_is_refused_in_one_line(text):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert "\n" not in str(caught.value) and str(caught.value)


@given(st.text())
@example("yaw=..&text=\ud800")
@example("&".join(f"dataset={n}" for n in range(2000)))
def test_any_text_is_a_query_or_refused(text):
    try:
        query, _ = parse(text)
    except QueryError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert isinstance(query, Query)
        hash(query)


@pytest.mark.parametrize("text", ["-1", "11", "1.0", "", "１", "1e1", "9" * 40, " 1"])
def test_a_number_out_of_its_range_or_none_is_refused(text):
    with pytest.raises(QueryError):
        whole_number({"start": text}, "start", 0, 10)


def test_a_whole_number_is_read_and_has_a_default():
    assert whole_number({"start": "10"}, "start", 0, 10) == 10
    assert whole_number({}, "start", 3, 10) == 3
