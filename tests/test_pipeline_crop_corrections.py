"""The crop stage where faces and turns are told by hand or by the dataset."""

import numpy as np
import pytest
from odd_encode import GREY

from pipeline.datasets.base import Video

pytest_plugins = "made_film"


def test_a_box_given_by_hand_says_who_is_meant_in_the_whole_video(film, held):
    stage = film([held] * 7)
    stage.overrides(("3", "face", "425 100 515 200", "the one behind is meant"))
    stage.run()
    assert stage.frames == [0, 3, 6]
    assert all(centre > 400 for centre in stage.centres())
    assert np.isnan(stage.columns["detection_score"]).tolist() == [False, True, False]


def test_a_box_given_by_hand_without_a_face_is_told_and_nothing_stands_in(film, one):
    stage = film([one] * 4)
    stage.overrides(("3", "face", "500 350 600 450", "here"))
    stage.run()
    assert stage.frames == [0]
    assert stage.failures == [(3, "no face in the box given by hand; it may be too large")]


@pytest.mark.slow
def test_a_box_given_by_hand_for_a_frame_that_is_not_sampled_says_who_is_meant_too(film, held):
    stage = film([held] * 7)
    stage.overrides(("2", "face", "425 100 515 200", "the one behind is meant"))
    for sampling, count in (("every", 3), ("uniform", 3), ("ssdg", 1)):
        stage.run(sampling=sampling, frames=count)
        assert len(stage.frames) == count and 2 not in stage.frames
        assert all(centre > 400 for centre in stage.centres())
    stage.overrides(("2", "face", "10 350 60 400", "nobody is there"))
    stage.run()
    assert stage.frames == [0, 3, 6]
    assert stage.remarks == [(2, "no face in the box given by hand; it may be too large")]


def test_a_box_given_by_hand_comes_before_shipped_positions_that_are_missing(film, held):
    stage = film([held] * 4)
    stage.overrides(("0", "face", "425 100 515 200", "the list of positions is lost"))
    stage.run(faces="shipped")
    assert stage.frames == [0]
    assert [text for _, text in stage.remarks] == [
        "no face positions come with this video that can be used"
    ]
    assert [frame for frame, _ in stage.failures] == [3]


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["every", "all", "uniform", "ssdg"])
def test_a_video_of_which_every_frame_is_excluded_does_not_fail(film, one, sampling):
    stage = film([one] * 4)
    stage.overrides(("0-3", "exclude", "", "another person"))
    stage.run(sampling=sampling, frames=2)
    assert (stage.frames, stage.failures) == ([], [])


@pytest.mark.slow
def test_what_is_excluded_gives_no_sample_and_no_failure(film, one):
    stage = film([one] * 10)
    stage.overrides(("3-4 9", "exclude", "", "a hand before the face"))
    stage.run()
    assert (stage.frames, stage.failures) == ([0, 6], [])
    stage.overrides(("", "exclude", "", "another person's video"))
    stage.run()
    assert (stage.made, stage.frames, stage.failures) == (True, [], [])
    (stage.folder / "a.mp4").unlink()
    stage.run()
    assert (stage.made, stage.failures) == (False, [])  # it is not even looked for


def test_an_excluded_frame_does_not_stand_in_either(film, one):
    stage = film([GREY, one, one])
    stage.overrides(("1", "exclude", "", "blurred"))
    stage.run()
    assert stage.frames == [2]


@pytest.mark.slow
def test_a_video_turned_by_hand_gives_the_upright_crop(film, one):
    stage = film([one] * 4)
    stage.run()
    upright = stage.columns["image"].astype(int)
    for clockwise in (90, 180, 270):
        # Stored turned anticlockwise by so much, it must be turned clockwise by hand.
        turned = film([np.rot90(one, clockwise // 90)] * 4)
        turned.overrides(("", "rotate", str(clockwise), "the phone lay on its side"))
        turned.run()
        assert turned.frames == [0, 3]
        assert np.abs(turned.columns["image"].astype(int) - upright).mean() < 6


def test_the_reason_of_a_correction_and_a_new_subject_make_no_crop_anew(film, one):
    stage = film([one] * 4)
    stage.overrides(("0", "exclude", "", "one"))
    stage.run()
    stage.row = Video("a.mp4", "mydata", "test", 1, "other")
    stage.overrides(("0", "exclude", "", "two"), ("", "relabel", "subject=x", "known now"))
    stage.run()
    assert stage.made is False
    stage.overrides(("1", "exclude", "", "two"))
    stage.run()
    assert stage.made is True


@pytest.mark.slow
def test_a_correction_of_frames_that_do_not_exist_is_remarked(film, one):
    stage = film([one] * 4)
    stage.overrides(("2-9", "exclude", "", "blurred"))
    stage.run()
    assert stage.remarks == [(-1, "overrides.csv names frames 2-9; the video has 4")]


@pytest.mark.slow
def test_shipped_eyes_are_compared_and_can_be_used_instead(film, held):
    stage = film([held] * 4)
    stage.run()
    rings = stage.columns["landmarks"][0][:, :2]
    right, left = rings[[33, 133]].mean(axis=0), rings[[362, 263]].mean(axis=0)
    shipped = stage.folder / "a.txt"
    line = ",".join(str(round(float(value))) for value in (*right, *left))
    shipped.write_text(f"0,{line}\n1,{line}\n2,{line}\n")
    stage.run(shipped=shipped)
    assert stage.made is True
    off = stage.columns["shipped_distance"]
    assert off[0] < 0.05 and np.isnan(off[1])  # frame 3 has no line
    assert 0.5 <= stage.columns["detection_score"][0] <= 1
    # Used: frame 3 has no position, so the nearest frame that has one stands in.
    stage.run(shipped=shipped, faces="shipped")
    assert stage.frames == [0, 2]
    assert np.isnan(stage.columns["detection_score"]).all()
    assert all(centre < 250 for centre in stage.centres())


@pytest.mark.slow
def test_shipped_positions_are_turned_with_the_frame_by_hand(film, held):
    stage = film([held] * 4)
    stage.run()
    rings = stage.columns["landmarks"][0][:, :2]
    eyes = [rings[[33, 133]].mean(axis=0), rings[[362, 263]].mean(axis=0)]
    # The same film stored turned anticlockwise by a quarter: (x, y) lies at (y, 640 - x).
    places = [round(float(v)) for x, y in eyes for v in (y, 640 - x)]
    turned = film([np.rot90(held)] * 4)
    turned.overrides(("", "rotate", "90", "the phone lay on its side"))
    shipped = turned.folder / "a.txt"
    shipped.write_text("".join(f"{n},{','.join(map(str, places))}\n" for n in range(4)))
    turned.run(shipped=shipped)
    assert (turned.columns["shipped_distance"] < 0.05).all()
    turned.run(shipped=shipped, faces="shipped")
    assert turned.frames == [0, 3]
    assert all(centre < 250 for centre in turned.centres())


@pytest.mark.slow
def test_shipped_positions_that_cannot_be_read_are_told(film, one):
    stage = film([one] * 4)
    broken = stage.folder / "a.txt"
    broken.write_text("0,1,2,3\n")
    stage.run(shipped=broken)
    assert stage.frames == [0, 3]
    ((frame, text),) = stage.remarks
    assert frame == -1 and text.startswith("a.txt: line 1: ")  # no path of this machine
    stage.run(shipped=broken, faces="shipped")
    assert stage.frames == [] and "line 1" in stage.failures[0][1]
    stage.run(faces="shipped")
    assert stage.failures == [(-1, "no face positions come with this video that can be used")]
