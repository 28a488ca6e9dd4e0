"""Hand-worked cases of the rule which person of a video is meant."""

import math
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.cropping.people import Choice, People, Square


def choose(
    *frames: list[Square], given: dict[int, int] | None = None, live: int = 1
) -> list[Choice]:
    people = People(live)
    for number, faces in enumerate(frames):
        people.add(faces, number in (given or {}))
    return people.choose()


def faces_of(choices: list[Choice]) -> list[int | None]:
    return [choice.face for choice in choices]


A, B = Square(100, 100, 80), Square(300, 110, 60)  # a print, and its holder further away


def test_a_video_with_one_person_has_no_choice_and_no_doubt():
    still = [[Square(100 + 3 * n, 100, 80)] for n in range(5)]
    assert choose(*still) == [Choice(0)] * 5


def test_no_frame_and_no_face_give_nothing():
    assert choose() == []
    assert choose([], []) == [Choice(None, reason="no face found")] * 2


def test_the_print_held_beside_its_holders_face_is_meant_in_every_frame_whatever_the_order():
    # 60^2 / 80^2 = 0.56 of its area: near enough to be listed.
    choices = choose([A, B], [B, A], [A, B])
    assert faces_of(choices) == [0, 1, 0]
    assert [choice.unsure for choice in choices] == ["2 faces, which is meant?"] * 3


def test_a_much_smaller_face_beside_raises_no_doubt():
    small = Square(300, 110, 40)
    assert choose([A, small], [small, A]) == [Choice(0), Choice(1)]


def test_in_a_spoof_video_a_smaller_face_is_a_doubt_too():
    # (40 / 80)^2 = 0.25 of its area: who holds the print may sit further away.
    choices = choose([A, Square(300, 110, 40)], [A, Square(300, 110, 20)], live=0)
    assert faces_of(choices) == [0, 0]
    assert [bool(choice.unsure) for choice in choices] == [True, False]


def test_a_frame_with_the_holder_alone_gives_no_sample():
    choices = choose([A, B], [B], [A, B])
    assert faces_of(choices) == [0, None, 0]
    assert choices[1].reason == "only another person's face is here"


def test_the_area_summed_over_the_frames_decides_not_the_larger_face_of_one():
    # A passer-by, once, nearer than the subject: 100^2 against 4 * 60^2.
    passer = Square(600, 200, 100)
    assert faces_of(choose([B], [B], [passer, B], [B])) == [0, 0, 1, 0]


def test_of_two_of_the_same_area_the_first_seen_is_meant():
    other = Square(400, 100, 80)
    assert faces_of(choose([A, other], [other, A])) == [0, 1]


def test_a_lone_face_that_jumps_is_taken_and_listed():
    far = Square(900, 500, 80)
    choices = choose([A], [A], [far], [A])
    assert faces_of(choices) == [0, 0, 0, 0]
    assert [bool(choice.unsure) for choice in choices] == [False, False, True, False]


def test_a_lone_face_that_is_far_too_small_is_a_posters_and_not_theirs():
    poster = Square(900, 500, 26)  # 80 / 26 is more than 3
    choices = choose([A], [A], [poster], [A])
    assert faces_of(choices) == [0, 0, None, 0]
    assert choices[2].reason == "only another person's face is here"


def test_a_face_that_was_given_decides_who_is_meant():
    # The holder, smaller, is pointed at in the second frame by hand; so it is meant in all.
    choices = choose([A, B], [B], [A, B], given={1: 0})
    assert faces_of(choices) == [1, 0, 1]


def test_people_keep_apart_when_they_pass_each_other_at_a_distance():
    left = [Square(100 + 40 * n, 100, 80) for n in range(6)]
    right = [Square(500 - 40 * n, 300, 60) for n in range(6)]
    frames = [
        [r, one] if n % 2 else [one, r] for n, (one, r) in enumerate(zip(left, right, strict=True))
    ]
    assert faces_of(choose(*frames)) == [0, 1] * 3


squares = st.builds(Square, st.floats(0, 1000), st.floats(0, 1000), st.floats(20, 300))


@given(st.lists(st.lists(squares, max_size=4), max_size=8))
def test_every_frame_with_faces_gets_a_face_or_a_reason(frames):
    choices = choose(*frames)
    assert len(choices) == len(frames)
    for faces, choice in zip(frames, choices, strict=True):
        assert (choice.face is None) == bool(choice.reason)
        assert choice.face is None or 0 <= choice.face < len(faces)
    if any(frames):
        assert any(choice.face is not None for choice in choices)


@given(st.lists(st.lists(squares, max_size=4), max_size=8), st.randoms())
def test_the_order_of_faces_within_a_frame_does_not_matter(frames, random):
    every = [face for faces in frames for face in faces]
    sides = [face.side for face in every]
    apart = [
        math.hypot(a.x - b.x, a.y - b.y) / max(a.side, b.side) for a, b in combinations(every, 2)
    ]
    # Faces that are equally large, or equally near to one, have no order but that of the list.
    if len(set(sides)) < len(sides) or len(set(apart)) < len(apart):
        return
    turned = [random.sample(faces, len(faces)) for faces in frames]
    for faces, other, one, two in zip(
        frames, turned, choose(*frames), choose(*turned), strict=True
    ):
        assert (one.face is None) == (two.face is None)
        if one.face is not None:
            assert faces[one.face] == other[two.face]
