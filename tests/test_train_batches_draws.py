"""train/batches/draws.py: the samples of a step, of one source and of all together."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_batches import small_settings
from made_bundle import make_bundle

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from train.batches.domain import Domain
from train.batches.draws import Balanced, Pooled, Share, items_of
from train.batches.streams import generator
from train.config import Settings

SEEDS = st.integers(0, 2**31 - 1)
FRAMES = ("all", "first", "random")


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> list[Domain]:
    """casia and oulu, each of train and test: 2 videos live, 2 spoof, of frames 0, 5 and 10."""
    bundle = Bundle(make_bundle(tmp_path_factory.mktemp("d") / "bundle", ["casia", "oulu"], 2, 3))
    return [Domain(bundle, name) for name in ("casia", "oulu")]


@pytest.mark.parametrize(("frames", "items"), [("all", 12), ("first", 4), ("random", 4)])
def test_a_list_has_what_serves_of_each_video(domains: list[Domain], frames: str, items: int):
    domain = domains[0]
    for live in (1, 0):
        found = items_of(domain, Settings(frames=frames), frozenset(), live)
        assert len(found) == items
        laps = [found.of(lap, 0) for lap in range(40)]
        seen = np.unique(np.concatenate(laps))
        assert (domain.live[seen] == live).all()
        assert set(domain.frame[seen]) == ({0} if frames == "first" else {0, 5, 10})
        for drawn in laps:
            expected = np.repeat(np.unique(domain.number[domain.live == live]), items // 4)
            np.testing.assert_array_equal(domain.number[drawn], expected)
            assert frames == "random" or np.array_equal(drawn, laps[0])
    assert len(items_of(domain, Settings(frames=frames), frozenset())) == 2 * items


# The draw of a source


@given(SEEDS, st.sampled_from(FRAMES), st.sampled_from([2, 4, 6]), st.integers(1, 2))
def test_a_balanced_step_is_half_live_and_shows_nothing_twice_a_round(
    domains: list[Domain], seed: int, frames: str, batch: int, ranks: int
):
    domain, chosen = domains[0], Settings(seed=seed, frames=frames, batch=batch)
    draws = [Balanced(domain, chosen, frozenset(), rank, ranks) for rank in range(ranks)]
    items = 12 if frames == "all" else 4
    steps = max(1, items // (batch // 2 * ranks))
    assert [draw.batches for draw in draws] == [steps] * ranks
    shown = [draw(step) for step in range(steps) for draw in draws]
    for drawn in shown:
        assert domain.live[drawn].tolist() == [1] * (batch // 2) + [0] * (batch // 2)
    each = np.concatenate(shown)
    if items >= batch // 2 * ranks:
        what = each if frames == "all" else domain.number[each]
        assert len(set(what.tolist())) == len(each)


@given(SEEDS, st.sampled_from(FRAMES), st.booleans(), st.data())
def test_subjects_that_are_held_out_are_never_drawn_and_all_others_are(
    domains: list[Domain], seed: int, frames: str, pooled: bool, data: st.DataObject
):
    subjects = domains[0].column("subject")
    names = sorted(set(subjects.tolist()))
    held_out = frozenset(data.draw(st.sets(st.sampled_from(names), max_size=len(names) - 1)))
    if pooled:
        chosen = small_settings("ssan", seed=seed, frames=frames, batch=2)
        draw = Share(Pooled(domains, chosen, {"casia": held_out}), 0)
    else:
        draw = Balanced(domains[0], Settings(seed=seed, frames=frames, batch=2), held_out)
    drawn = np.concatenate([draw(step) for step in range(draw.batches)])
    assert set(subjects[drawn].tolist()) == set(names) - held_out


def test_what_is_held_out_of_one_class_is_told(domains: list[Domain]):
    everybody = frozenset(domains[0].column("subject").tolist())
    with pytest.raises(UserError, match="no live sample in train or test but of subjects held"):
        Balanced(domains[0], Settings(), everybody)
    with pytest.raises(UserError, match="'oulu' has no sample in train or test but of subjects"):
        Pooled(domains, small_settings("ssan"), {"oulu": everybody})


@pytest.mark.parametrize("rank", [-1, 2])
def test_processes_count_from_0(domains: list[Domain], rank: int):
    with pytest.raises(ValueError, match=f"rank {rank} of 2"):
        Pooled(domains, small_settings("ssan"), {}, rank, 2)


# All sources together


def shares(pooled: Pooled, step: int) -> list[tuple[int, int]]:
    """A step's draw as (source, sample), source after source."""
    return [
        (source, int(sample))
        for source in range(len(pooled.bounds) - 1)
        for sample in Share(pooled, source)(step)
    ]


def test_a_pooled_step_by_definition(domains: list[Domain]):
    chosen = small_settings("ssan", seed=5, frames="all", batch=7)
    pooled = Pooled(domains, chosen, {})
    everything = [(source, sample) for source in (0, 1) for sample in range(24)]
    for step in (0, 5, 6, 13):
        lap, position = divmod(step, 48 // 7)
        order = generator(5, "samples", "casia&oulu", lap).permutation(48)
        drawn = [everything[i] for i in order[position * 7 : position * 7 + 7]]
        # each source has its own of them in the order drawn
        assert shares(pooled, step) == sorted(drawn, key=lambda pair: pair[0])


@given(SEEDS, st.sampled_from(FRAMES), st.integers(2, 9), st.integers(1, 3))
def test_a_pooled_round_shows_every_item_at_most_once_over_all_processes(
    domains: list[Domain], seed: int, frames: str, batch: int, ranks: int
):
    chosen = small_settings("ssan", seed=seed, frames=frames, batch=batch)
    each = [Pooled(domains, chosen, {}, rank, ranks) for rank in range(ranks)]
    items = 48 if frames == "all" else 16
    steps = max(1, items // (batch * ranks))
    assert {Share(pooled, source).batches for pooled in each for source in (0, 1)} == {steps}
    for lap in (0, 3):
        shown = [shares(p, lap * steps + step) for step in range(steps) for p in each]
        assert {len(drawn) for drawn in shown} == {batch}
        if items < batch * ranks:
            continue  # a list that is too short for one step is repeated
        what = [
            (source, sample if frames == "all" else int(domains[source].number[sample]))
            for drawn in shown
            for source, sample in drawn
        ]
        assert len(set(what)) == len(what) == steps * batch * ranks


def test_a_pool_too_small_for_a_step_is_repeated(domains: list[Domain]):
    pooled = Pooled(domains, small_settings("ssan", batch=40, frames="first"), {})
    drawn = shares(pooled, 0)
    assert len(drawn) == 40 and len(set(drawn)) == 16
    assert {drawn.count(pair) for pair in drawn} == {2, 3}


@pytest.mark.slow
@settings(max_examples=40)
@given(SEEDS, st.sampled_from(FRAMES), st.integers(0, 60), st.permutations(range(8)))
def test_a_pooled_step_does_not_depend_on_what_was_asked_before(
    domains: list[Domain], seed: int, frames: str, later: int, before: list[int]
):
    chosen = small_settings("ssan", seed=seed, frames=frames, batch=4)
    used = Pooled(domains, chosen, {}, 1, 2)
    for step in before:
        shares(used, step)
    expected = shares(used, later)
    assert shares(Pooled(domains, chosen, {}, 1, 2), later) == expected
    sent = pickle.loads(pickle.dumps(used))
    assert shares(sent, later) == expected


def test_random_frames_differ_between_laps_and_repeat_by_seed(domains: list[Domain]):
    def laps(seed: int) -> list[set[tuple[int, int]]]:
        pooled = Pooled(domains, small_settings("ssan", seed=seed, batch=16), {})
        return [set(shares(pooled, step)) for step in range(4)]  # a lap is one step of 16 videos

    assert all(a != b for a, b in zip(laps(0), laps(0)[1:], strict=False))
    assert laps(0) == laps(0) != laps(1)


def test_some_steps_have_nothing_of_a_source(domains: list[Domain]):
    pooled = Pooled(domains, small_settings("ssan", batch=2, frames="all"), {})
    counts = {len(Share(pooled, 0)(step)) for step in range(40)}
    assert counts == {0, 1, 2}


def test_a_pickled_draw_holds_no_list(tmp_path: Path):
    few, many = (
        [Domain(Bundle(make_bundle(tmp_path / str(frames), ["oulu"], 1, frames)), "oulu")]
        for frames in (1, 9)
    )
    sizes = [len(pickle.dumps(Pooled(one, small_settings("ssan"), {}))) for one in (few, many)]
    assert abs(sizes[0] - sizes[1]) < 10
