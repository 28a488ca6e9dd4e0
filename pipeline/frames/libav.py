"""One video file through libav: its packets and its errors, every error a VideoError."""

import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.files.memory import may_take

if TYPE_CHECKING:
    import av

MAX_PIXELS = 2**27
"""Larger frames and pictures are refused: as RGB this many pixels take 400 MB."""
LARGEST_REQUEST = 2**31
"""Bytes; libav refuses to ask the system for more at once."""
MAX_DAMAGED = 1000
"""So many damaged packets on end, without a frame between them, end the decoding."""
CONTAINERS = (
    "avi,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpeg,mpegts,mpegvideo,m4v,h264,hevc,h263,h261,vc1,"
    "mjpeg,asf,flv,ogg,nut,mxf,dv,gif,apng,ivf,obu,av1,yuv4mpegpipe,rm,wtv,"
    "png_pipe,jpeg_pipe,bmp_pipe,tiff_pipe,webp_pipe,mp3,wav,aac,flac,aiff,amr,ac3"
)
"""What libavformat may take a file for. Playlists are not among them: they open other files."""


class VideoError(Exception):
    """A video that cannot be decoded (any further): the reason, in one line."""


class TooMuchMemory(VideoError):  # noqa: N818  (not an error of the video)
    """There was no memory to go on with. It says nothing of the video: elsewhere there may be."""


Remark = Callable[[int, str], None]
"""Called with (number of the last frame before it, or -1; what damage was passed over)."""


@contextmanager
def opened(path: Path) -> Iterator["av.container.InputContainer"]:
    """The file as a container of libav, during the block. Every error of libav, in the block as
    well, becomes a VideoError, which does not name the file.
    """
    import av

    try:
        # Absolute: a relative name like concat:a would be taken for a protocol.
        name, options = str(path.absolute()), {"format_whitelist": CONTAINERS}
        with av.open(name, "r", options=options, metadata_errors="replace") as container:
            yield container
    except (av.FFmpegError, OSError, ValueError, ArithmeticError, MemoryError) as error:
        if isinstance(error, av.error.EOFError | av.error.InvalidDataError):
            text = missing_index(path) or "no video file, or its beginning is damaged"
        elif isinstance(error, av.error.ArgumentError):
            text = "no kind of video file that is read here"
        else:
            text = reason(error)
        raise VideoError(f"not decodable: {text}") from error


def check_file(path: Path) -> None:
    """Raise VideoError unless `path` is a file, not a folder or a pipe, and holds something."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise VideoError(f"cannot read this file: {reason(error)}") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise VideoError(f"cannot read this file: it is {kind}")
    if status.st_size == 0:
        raise VideoError("the file is empty")


def reason(error: Exception) -> str:
    """One line of at most 160 letters on an error, without the name of a file.

    Raises TooMuchMemory where it came of this process's limit, and not of the data alone.
    """
    if isinstance(error, MemoryError):
        # Damaged data makes libav ask itself for more than it ever gives, whatever there is.
        at_once = LARGEST_REQUEST if hasattr(error, "errno") else sys.maxsize
        if not may_take(at_once):
            raise TooMuchMemory("not enough memory") from error
        return "not enough memory"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:160]


def missing_index(path: Path) -> str:
    """Why an MP4 or MOV file without its index (moov) does not open; "" for any other file."""
    names: list[bytes] = []
    cut = False
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            place = 0
            while place + 8 <= end and len(names) < 1000:
                file.seek(place)
                head = file.read(16)
                size = int.from_bytes(head[:4], "big")
                if size == 1:
                    size = int.from_bytes(head[8:16], "big")
                names.append(head[4:8])
                cut = cut or (head[4:8] == b"moov" and place + size > end)
                place += max(size, 8) if size else end
    except OSError:
        return ""
    if names and names[0] in (b"ftyp", b"mdat", b"wide") and (cut or b"moov" not in names):
        what = "cut off" if cut else "missing"
        return f"its index (moov) is {what}: the recording or the copy broke off"
    return ""


class Damage:
    """Counts frames, and what of the file is damaged; a run of damage becomes one remark.

    last: number of the last frame, -1 before the first. ended: why decoding is given up, "" while
    it is not. first: the reason of the first damaged packet of all, "" without one.
    """

    def __init__(self, remark: Remark) -> None:
        self.remark = remark
        self.last = -1
        self.ended = ""
        self.first = ""
        # Of the run of damage: the frame before it, damaged packets and frames, the first reason.
        self.before = -1
        self.packets = 0
        self.frames = 0
        self.why = ""
        self.since_frame = 0  # damaged packets

    def packet(self, error: Exception) -> None:
        """Note that a packet, or a place between packets, is damaged."""
        self.begin()
        self.packets += 1
        self.since_frame += 1
        self.why = self.why or reason(error)
        self.first = self.first or self.why
        if self.since_frame >= MAX_DAMAGED:
            self.ended = f"{MAX_DAMAGED} damaged packets on end ({self.why})"

    def frame(self, corrupt: bool) -> None:
        """Note that a frame came out; corrupt: libav could not decode all of it."""
        self.since_frame = 0
        if corrupt:
            self.begin()
            self.frames += 1
        else:
            self.over()
        self.last += 1

    def begin(self) -> None:
        """Note where a run of damage begins."""
        if not (self.packets or self.frames):
            self.before = self.last

    def over(self) -> None:
        """Give the remark on a run of damage that has ended, if there was one."""
        parts = []
        if self.packets:
            parts.append(f"damaged packets passed over: {self.packets} ({self.why})")
        if self.frames:
            parts.append(f"frames decoded from damaged data: {self.frames}")
        if parts:
            self.remark(self.before, ", ".join(parts))
        self.packets = self.frames = 0
        self.why = ""


def video_stream(container: "av.container.InputContainer") -> "av.VideoStream":
    """The first video stream that is not the cover picture of something else. VideoError where
    there is none, it has no decoder, or its frames are too large.
    """
    from av.stream import Disposition

    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [video for video in container.streams.video if not video.disposition & covers]
    if not streams:
        alone = " but a cover picture" if container.streams.video else ""
        raise VideoError(f"the file has no video stream{alone}")
    stream = streams[0]
    if stream.codec_context is None:
        raise VideoError("not decodable: no decoder for the codec of its video stream")
    check_size(stream.codec_context.width, stream.codec_context.height)
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def check_size(width: int, height: int) -> None:
    """Raise VideoError for frames of more than MAX_PIXELS pixels."""
    if width * height > MAX_PIXELS:
        raise VideoError(f"frames of {width} x {height}: over the limit of {MAX_PIXELS} pixels")


def packets(
    container: "av.container.InputContainer", stream: "av.VideoStream", damage: Damage
) -> Iterator["av.Packet | None"]:
    """The packets of the stream in order, then None, at which the decoder gives what it holds.
    Damage on the way is noted in `damage`; where that has ended, so do the packets.
    """
    import av

    while not damage.ended:
        try:
            for packet in container.demux(stream):
                if packet.size:  # the last one is empty, PyAV's sign of the end
                    yield packet
                if damage.ended:
                    break
            break
        except av.FFmpegError as error:
            damage.packet(error)
    yield None


def decoded_packet(
    stream: "av.VideoStream", packet: "av.Packet | None", damage: Damage
) -> list["av.VideoFrame"]:
    """The frames that the decoder gives for one packet; none, and damage, where it fails."""
    import av

    try:
        return stream.decode(packet)
    except av.FFmpegError as error:
        damage.packet(error)
        return []
