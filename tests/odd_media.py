"""Odd video files, made by code: what each is, and what must come of it.

Most show the photograph of one face; what must come of a file follows from how it was made, not
from the code under test. Broken ones are in odd_broken.py, pictures in odd_pictures.py.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from odd_encode import (
    QUIET,
    add_video,
    encode,
    index_first,
    pictures,
    portrait,
    stored_for,
    with_matrix,
    write_silence,
    write_video,
)

FRAMES = 6
LONG = 30
FULL = range(FRAMES, FRAMES + 1)
NONE = range(0)
ONE = range(1, 2)


@dataclass(frozen=True)
class Odd:
    """One file. make: its bytes, or a function that makes it at a path.

    frames: how many must decode; none: a VideoError must say why. face: the frames show the face
    upright and whole. upside_down: what the index says of it.
    """

    name: str
    make: Callable[[], bytes] | Callable[[Path], None]
    frames: range
    face: bool = True
    upside_down: bool = False

    def write(self, folder: Path) -> Path:
        path = folder / self.name
        if self.name.startswith("path_"):
            self.make(path)
        else:
            path.write_bytes(self.make())
        return path


@cache
def whole(kind: str, count: int = FRAMES) -> bytes:
    """A good file with a keyframe every six frames, to be spoiled."""
    if kind == "fast":
        return index_first(whole("mp4", count))
    container, codec, options = {
        "avi": ("avi", "mpeg4", {"g": "6"}),
        "mp4": ("mp4", "libx264", {"g": "6", "bf": "0"}),
        "mov": ("mov", "libx264", {"g": "6", "bf": "2"}),
        "mkv": ("matroska", "libx264", {"g": "6", "bf": "2"}),
        "webm": ("webm", "libvpx-vp9", {"g": "6", "deadline": "realtime", "cpu-used": "8"}),
        "mpg": ("mpeg", "mpeg2video", {"g": "6"}),
        "ts": ("mpegts", "libx264", {"g": "6"}),
        "mjpeg": ("avi", "mjpeg", {}),
    }[kind]
    pixel_format = "yuvj420p" if kind == "mjpeg" else "yuv420p"
    return encode(container, codec, pictures(count), pixel_format, options)


def good_files() -> Iterator[Odd]:
    """Containers, codecs, pixel formats and options of encoders."""
    for name, container, codec, *how in (
        ("h264.mp4", "mp4", "libx264"),
        ("h264.MOV", "mov", "libx264"),
        ("mpeg4.avi", "avi", "mpeg4"),
        ("h264.mkv", "matroska", "libx264"),
        ("vp9.webm", "webm", "libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
        ("mpeg2.mpg", "vob", "mpeg2video"),
        ("mpeg1.mpeg", "mpeg", "mpeg1video"),
        ("h264.ts", "mpegts", "libx264"),
        ("wmv2.wmv", "asf", "wmv2"),
        ("mpeg4.3gp", "3gp", "mpeg4"),
        ("mjpeg.avi", "avi", "mjpeg", "yuvj420p"),
        ("ffv1.mkv", "matroska", "ffv1"),
        ("huffyuv.avi", "avi", "huffyuv", "yuv422p"),
        ("utvideo.avi", "avi", "utvideo", "gbrp"),
        ("raw_bottom_up.avi", "avi", "rawvideo", "bgr24"),
        ("raw.mov", "mov", "rawvideo", "rgb24"),
        ("hevc.mp4", "mp4", "libx265", "yuv420p", QUIET),
        ("av1.mp4", "mp4", "libsvtav1", "yuv420p", {"preset": "12"}),
        ("prores.mov", "mov", "prores", "yuv422p10le"),
        ("png.mov", "mov", "png", "rgb24"),
        ("qtrle.mov", "mov", "qtrle", "rgb24"),
        ("msvideo1.avi", "avi", "msvideo1", "rgb555le"),
        ("mp4_called.avi", "mp4", "libx264"),
        ("h264_alone.avi", "h264", "libx264"),
        ("yuv444.mp4", "mp4", "libx264", "yuv444p"),
        ("yuv422.mp4", "mp4", "libx264", "yuv422p"),
        ("ten_bit.mp4", "mp4", "libx264", "yuv420p10le"),
        ("twelve_bit.mp4", "mp4", "libx265", "yuv420p12le", QUIET),
        ("full_range.mp4", "mp4", "libx264", "yuvj420p"),
        ("rgb.mp4", "mp4", "libx264rgb", "rgb24"),
        ("bt709.mp4", "mp4", "libx264", "yuv420p", {"x264-params": "colormatrix=bt709"}),
        ("grey.mkv", "matroska", "ffv1", "gray"),
        ("grey_16_bit.mkv", "matroska", "ffv1", "gray16le"),
        ("grey.mp4", "mp4", "libx264", "gray"),
        ("interlaced.mp4", "mp4", "libx264", "yuv420p", {"x264-params": "interlaced=1"}),
        ("interlaced.mpg", "mpeg", "mpeg2video", "yuv420p", {"flags": "+ildct+ilme"}),
        ("b_frames.mp4", "mp4", "libx264", "yuv420p", {"bf": "3", "b_strategy": "0"}),
        ("b_frames.avi", "avi", "mpeg4", "yuv420p", {"bf": "2"}),
        ("one_keyframe.mkv", "matroska", "libx264", "yuv420p", {"g": "250", "bf": "8"}),
    ):

        def make(container=container, codec=codec, how=how):
            return encode(container, codec, pictures(FRAMES), *how)

        yield Odd(name, make, FULL)
    yield Odd("name with ünïcode, and 100%d.mp4", lambda: whole("mp4"), FULL)


def seen_through(alpha: int) -> list[np.ndarray]:
    return [np.dstack([image, np.full(image.shape[:2], alpha, np.uint8)]) for image in pictures(6)]


def shapes() -> Iterator[Odd]:
    """Sizes, rates, transparency, several streams."""
    opaque, unused = seen_through(255), seen_through(0)
    yield Odd("alpha.mov", lambda: encode("mov", "qtrle", opaque, "argb"), FULL)
    yield Odd("alpha_unused.avi", lambda: encode("avi", "rawvideo", unused, "bgra"), FULL)
    yield Odd("one_frame.mp4", lambda: encode("mp4", "libx264", pictures(1)), ONE)
    yield Odd("one_frame.avi", lambda: encode("avi", "mpeg4", pictures(1)), ONE)
    large = (3840, 2160)
    wide = [
        cv2.copyMakeBorder(image, 0, 0, 193, 192, cv2.BORDER_REPLICATE) for image in pictures(2)
    ]
    yield Odd(
        "4k.avi",
        lambda: encode("avi", "mjpeg", [cv2.resize(image, large) for image in wide], "yuvj420p"),
        range(2, 3),
        face=False,  # the face is there; the picture is wider than the portrait
    )
    for size, codec, name, face in (
        ((16, 16), "libx264", "16x16.mp4", False),
        ((2, 2), "ffv1", "2x2.mkv", False),
        ((1, 1), "ffv1", "1x1.mkv", False),
        ((17, 13), "ffv1", "17x13.mkv", False),
        ((321, 401), "ffv1", "321x401.mkv", True),
        ((320, 400), "mpeg4", "aspect.mp4", True),
    ):
        container = "mp4" if name.endswith("mp4") else "matroska"

        def make(size=size, codec=codec, container=container):
            return encode(container, codec, pictures(FRAMES, size))

        yield Odd(name, make, FULL, face)
    times = [0, 1, 2, 20, 21, 90]
    yield Odd("variable_rate.mp4", lambda: encode("mp4", "libx264", pictures(6), times=times), FULL)
    yield Odd(
        "variable_rate.mkv", lambda: encode("matroska", "libx264", pictures(6), times=times), FULL
    )
    two = [pictures(FRAMES)[:3], pictures(FRAMES, (160, 200))[3:]]
    yield Odd(
        "size_change_h264.ts",
        lambda: b"".join(encode("h264", "libx264", images) for images in two),
        FULL,
    )
    yield Odd(
        "size_change_mjpeg.avi",
        lambda: b"".join(encode("mjpeg", "mjpeg", images, "yuvj420p") for images in two),
        FULL,
    )
    yield Odd("two_videos.mkv", two_videos, FULL)
    yield Odd("sound_first.mp4", sound_and_video, FULL)


def turns() -> Iterator[Odd]:
    """Display matrices of every kind, and videos that are known to stand on their head."""
    for degrees in (0, 90, 180, 270):

        def turned(degrees=degrees):
            # PyAV's angle is anticlockwise, so what is stored is turned clockwise.
            images = [np.rot90(image, -degrees // 90) for image in pictures(FRAMES)]
            return encode("mp4", "libx264", images, rotation=degrees)

        yield Odd(f"turned_by_tag_{degrees}.mp4", turned, FULL)
    for matrix in (
        (1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1),
        (0, 1, 1, 0), (0, 1, -1, 0), (0, -1, 1, 0), (0, -1, -1, 0),
    ):  # fmt: skip

        def mirrored(matrix=matrix):
            images = [stored_for(image, *matrix) for image in pictures(FRAMES)]
            return with_matrix(encode("mp4", "libx264", images), *matrix)

        yield Odd("matrix_" + "_".join(map(str, matrix)) + ".mp4", mirrored, FULL)
    half = [np.rot90(image, 2) for image in pictures(FRAMES)]
    yield Odd("upside_down.mp4", lambda: encode("mp4", "libx264", half), FULL, upside_down=True)
    yield Odd(
        "upside_down_and_matrix.mp4",
        lambda: with_matrix(encode("mp4", "libx264", half), -1, 0, 0, -1),
        FULL,
        upside_down=True,
    )
    yield Odd("matrix_doubles.mp4", lambda: with_matrix(whole("mp4"), 2, 0, 0, 2), FULL)
    yield Odd("matrix_of_zeros.mp4", lambda: with_matrix(whole("mp4"), 0, 0, 0, 0), FULL)
    slanted = (0.7071, 0.7071, -0.7071, 0.7071)
    yield Odd("matrix_45_degrees.mp4", lambda: with_matrix(whole("mp4"), *slanted), NONE)


def two_videos() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as file:
        face, grey = pictures(FRAMES), [np.full((200, 160, 3), 127, np.uint8)] * 9
        streams = [add_video(file, "libx264", images[0]) for images in (face, grey)]
        for stream, images in zip(streams, (face, grey), strict=True):
            write_video(file, stream, images)
    return buffer.getvalue()


def sound_and_video() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        silence = file.add_stream("aac", rate=16000, layout="mono")
        stream = add_video(file, "libx264", portrait())
        write_silence(file, silence)
        write_video(file, stream, pictures(FRAMES))
    return buffer.getvalue()


def videos() -> list[Odd]:
    """All files of this module."""
    return [*good_files(), *shapes(), *turns()]
