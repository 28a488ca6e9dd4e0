"""Sampling against a plain search over a list, and against SSDG's own arithmetic."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import DatasetSettings
from pipeline.frames.sampling import counted, regular, sample, ssdg_positions, uniform_positions
from pipeline.frames.video import VideoError


class Frame(NamedTuple):
    number: int


def run(faces: str, wanted: set[int], reach: int, unusable: set[int] = frozenset()):
    """faces: a letter a frame, F with a face. Returns {wanted: taken} and {wanted: reason}."""
    looked = []

    def look(frame: Frame) -> str | None:
        looked.append(frame.number)
        return "seen" if faces[frame.number] == "F" else None

    results = list(
        sample(
            map(Frame, range(len(faces))),
            wanted.__contains__,
            lambda number: number not in unusable,
            reach,
            look,
        )
    )
    assert len(looked) == len(set(looked))
    taken = {r.wanted: r.number for r in results if r.seen}
    failed = {r.wanted: r.reason for r in results if not r.seen}
    assert len(taken) + len(failed) == len(results)
    return taken, failed


def search(faces: str, wanted: set[int], reach: int, unusable: set[int]):
    """The rule of the documentation, word by word, with the whole list at hand."""
    taken: dict[int, int] = {}
    own = {w for w in wanted if w < len(faces) and w not in unusable and faces[w] == "F"}
    for w in sorted(wanted):
        if w >= len(faces) or w in unusable:
            continue
        with_face = [
            n
            for n in range(len(faces))
            if faces[n] == "F" and n not in unusable and abs(n - w) <= reach
        ]
        nearest = min(with_face, key=lambda n: (abs(n - w), n), default=None)
        if w in own:
            taken[w] = w
        elif nearest is not None and nearest not in own and nearest not in taken.values():
            taken[w] = nearest
    return taken


@given(
    st.text("F.", max_size=40),
    st.sets(st.integers(0, 40)),
    st.integers(0, 6),
    st.sets(st.integers(0, 40), max_size=5),
)
def test_one_pass_finds_what_a_search_of_the_whole_list_finds(faces, wanted, reach, unusable):
    taken, failed = run(faces, wanted, reach, unusable)
    assert taken == search(faces, wanted, reach, unusable)
    asked = {w for w in wanted if w < len(faces)} - unusable
    assert set(taken) | set(failed) == asked
    assert len(set(taken.values())) == len(taken)


def test_a_tie_goes_to_the_earlier_frame_and_the_number_kept_is_its_own():
    assert run("..F.F..", {3}, 2) == ({3: 2}, {})


def test_frames_further_than_the_reach_do_not_stand_in():
    taken, failed = run("F...F", {2}, 1)
    assert taken == {}
    assert failed == {2: "no face found, nor in any within 1 frames"}


def test_two_wanted_frames_never_become_one_sample():
    # 2 and 4 have no face; 3 has, and is taken for the first of them.
    taken, failed = run("...F...", {2, 4}, 2)
    assert taken == {2: 3}
    assert failed == {4: "no face found; the nearest frame with one, 3, is taken for frame 2"}
    # 2 is wanted and has its own; it does not stand in for 1.
    taken, failed = run("..F", {1, 2}, 2)
    assert taken == {2: 2}
    assert failed == {1: "no face found; the nearest frame with one, 2, is a sample of its own"}


def test_the_end_of_a_video_is_looked_at_too():
    assert run("F..", {2}, 2) == ({2: 0}, {})


def test_a_video_that_breaks_off_keeps_what_came_before():
    def frames():
        yield from map(Frame, range(4))
        raise VideoError("broken")

    results = []
    with pytest.raises(VideoError, match="broken"):
        for result in sample(
            frames(), {1, 3}.__contains__, lambda n: True, 2, lambda f: f if f.number < 2 else None
        ):
            results.append((result.wanted, result.number, result.seen is not None))
    # The nearest to 3 with a face is 1, which is a sample of its own.
    assert results == [(1, 1, True), (3, 1, False)]


def test_memory_is_flat():
    held = []

    def frames():
        for number in range(5000):
            held.append(number)
            yield Frame(number)

    window = []

    def look(frame: Frame) -> None:
        window.append(frame.number)

    reasons = [r.reason for r in sample(frames(), lambda n: n % 50 == 0, lambda n: True, 3, look)]
    assert len(reasons) == 100
    assert len(window) == 100 * 7 - 3  # each frame around a wanted one once; none before the first


@pytest.mark.parametrize("count, frames, positions", [
    (10, 1, [5]), (10, 2, [2, 7]), (100, 4, [12, 37, 62, 87]), (3, 5, [0, 0, 1, 2, 2]), (0, 3, []),
])  # fmt: skip
def test_uniform_takes_the_middles_of_equal_parts(count, frames, positions):
    assert uniform_positions(count, frames) == positions


@pytest.mark.parametrize("count, frames, positions", [
    # SSDG, sample_frames: frame_interval = count // k, then names[6 + j * frame_interval].
    (100, 1, [6]), (100, 2, [6, 56]), (7, 1, [6]), (13, 2, [6, 12]), (12, 2, [6, 12]),
    (75, 2, [6, 43]), (3, 1, [6]), (9, 10, [6] * 10),
])  # fmt: skip
def test_ssdg_takes_the_positions_of_its_released_code(count, frames, positions):
    assert ssdg_positions(count, frames) == positions


@given(st.integers(0, 400), st.integers(1, 12))
def test_ssdg_has_all_its_frames_where_the_known_condition_holds(count, frames):
    exist = all(position < count for position in ssdg_positions(count, frames))
    assert exist == (count // frames + count % frames >= 7)


def settings(sampling: str, **more: int) -> DatasetSettings:
    return DatasetSettings(root="unused", sampling=sampling, **more)


def test_regular_sampling_needs_no_count():
    every, both = regular(settings("every", every=3)), regular(settings("all"))
    assert [n for n in range(10) if every(n)] == [0, 3, 6, 9]
    assert all(both(n) for n in range(10))
    assert regular(settings("uniform")) is None
    assert regular(settings("ssdg")) is None


def test_ssdg_counts_frames_with_a_face_and_keeps_their_own_numbers():
    with_face = [n for n in range(40) if n % 2]  # 20 of them: positions 6 and 16
    asked = []

    def numbers(faces_only: bool) -> list[int]:
        asked.append(faces_only)
        return with_face

    taken, vain = counted(settings("ssdg", frames=2), numbers)
    assert (taken, vain, asked) == ([13, 33], [], [True])


def test_ssdg_says_what_it_wants_in_vain_instead_of_an_index_error():
    taken, vain = counted(settings("ssdg", frames=2), lambda faces_only: list(range(12)))
    assert taken == [6]
    (reason,) = vain
    assert "position 12" in reason and "has 12" in reason
    taken, vain = counted(settings("ssdg", frames=1), lambda faces_only: [4])
    assert taken == []
    assert len(vain) == 1


def test_uniform_from_a_short_video_lists_what_is_wanted_twice():
    taken, vain = counted(settings("uniform", frames=5), lambda faces_only: [0, 1, 2])
    assert taken == [0, 1, 2]
    assert all(text in reason for text, reason in zip(("frame 0", "frame 2"), vain, strict=True))
    assert counted(settings("uniform", frames=2), lambda faces_only: []) == ([], [])


@pytest.mark.parametrize("sampling", ["uniform", "ssdg"])
def test_nothing_is_wanted_of_a_video_of_which_no_frame_can_be_looked_at(sampling):
    assert counted(settings(sampling, frames=2), lambda faces_only: None) == ([], [])
