"""Upright RGB frames of video files: their order, turns, colours and memory."""

import gc
import resource
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from odd_encode import encode, pictures, still

from pipeline.frames.video import VideoError, decode, frames, own_copy, to_rgb

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


@pytest.mark.slow
def test_frames_that_are_done_with_are_given_back_at_once(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(encode("mp4", "mpeg4", pictures(40, (64, 48)), rotation=90))
    gc.collect()
    gc.disable()
    try:
        for frame in frames(path, False, lambda number, text: None):
            alive = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
            assert alive <= 4, frame.number
    finally:
        gc.enable()


def test_memory_stays_flat_however_long_the_video_is(tmp_path):
    # 3000 frames of 160 x 120 take 86 MB.
    path = tmp_path / "a.mkv"
    still = [np.full((120, 160, 3), level % 256, np.uint8) for level in range(3000)]
    path.write_bytes(encode("matroska", "mpeg4", still))
    before = 0
    for frame in frames(path, False, lambda number, text: None):
        if frame.number % 10 == 0:
            frame.rgb()
        if frame.number == 300:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert frame.number == 2999
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8000


@pytest.mark.parametrize("pixel_format", [
    "yuv420p", "yuvj420p", "yuv422p10le", "yuv444p12le", "nv12", "gray", "gray16le", "gbrp",
    "rgb24", "bgr24", "rgba", "pal8", "yuva420p", "yuv410p", "rgb555le",
])  # fmt: skip
@pytest.mark.parametrize("size", [(128, 96), (17, 13)])
def test_a_copied_frame_shows_the_same(pixel_format, size):
    frame = av.VideoFrame(*size, pixel_format)
    rng = np.random.default_rng(5)
    for plane in frame.planes:
        plane.update(rng.bytes(plane.buffer_size))
    frame.colorspace, frame.color_range = 1, 2  # BT.709, full range
    expected = to_rgb(frame)
    assert expected.shape == (size[1], size[0], 3)
    copy = own_copy(frame)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    assert np.array_equal(to_rgb(copy), expected)


def test_no_frame_is_lost_at_the_end_where_frames_are_stored_out_of_order(tmp_path):
    levels = [16 * number for number in range(13)]
    images = [np.full((48, 64, 3), level, np.uint8) for level in levels]
    path = tmp_path / "a.mkv"
    path.write_bytes(
        encode("matroska", "libx264", images, options={"bf": "4", "b_strategy": "0", "qp": "4"})
    )
    shown = [(number, image.mean()) for number, image in decode(path, False, ALL)]
    assert [number for number, _ in shown] == list(range(13))
    assert np.allclose([level for _, level in shown], levels, atol=4)


MATRICES = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "undef": (0.299, 0.114)}


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_colours_are_those_of_the_standards_equations(tmp_path, matrix, full, pixel_format):
    # Untagged: BT.601 of limited range, as FFmpeg and OpenCV take it.
    red_share, blue_share = MATRICES[matrix]
    bits = 10 if pixel_format.endswith("10le") else 8
    luma, blue, red = 120, 100, 150
    path = tmp_path / "a.mp4"
    frame = av.VideoFrame(64, 64, pixel_format)
    for plane, value in zip(frame.planes, (luma, blue, red), strict=True):
        kind = np.uint16 if bits == 10 else np.uint8
        np.frombuffer(plane, kind)[:] = value * 2 ** (bits - 8)
    colours = f"qp=0:colormatrix={matrix}:fullrange={'on' if full else 'off'}"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"x264-params": colours})
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixel_format
        frame.color_range = 2 if full else 1
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    y = luma / 255 if full else (luma - 16) / 219
    pb, pr = ((value - 128) / (255 if full else 224) for value in (blue, red))
    r, b = y + 2 * (1 - red_share) * pr, y + 2 * (1 - blue_share) * pb
    g = (y - red_share * r - blue_share * b) / (1 - red_share - blue_share)
    ((_, image),) = decode(path, False, ALL)
    assert np.abs(image.reshape(-1, 3) - 255 * np.array([r, g, b])).max() <= 3


def test_colours_without_a_conversion_are_told_and_a_reserved_number_is_no_colour_space():
    frame = av.VideoFrame(16, 16, "yuv444p")
    for plane in frame.planes:
        plane.update(bytes([100]) * plane.buffer_size)
    frame.colorspace = 2
    expected = to_rgb(frame)
    frame.colorspace = 3
    assert np.array_equal(to_rgb(frame), expected)
    frame.colorspace = 8  # YCgCo
    with pytest.raises(VideoError, match=r"no conversion to RGB \(yuv444p, colour space 8\)"):
        to_rgb(frame)


def test_transparent_places_are_black_unless_all_is_transparent(tmp_path):
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[:] = (200, 100, 50, 255)
    rgba[:8] = (200, 100, 50, 0)
    path = tmp_path / "a.mov"
    path.write_bytes(encode("mov", "qtrle", [rgba], "argb"))
    ((_, image),) = decode(path, False, ALL)
    assert not image[:8].any()
    assert (image[8:] == (200, 100, 50)).all()
    rgba[..., 3] = 0
    path.write_bytes(encode("mov", "qtrle", [rgba], "argb"))
    ((_, image),) = decode(path, False, ALL)
    assert (image == (200, 100, 50)).all()


def test_leaving_early_closes_the_file(tmp_path):
    path = tmp_path / "a.avi"
    path.write_bytes(encode("avi", "mpeg4", pictures(5)))
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("no /proc here")

    def is_open() -> bool:
        there = list(descriptors.iterdir())
        return any(link.is_symlink() and link.readlink() == path for link in there)

    stream = frames(path, False, lambda number, text: None)
    frame = next(stream)
    assert is_open()
    stream.close()
    assert not is_open()
    assert frame.rgb().shape == (400, 320, 3)


def test_rotation_in_motion_jpeg_is_that_of_its_pictures(tmp_path, portrait):
    # Each picture has an EXIF block of its own, mirrored as well as turned.
    path = tmp_path / "a.avi"
    path.write_bytes(b"".join(still("JPEG", orientation=n, quality=95) for n in (5, 6, 1, 5)))
    shown = [image for _, image in decode(path, False, ALL)]
    assert len(shown) == 4
    for image in shown:
        assert np.abs(image.astype(int) - portrait).mean() < 6


@pytest.mark.parametrize("kind", ["10 bits", "interlaced", "8 bits"])
def test_a_frame_looks_the_same_whether_it_is_kept_or_not(tmp_path, portrait, kind):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        options = {"x264opts": "interlaced=1"} if kind == "interlaced" else {}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height = 320, 400
        stream.pix_fmt = "yuv420p10le" if kind == "10 bits" else "yuv420p"
        for number in range(8):
            image = np.roll(portrait, 5 * number, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())

    def heard(number: int, text: str) -> None:
        raise AssertionError(text)

    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame == (kind == "interlaced")
    at_once = [frame.rgb() for frame in frames(path, False, heard)]
    kept = [frame.rgb() for frame in list(frames(path, False, heard))]
    assert len(at_once) == 8
    for one, other in zip(at_once, kept, strict=True):
        assert np.array_equal(one, other)
