"""train/batches/draws.py: the samples of a step, of one source and of all together."""

import pickle
from collections.abc import Iterable
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
from train.batches.draws import Balanced, Cycle, Pooled, Samples, Share, Videos, items_of
from train.batches.streams import generator
from train.config import Settings

SEEDS = st.integers(0, 2**31 - 1)
FRAMES = ("all", "first", "random")


def cycle_of(numbers: Iterable[int], *more: object) -> Cycle:
    return Cycle(Samples(np.asarray(list(numbers))), *more)


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> list[Domain]:
    """casia and oulu, each of train and test: 2 videos live, 2 spoof, of frames 0, 5 and 10."""
    bundle = Bundle(make_bundle(tmp_path_factory.mktemp("d") / "bundle", ["casia", "oulu"], 2, 3))
    return [Domain(bundle, name) for name in ("casia", "oulu")]


# One list, gone through


def test_a_round_shows_each_sample_once_and_drops_the_short_rest():
    cycle = cycle_of(range(100, 123), 5, 0, "x")
    assert cycle.batches == 4
    seen = np.concatenate([cycle(step) for step in range(4)])
    assert len(seen) == len(set(seen.tolist())) == 20
    assert not np.array_equal(seen, np.concatenate([cycle(step) for step in range(4, 8)]))


def test_any_step_can_be_asked_for_without_those_before():
    cycle = cycle_of(range(23), 5, 7, "x")
    again = cycle_of(range(23), 5, 7, "x")
    later = cycle(11)
    for step in range(11):
        again(step)
    np.testing.assert_array_equal(later, again(11))
    assert not np.array_equal(later, cycle_of(range(23), 5, 8, "x")(11))
    assert not np.array_equal(later, cycle_of(range(23), 5, 7, "y")(11))


def test_a_list_shorter_than_its_share_is_repeated():
    drawn = cycle_of([4, 9], 5, 0, "x")(0)
    assert len(drawn) == 5
    assert np.bincount(drawn, minlength=10)[[4, 9]].tolist() in ([3, 2], [2, 3])


def plain_draw(members: np.ndarray, take: int, seed: int, name: str, step: int) -> np.ndarray:
    """A step's draw by definition: the lap's shuffled lists end to end, cut into takes."""
    lap, position = divmod(step, max(1, len(members) // take))
    random = generator(seed, "samples", name, lap)
    order = np.concatenate([random.permutation(members) for _ in range(-(-take // len(members)))])
    return order[position * take : (position + 1) * take]


@pytest.mark.parametrize("size", [3, 10, 23])
def test_remembering_a_lap_changes_no_draw(size: int):
    members = np.arange(size) * 3
    cycle = Cycle(Samples(members.astype(np.int32)), 5, 7, "x")
    for step in (0, 1, 5, 4, 3, 9, 2, 0, 11, 11):
        np.testing.assert_array_equal(cycle(step), plain_draw(members, 5, 7, "x", step))


def test_draws_are_still_those_of_the_first_version():
    # printed by the version of commit f0813c6, before laps were remembered
    assert cycle_of(range(10), 4, 0, "x")(2).tolist() == [1, 6, 5, 9]
    assert cycle_of(range(10), 4, 0, "x")(3).tolist() == [4, 3, 7, 2]


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_processes_share_a_lap_without_overlap(ranks: int):
    members = range(100, 126)
    cycles = [cycle_of(members, 4, 0, "x", rank, ranks) for rank in range(ranks)]
    laps = cycles[0].batches
    assert laps == 26 // (4 * ranks)
    for lap in range(2):
        shown = np.concatenate([c(lap * laps + step) for step in range(laps) for c in cycles])
        assert len(set(shown.tolist())) == len(shown) == laps * 4 * ranks
    # together they draw what one process with a larger share would
    for step in (0, 1, 5):
        together = np.concatenate([cycle(step) for cycle in cycles])
        np.testing.assert_array_equal(together, cycle_of(members, 4 * ranks, 0, "x")(step))


def test_a_short_list_fills_the_step_of_all_processes():
    shown = [cycle_of([4, 9], 3, 0, "x", rank, 2)(0) for rank in range(2)]
    assert sorted(np.concatenate(shown).tolist()) == [4, 4, 4, 9, 9, 9]


# Frames of a video


def test_the_frame_of_a_video_by_hand():
    # Videos 1, 4 and 5 of a dataset have samples 10 11 12, 20, and 30 31.
    videos = Videos(np.array([10, 11, 12, 20, 30, 31]), np.array([1, 1, 1, 4, 5, 5]), 7, "x")
    assert len(videos) == 3
    for lap, time in ((0, 0), (1, 0), (1, 2)):
        share = generator(7, "frames", "x", lap, time).random(6)
        # A number from 0 to 1 for each video: thirds choose one of three, halves one of two.
        first = 10 if share[1] < 1 / 3 else 11 if share[1] < 2 / 3 else 12
        assert videos.of(lap, time).tolist() == [first, 20, 30 if share[5] < 1 / 2 else 31]


counts_of_videos = st.lists(st.integers(1, 4), min_size=1, max_size=8)


def videos_of(counts: list[int], seed: int) -> Videos:
    number = np.repeat(np.arange(len(counts)), counts)
    return Videos(np.arange(100, 100 + len(number)), number, seed, "x")


@given(counts_of_videos, SEEDS)
def test_each_lap_has_one_sample_of_every_video_and_the_laps_have_all_of_them(
    counts: list[int], seed: int
):
    videos = videos_of(counts, seed)
    ends = 100 + np.cumsum(counts)
    laps = np.array([videos.of(lap, 0) for lap in range(120)])
    assert laps.shape == (120, len(counts))
    assert (laps >= ends - counts).all() and (laps < ends).all()
    # one of 4 that 120 draws miss is one in 10^15
    assert set(laps.ravel().tolist()) == set(range(100, 100 + sum(counts)))


@given(counts_of_videos, SEEDS, st.data())
def test_the_frame_of_a_video_does_not_depend_on_the_other_videos(
    counts: list[int], seed: int, data: st.DataObject
):
    videos = videos_of(counts, seed)
    some = data.draw(st.sets(st.integers(0, len(counts) - 1), min_size=1))
    chosen = np.isin(np.repeat(np.arange(len(counts)), counts), list(some))
    number = np.repeat(np.arange(len(counts)), counts)[chosen]
    fewer = Videos(videos.samples[chosen], number, seed, "x")
    for lap in range(3):
        np.testing.assert_array_equal(fewer.of(lap, 0), videos.of(lap, 0)[sorted(some)])


@given(counts_of_videos, SEEDS, st.integers(1, 4))
def test_a_round_of_videos_shows_each_once(counts: list[int], seed: int, take: int):
    take = min(take, len(counts))
    cycle = Cycle(videos_of(counts, seed), take, seed, "x")
    video = np.repeat(np.arange(len(counts)), counts)
    for lap in (0, 5):
        steps = range(lap * cycle.batches, (lap + 1) * cycle.batches)
        shown = np.concatenate([video[cycle(step) - 100] for step in steps])
        assert len(set(shown.tolist())) == len(shown) == len(counts) // take * take


def test_a_repeated_list_of_videos_draws_their_frames_anew():
    cycle = Cycle(Videos(np.arange(50), np.zeros(50, int), 0, "x"), 20, 0, "x")
    assert len(set(cycle(0).tolist())) > 5


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
