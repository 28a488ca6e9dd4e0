"""train/batches/draws.py: one list of samples or of videos, gone through lap after lap."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.batches.draws import Cycle, Samples, Videos
from train.batches.streams import generator

SEEDS = st.integers(0, 2**31 - 1)


def cycle_of(numbers: Iterable[int], *more: object) -> Cycle:
    return Cycle(Samples(np.asarray(list(numbers))), *more)


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
