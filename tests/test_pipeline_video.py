from collections.abc import Callable

import av
import cv2
import numpy as np
import pytest

from pipeline.video import VideoError, decode

ALL: Callable[[int], bool] = lambda number: True  # noqa: E731


def corners(count: int = 6) -> list[np.ndarray]:
    """Frames whose top left quarter is red and bottom right quarter blue; brightness counts up."""
    frames = []
    for number in range(count):
        image = np.full((96, 128, 3), 10 * number, np.uint8)
        image[:48, :64] = (255, 0, 0)
        image[48:, 64:] = (0, 0, 255)
        frames.append(image)
    return frames


def is_upright(image: np.ndarray) -> bool:
    """Whether red lies at the top left and blue at the bottom right."""
    red, blue = image[20, 30].astype(int), image[-20, -30].astype(int)
    return bool(red[0] - red[2] > 120 and blue[2] - blue[0] > 120)


@pytest.mark.parametrize(
    "name, codec", [("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.avi", "mpeg4")]
)
def test_frames_come_in_order_with_their_own_numbers(tmp_path, video_writer, name, codec):
    path = video_writer(tmp_path / name, corners(), codec)
    got = list(decode(path, False, lambda number: number % 2 == 1))
    assert [number for number, _ in got] == [1, 3, 5]
    levels = [int(image[-10, 10].mean()) for _, image in got]
    assert np.allclose(levels, [10, 30, 50], atol=4)


def test_display_matrix_turns_the_frame_as_opencv_turns_it(tmp_path, video_writer):
    for degrees in (90, 180, 270):
        path = video_writer(tmp_path / f"{degrees}.mp4", corners(1), rotation=degrees)
        ((_, image),) = decode(path, False, ALL)
        capture = cv2.VideoCapture(str(path))
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        turned = capture.read()[1][:, :, ::-1]
        assert image.shape == turned.shape
        assert np.abs(image.astype(int) - turned).mean() < 4


def test_upside_down_video_without_display_matrix_is_turned_by_name(tmp_path, video_writer):
    stored = [np.rot90(image, 2) for image in corners(2)]
    path = video_writer(tmp_path / "a.mp4", stored)
    assert all(is_upright(image) for _, image in decode(path, True, ALL))
    assert not any(is_upright(image) for _, image in decode(path, False, ALL))


def test_upside_down_video_with_display_matrix_is_turned_once(tmp_path, video_writer):
    stored = [np.rot90(image, 2) for image in corners(2)]
    path = video_writer(tmp_path / "a.mp4", stored, rotation=180)
    assert all(is_upright(image) for _, image in decode(path, True, ALL))
    assert all(is_upright(image) for _, image in decode(path, False, ALL))


def test_a_header_that_lies_about_its_frames_is_not_believed(tmp_path, video_writer):
    path = video_writer(tmp_path / "a.avi", corners(6), "mpeg4")
    data = bytearray(path.read_bytes())
    place = data.index(b"avih") + 8 + 16  # dwTotalFrames of the main header
    assert int.from_bytes(data[place : place + 4], "little") == 6
    data[place : place + 4] = (2_000_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    assert len(list(decode(path, False, ALL))) == 6


@pytest.mark.parametrize("content", [b"", b"this is a text", bytes(5000)])
def test_what_is_no_video_is_told_in_one_line(tmp_path, content):
    path = tmp_path / "a.avi"
    path.write_bytes(content)
    with pytest.raises(VideoError) as caught:
        list(decode(path, False, ALL))
    assert "\n" not in str(caught.value)


def test_audio_alone_is_told(tmp_path):
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="no video stream"):
        list(decode(path, False, ALL))


def test_a_truncated_video_gives_its_first_frames_or_a_reason(tmp_path, video_writer):
    whole = video_writer(tmp_path / "whole.avi", corners(20), "mpeg4").read_bytes()
    for share in (0.1, 0.5, 0.9):
        path = tmp_path / "cut.avi"
        path.write_bytes(whole[: int(len(whole) * share)])
        got = []
        try:
            got.extend(decode(path, False, ALL))
        except VideoError as error:
            assert "\n" not in str(error)
        assert [number for number, _ in got] == list(range(len(got)))
