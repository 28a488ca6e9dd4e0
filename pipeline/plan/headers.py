"""How many frames a file has and how large they are, as its header says; nothing is decoded.

Headers lie, so every number from here is an estimate. Files of strangers are opened in processes
of their own: one that crashes or hangs there costs itself alone.
"""

import multiprocessing
import queue
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.datasets.base import PICTURES

if TYPE_CHECKING:
    import av

LEAST_BYTES = 8
"""A header that promises more frames than one for so many bytes of the file is not believed."""
SECONDS = 20.0
"""So long may opening one file take; with the packets counted, a second for each 10 MB more."""
COUNTED_A_SECOND = 10_000_000
STORED_BYTES, STORED_PIXELS = 56_000, 1920 * 1080
"""Assumed of a frame of a video in an object store: 13.5 Mbit a second at 30 frames of 1080p."""


class Header(NamedTuple):
    """What is known of a file before it is decoded.

    frames: of the video. pixels: of one frame, width times height. counted: packets were counted,
    since that was wanted or the header says nothing that can be believed. trouble: why the file
    cannot be opened, else ""; then frames and pixels are 0.
    """

    frames: int
    pixels: int
    counted: bool = False
    trouble: str = ""


def by_size(path: Path) -> Header:
    """The header that a file is taken to have of which only name and size are known."""
    if path.suffix.lower() in PICTURES:
        return Header(1, STORED_PIXELS)
    size = _size(path)
    return Header(-(-size // STORED_BYTES), STORED_PIXELS, trouble="" if size else "it is empty")


def read_header(path: Path, count: bool) -> Header:
    """The header of a video or picture; what cannot be opened is its `trouble`, nothing is raised.

    count: count the packets of a video instead.
    """
    from pipeline.frames.libav import VideoError, check_file, opened, video_stream
    from pipeline.frames.pictures import is_picture

    try:
        check_file(path)
        if is_picture(path):
            return Header(1, _picture_pixels(path))
        with opened(path) as container:
            stream = video_stream(container)
            pixels = stream.codec_context.width * stream.codec_context.height
            frames = (
                None if count else believable(stated_frames(container, stream), path.stat().st_size)
            )
            if frames is not None:
                return Header(frames, pixels)
            return Header(_packets(container, stream), pixels, counted=True)
    except VideoError as error:
        return Header(0, 0, trouble=str(error))


def stated_frames(container: "av.container.InputContainer", stream: "av.VideoStream") -> list[int]:
    """The number of frames in every way that the header states it: the number itself, and the
    length of the stream or else of the file times the frame rate.
    """
    numbers = [stream.frames]
    rate = stream.average_rate or stream.base_rate
    if rate:
        if stream.duration and stream.time_base:
            numbers.append(round(stream.duration * stream.time_base * rate))
        elif container.duration:
            numbers.append(round(container.duration * rate / 1_000_000))
    return numbers


def believable(numbers: Sequence[int], size: int) -> int | None:
    """The number of frames to believe of those that a header states of a file of `size` bytes.

    None where it states none that fits the file, or two that differ by more than half.
    """
    likely = [frames for frames in numbers if 0 < frames <= max(size // LEAST_BYTES, 1)]
    if not likely or max(likely) > 1.5 * min(likely) + 1:
        return None
    return likely[0]


def _packets(container: "av.container.InputContainer", stream: "av.VideoStream") -> int:
    import av

    frames = 0
    with suppress(av.FFmpegError):  # what comes before the damage counts
        for packet in container.demux(stream):
            frames += packet.size > 0
    return frames


def _picture_pixels(path: Path) -> int:
    from PIL import Image

    from pipeline.frames.pictures import FORMATS, pillow_errors

    with pillow_errors(), Image.open(path, formats=FORMATS) as image:
        return image.width * image.height


def read_headers(
    paths: Sequence[Path],
    count: bool,
    cores: int,
    read_one: Callable[[Path, bool], Header] = read_header,
) -> list[Header]:
    """The headers of files, in order, `cores` at once, each read in a process of its own.

    count: as for read_header. read_one: what reads one, defined at the top of a module.
    """
    readers: queue.SimpleQueue[_Reader] = queue.SimpleQueue()
    made = [_Reader(read_one) for _ in range(max(1, min(cores, len(paths))))]
    for reader in made:
        readers.put(reader)

    def read(path: Path) -> Header:
        reader = readers.get()
        try:
            return reader.read(path, count)
        finally:
            readers.put(reader)

    try:
        with ThreadPoolExecutor(len(made)) as threads:
            return list(threads.map(read, paths))
    finally:
        for reader in made:
            reader.end()


class _Reader:
    """A process that reads headers; a new one takes its place when a file has ended it."""

    def __init__(self, read_one: Callable[[Path, bool], Header]) -> None:
        self._read_one = read_one
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def read(self, path: Path, count: bool) -> Header:
        """The header of one file."""
        if self._process is None:
            self._start()
        assert self._pipe is not None
        try:
            self._pipe.send((path, count))
            if self._pipe.poll(SECONDS + (_size(path) / COUNTED_A_SECOND if count else 0)):
                header: Header = self._pipe.recv()
                return header
            trouble = f"opening it takes more than {SECONDS:.0f} s"
        except (EOFError, OSError):
            trouble = "opening it ends the process"
        self.end()
        return Header(0, 0, trouble=trouble)

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, there = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(there, self._read_one), daemon=True)
        self._process.start()
        there.close()

    def end(self) -> None:
        """End the process, if there is one."""
        if self._process is not None and self._pipe is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
        self._process = self._pipe = None


def _serve(pipe: Connection, read_one: Callable[[Path, bool], Header]) -> None:
    """Answer (path, count) with a header, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with suppress(EOFError):
        while True:
            pipe.send(read_one(*pipe.recv()))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
