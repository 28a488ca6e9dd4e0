"""The crop stage where frames have no face: which frames are taken, and which are listed."""

import h5py
import pytest
from made_partition import run_crop
from odd_encode import GREY
from PIL import Image

from pipeline.datasets.base import Video
from pipeline.files import layers
from pipeline.files.hdf5 import read_strings

pytest_plugins = "made_film"


@pytest.mark.slow
def test_the_nearest_frame_with_a_face_stands_in_and_keeps_its_own_number(film, one):
    stage = film([one, one, one, GREY, GREY, GREY, GREY, one, one, one])
    stage.run()  # wanted 0, 3, 6, 9; 3 takes 2, 6 takes 7
    assert stage.frames == [0, 2, 7, 9]
    assert stage.failures == []


@pytest.mark.slow
def test_frames_too_far_from_a_face_are_listed_with_their_own_number(film, one):
    stage = film([one, *[GREY] * 9])
    stage.run(reach=2)
    assert stage.frames == [0]
    assert [frame for frame, _ in stage.failures] == [3, 6, 9]
    assert all("within 2 frames" in reason for _, reason in stage.failures)


def test_numbers_count_frames_without_a_face_too(film, one):
    # The counter of released code stood still there, so that numbers drifted.
    stage = film([GREY] * 6 + [one] * 4)
    stage.run(reach=0)
    assert stage.frames == [6, 9]


@pytest.mark.slow
def test_uniform_and_ssdg_take_the_frames_of_their_definition(film, one):
    stage = film([GREY if n % 2 else one for n in range(30)])  # faces at the 15 even frames
    stage.run(sampling="uniform", frames=3)  # positions 5, 15, 25; nearest earlier with a face
    assert stage.frames == [4, 14, 24]
    stage.run(sampling="ssdg", frames=2)  # positions 6 and 13 of the even frames
    assert stage.frames == [12, 26]
    stage.run(sampling="ssdg", frames=3)  # positions 6, 11, 16: the last is not there
    assert stage.frames == [12, 22]
    ((frame, reason),) = stage.failures
    assert frame == -1 and "position 16" in reason and "has 15" in reason


def test_all_takes_every_frame_once(film, one):
    stage = film([one, GREY, one])
    stage.run(sampling="all")
    assert stage.frames == [0, 2]
    assert stage.failures == [
        (1, "no face found; the nearest frame with one, 0, is a sample of its own")
    ]


@pytest.mark.slow
def test_a_video_shorter_than_asked_for_lists_what_is_wanted_twice(film, one):
    stage = film([one])
    stage.run(sampling="uniform", frames=3)
    assert stage.frames == [0]
    assert len(stage.failures) == 2 and all("wanted twice" in r for _, r in stage.failures)


@pytest.mark.slow
@pytest.mark.parametrize("sampling, expected", [
    ("every", [("a.mp4", 0), ("a.mp4", 3), ("z.mp4", 0)]),
    ("uniform", [("a.mp4", 4), ("z.mp4", 0)]),
    ("ssdg", [("a.mp4", 6)]),  # which needs seven frames with a face
])  # fmt: skip
def test_the_last_video_of_the_list_may_have_one_frame(
    tmp_path, one, video_writer, sampling, expected
):
    # In released code it took the frames of the video before it.
    frames = 5 if sampling == "every" else 9
    video_writer(tmp_path / "a.mp4", [one] * frames)
    video_writer(tmp_path / "z.mp4", [one])
    rows = [Video(name, "mydata", "test", 1, name) for name in ("a.mp4", "z.mp4")]
    run_crop(tmp_path, tmp_path / "crops.h5", rows, sampling=sampling)
    with h5py.File(tmp_path / "crops.h5") as file:
        videos, numbers = read_strings(file["video"]).tolist(), file["frame"][:].tolist()
        failed = {failure.video for failure in layers.read_failures(file)}
    assert list(zip(videos, numbers, strict=True)) == expected
    assert failed == ({"z.mp4"} if sampling == "ssdg" else set())


@pytest.mark.slow
def test_a_picture_is_its_one_frame_whatever_the_sampling(tmp_path, portrait):
    Image.fromarray(portrait).save(tmp_path / "a.png")
    row = Video("a.png", "mydata", "test", 1, "1")
    for sampling in ("every", "all", "uniform", "ssdg"):
        run_crop(tmp_path, tmp_path / "c.h5", [row], sampling=sampling, frames=8)
        with h5py.File(tmp_path / "c.h5") as file:
            assert file["frame"][:].tolist() == [0]
            assert layers.read_failures(file) == []


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["every", "all", "uniform", "ssdg"])
def test_a_video_that_does_not_decode_fails_once_whatever_the_sampling(tmp_path, sampling):
    (tmp_path / "a.mp4").write_text("this is no video")
    row = Video("a.mp4", "mydata", "test", 1, "1")
    run_crop(tmp_path, tmp_path / "c.h5", [row], sampling=sampling, frames=2)
    with h5py.File(tmp_path / "c.h5") as file:
        assert len(layers.read_failures(file)) == 1
