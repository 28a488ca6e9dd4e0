"""Which samples are shown and measured: by the hash of their identity."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_bundle import make_bundle

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.explain.samples import (
    Candidate,
    Identity,
    choose,
    draw,
    halves,
    identity,
    named,
    rank,
    shown,
)
from train.batches.domain import Domain

IDENTITIES = [Identity("msu", f"v{number}.mov", 5 * number) for number in range(12)]


def candidate(name: str, subject: str, instrument: str = "", video: str = "") -> Candidate:
    return Candidate(Identity("msu", video or f"{name}.mov", ord(name)), subject, instrument)


def test_the_rank_is_the_hash_of_seed_and_identity():
    wanted = hashlib.sha256(b"7\0msu\0real/a.mov\x0015").digest()
    assert rank(Identity("msu", "real/a.mov", 15), 7) == wanted


@given(st.sets(st.integers(0, 11), min_size=1), st.integers(0, 9))
def test_a_draw_does_not_depend_on_what_else_there_is_or_its_order(kept, seed):
    whole = [IDENTITIES[i] for i in draw(IDENTITIES, 12, seed)]
    some = [IDENTITIES[i] for i in sorted(kept, reverse=True)]
    drawn = [some[i] for i in draw(some, 12, seed)]
    assert drawn == [one for one in whole if one in some]
    assert [some[i] for i in draw(some, 2, seed)] == drawn[:2]


def test_another_seed_draws_others():
    assert draw(IDENTITIES, 4, 0) != draw(IDENTITIES, 4, 1)


def test_each_sample_shown_differs_from_the_last_in_instrument_then_in_subject():
    # Two instruments, two subjects each: whatever the ranks, the second choice is of the other
    # instrument and the other subject, and four choices show every pair.
    pairs = [(s, i) for s in ("anna", "ben") for i in ("ipad", "print")]
    candidates = [
        candidate(chr(97 + number), subject, instrument)
        for number, (subject, instrument) in enumerate(pairs * 3)
    ]
    for seed in range(5):
        chosen = [candidates[i] for i in choose(candidates, 4, seed)]
        first, second = chosen[:2]
        assert first.instrument != second.instrument
        assert first.subject != second.subject
        assert {(one.subject, one.instrument) for one in chosen} == set(pairs)


def test_the_first_sample_shown_is_that_of_the_lowest_rank():
    candidates = [candidate(name, "anna") for name in "abcdef"]
    lowest = min(range(6), key=lambda i: rank(candidates[i].identity, 3))
    assert choose(candidates, 1, 3) == [lowest]


def test_of_one_subject_another_video_comes_before_another_frame():
    candidates = [
        candidate("a", "anna", video="one.mov"),
        candidate("b", "anna", video="one.mov"),
        candidate("c", "anna", video="two.mov"),
    ]
    for seed in range(5):
        videos = {candidates[i].identity.video for i in choose(candidates, 2, seed)}
        assert videos == {"one.mov", "two.mov"}


def test_what_is_shown_already_counts_and_is_not_shown_twice():
    candidates = [candidate("a", "anna"), candidate("b", "anna"), candidate("c", "ben")]
    assert choose(candidates, 1, 0, shown=[candidates[0]]) == [2]
    assert sorted(choose(candidates, 9, 0, shown=[candidates[0]])) == [1, 2]


def test_nothing_is_chosen_of_nothing():
    assert choose([], 4, 0) == []


def test_a_name_may_hold_colons_in_its_path():
    assert named("msu:a:b/c.mov:15") == Identity("msu", "a:b/c.mov", 15)
    assert named(str(IDENTITIES[3])) == IDENTITIES[3]


@pytest.mark.parametrize("text", ["", "msu", "msu:a.mov", "msu:a.mov:-1", "a b:c.mov:0", "::0"])
def test_a_name_of_another_form_is_refused_in_one_line(text):
    with pytest.raises(UserError, match=r"--sample .*write DATASET:VIDEO:FRAME"):
        named(text)


def test_the_odd_sample_is_live():
    assert [halves(count) for count in (2, 5, 8)] == [(1, 1), (3, 2), (4, 4)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle(make_bundle(tmp_path_factory.mktemp("samples") / "bundle", frames=1))


def test_named_samples_come_first_and_others_fill_up(bundle):
    target = Domain(bundle, "msu")
    names = ("msu:test/0_2.avi:0", "msu:test/1_1.avi:0")
    found = shown(bundle, target, names, 6, 0)
    said = [str(identity(*one)) for one in found]
    assert said[0] == names[1] and said[3] == names[0]
    assert len(set(said)) == 6
    assert [bool(one.domain.live[one.at]) for one in found] == [True] * 3 + [False] * 3


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("nowhere:test/1_0.avi:0", "no dataset 'nowhere'"),
        ("msu:test/9_9.avi:0", "no sample of this video"),
        ("msu:test/1_0.avi:3", "there are the frames 0$"),
    ],
)
def test_a_named_sample_that_is_not_there_is_one_line(bundle, named, said):
    with pytest.raises(UserError, match=said):
        shown(bundle, Domain(bundle, "msu"), (named,), None, 0)


def test_a_sample_named_twice_is_one_line(bundle):
    twice = ("msu:test/1_0.avi:0",) * 2
    with pytest.raises(UserError, match="named twice"):
        shown(bundle, Domain(bundle, "msu"), twice, None, 0)
