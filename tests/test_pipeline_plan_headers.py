"""Headers are believed where they fit their file, and a file that ends its reader costs itself."""

import os
import signal
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.plan import headers
from pipeline.plan.headers import Header, believable, read_header, read_headers


@pytest.mark.parametrize(
    "found, size, frames",
    [
        ([74, 75], 600_000, 74),  # the number itself goes before length times rate
        ([0, 75], 600_000, 75),  # no number: length times rate
        ([-138212368184637008, 75], 600_000, 75),  # no number either
        ([2_641_502, 1], 40_000, 1),  # more frames than the file has room for
        ([2_641_502], 40_000, None),
        ([763, 28], 400_000, None),  # two numbers that cannot both be right
        ([3, 2], 40_000, 3),  # a frame more or less is rounding
        ([1], 3, 1),
        ([0, 0], 600_000, None),
        ([], 600_000, None),
    ],
)
def test_a_header_is_believed_where_it_fits_the_file_and_itself(found, size, frames):
    assert believable(found, size) == frames


def test_frames_and_pixels_of_videos_and_pictures(tmp_path, portrait, video_writer):
    video = video_writer(tmp_path / "ten.mp4", [portrait] * 10)
    assert read_header(video, False) == Header(10, 400 * 320)
    assert read_header(video, True) == Header(10, 400 * 320, counted=True)
    Image.fromarray(portrait).save(tmp_path / "one.png")
    assert read_header(tmp_path / "one.png", False) == Header(1, 400 * 320)


def test_packets_are_counted_where_the_file_has_no_number_of_frames(tmp_path, portrait):
    with av.open(str(tmp_path / "bare.h264"), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.height, stream.width, stream.pix_fmt = 400, 320, "yuv420p"
        for shift in range(7):
            image = np.roll(portrait, shift, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    assert read_header(tmp_path / "bare.h264", False) == Header(7, 400 * 320, counted=True)


def test_what_is_no_video_has_a_reason_and_no_frames(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.avi").touch()
    wanted = {"text.mp4": "not decodable", "empty.avi": "the file is empty", "none.mov": "cannot"}
    for name, words in wanted.items():
        header = read_header(tmp_path / name, False)
        assert (header.frames, header.pixels) == (0, 0) and words in header.trouble


def _crashing(path: Path, count: bool) -> Header:
    if path.name == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if path.name == "hang":
        time.sleep(600)
    return Header(int(path.name), 1)


@pytest.mark.slow
def test_a_file_that_crashes_or_hangs_its_reader_costs_itself_alone(monkeypatch):
    monkeypatch.setattr(headers, "SECONDS", 3.0)
    paths = [Path(name) for name in ("1", "crash", "2", "hang", "3")]
    found = read_headers(paths, False, 2, _crashing)
    assert [header.frames for header in found] == [1, 0, 2, 0, 3]
    assert found[1].trouble == "opening it ends the process"
    assert found[3].trouble == "opening it takes more than 3 s"


def test_no_file_is_no_header():
    assert read_headers([], False, 4) == []
