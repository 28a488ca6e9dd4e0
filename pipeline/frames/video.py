"""Video files to upright RGB frames, decoded once, in order, without seeking.

docs/decoding.md says what each odd kind of file gives.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.datasets.base import VIDEOS
from pipeline.frames import orientation
from pipeline.frames.libav import (
    Damage,
    Remark,
    VideoError,
    check_file,
    check_size,
    decoded_packet,
    opened,
    packets,
    reason,
    video_stream,
)
from pipeline.frames.orientation import AS_STORED, HALF_TURN, Orientation

if TYPE_CHECKING:
    import av


class Frame:
    """One frame of a video.

    number: its place among the frames that decode, from 0. A frame may be kept for as long as one
    likes, also after the video was closed; kept frames take the memory that they take in the file's
    pixel format (3 MB at 1080p).
    """

    __slots__ = ("__weakref__", "_orientation", "_source", "number")

    def __init__(
        self, number: int, source: "av.VideoFrame | np.ndarray", orientation: Orientation
    ) -> None:
        """source: the frame as stored, libav's or H x W x 3 uint8 RGB."""
        self.number = number
        self._source = source
        self._orientation = orientation

    def rgb(self) -> np.ndarray:
        """The frame upright, as H x W x 3 uint8 RGB; converted anew by every call.

        Raises VideoError when there is no conversion to RGB for the frame's colours.
        """
        return self._orientation.apply(to_rgb(self._source))

    def own(self) -> None:
        """Copy what lies in libav's memory, so that libav may have it back."""
        if not isinstance(self._source, np.ndarray):
            self._source = own_copy(self._source)


def decode(
    path: Path, upside_down: bool, wanted: Callable[[int], bool]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (frame number, H x W x 3 uint8 RGB) of the wanted frames, upright, as frames() does.

    Damage that is passed over goes unsaid. Raises VideoError as frames() does.
    """
    for frame in frames(path, upside_down, lambda number, text: None):
        if wanted(frame.number):
            yield frame.number, frame.rgb()


def frames(path: Path, upside_down: bool, remark: Remark) -> Iterator[Frame]:
    """Yield every frame that decodes, in decoding order, numbered from 0.

    The header's count is never read. A picture (pictures.is_picture) is a video of one frame.
    A display matrix is honoured in every file, mirrored or not. Where the file has none and
    `upside_down` says so, its frames are turned by 180 degrees; never both. A matrix that changes
    nothing counts as none: libavformat reports none in that case, so nobody can tell the two apart.
    A damaged place is passed over and told to `remark`, once for each run of damage.

    Raises VideoError when the file is no video, when no frame of it decodes, or where decoding
    breaks off; the frames before that have been given.
    """
    if path.suffix.lower() not in VIDEOS:
        from pipeline.frames.pictures import is_picture, read_picture

        if is_picture(path):
            yield Frame(0, read_picture(path, upside_down), AS_STORED)
            return
    check_file(path)
    yield from released_in_step(decoded(path, upside_down, remark))


def released_in_step(source: Iterable[Frame]) -> Iterator[Frame]:
    """Pass frames on; a frame that is still in use when the next but one is asked for is copied.

    libav decodes into memory that it got back, and where data is damaged what lay there before
    shows through. So when it gets memory back must not depend on which frames a caller keeps:
    with this, always one step after the frame was passed on. It is one step because the variable of
    a caller's loop still holds the frame that it is done with, and skipped frames shall cost
    nothing.
    """
    before: weakref.ref[Frame] | None = None
    for frame in source:
        yield frame
        if before is not None and (kept := before()) is not None:
            kept.own()
            del kept
        before = weakref.ref(frame)


def decoded(path: Path, upside_down: bool, remark: Remark) -> Iterator[Frame]:
    """The frames of one video file, in libav's own memory; see `frames` for the rest."""
    with opened(path) as container:
        stream = video_stream(container)
        # One thread: work is parallel by partition, and the bytes must not depend on the cores.
        stream.thread_count = 1
        damage = Damage(remark)
        for packet in packets(container, stream, damage):
            for source in decoded_packet(stream, packet, damage):
                check_size(source.width, source.height)
                turn = stored_orientation(source, packet)
                if turn == AS_STORED and upside_down:
                    turn = HALF_TURN
                damage.frame(source.is_corrupt)
                yield Frame(damage.last, source, turn)
        damage.over()
        if damage.ended:
            raise VideoError(f"not decodable any further: {damage.ended}")
        if damage.last < 0:
            why = f" ({damage.first})" if damage.first else ""
            raise VideoError(f"no frame of it decodes{why}")


def stored_orientation(frame: "av.VideoFrame", packet: "av.Packet | None") -> Orientation:
    """The orientation that a frame's display matrix says; VideoError for an oblique turn.

    packet: that the frame came from, None for those that the decoder held to the end.
    """
    from av.sidedata.sidedata import SideDataContainer

    try:
        # Not frame.side_data: that and the frame would hold each other until a garbage collection.
        for data in SideDataContainer(frame):  # type: ignore[call-arg]
            if data.type.name == "DISPLAYMATRIX":
                return orientation.from_matrix(np.frombuffer(bytes(data), np.int32).tolist())
    except ValueError as error:
        if not str(error).endswith("is not a valid Type"):
            raise VideoError(str(error)) from None
        # PyAV 18.1 gives no side data at all beside a kind that it has no name for. EXIF is the one
        # that occurs, in pictures and motion JPEG, of which a packet is a picture file in itself;
        # the matrix is made from its orientation.
        from pipeline.frames.pictures import exif_orientation

        return exif_orientation(BytesIO(bytes(packet))) if packet is not None else AS_STORED
    return AS_STORED


@cache
def has_alpha(pixel_format: str) -> bool:
    """Whether frames of this pixel format may have transparent places."""
    import av

    found = av.VideoFormat(pixel_format)
    return found.has_palette or any(component.is_alpha for component in found.components)


def to_rgb(source: "av.VideoFrame | np.ndarray") -> np.ndarray:
    """A frame as stored, H x W x 3 uint8 RGB, transparent places over black.

    Untagged colours are BT.601 of limited range, as FFmpeg and OpenCV take them. A frame that is
    transparent all over is taken as opaque: its writer did not mean the fourth channel. VideoError
    where there is no conversion for its colours.
    """
    if isinstance(source, np.ndarray):
        return source.copy()
    if source.colorspace == 3:
        source.colorspace = 2  # a reserved value, to be taken as not given
    try:
        if has_alpha(source.format.name):
            from pipeline.frames.pictures import over_black

            rgba = source.to_ndarray(format="rgba", threads=1)
            return over_black(rgba) if rgba[..., 3].any() else rgba[..., :3]
        rgb = source.to_ndarray(format="rgb24", threads=1)
        return rgb.copy() if source.format.name == "rgb24" else rgb  # else it is the frame's memory
    except (OSError, ValueError, MemoryError) as error:
        kind = f"{source.format.name}, colour space {source.colorspace}"
        raise VideoError(f"no conversion to RGB ({kind}): {reason(error)}") from None


def own_copy(frame: "av.VideoFrame") -> "av.VideoFrame | np.ndarray":
    """The frame in memory of its own.

    Its RGB where a copy of its planes would be converted otherwise than the frame itself, since
    libswscale looks at more than PyAV lets one copy: of interlaced frames, of those of more than 8
    bits, and of rare layouts.
    """
    import av

    deep = any(component.bits > 8 for component in frame.format.components)
    odd = any(plane.line_size <= 0 for plane in frame.planes)
    if deep or odd or frame.interlaced_frame or has_alpha(frame.format.name):
        return to_rgb(frame)
    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for to, of in zip(copy.planes, frame.planes, strict=True):
        width = min(to.line_size, of.line_size)
        rows = np.frombuffer(of, np.uint8).reshape(-1, of.line_size)
        np.frombuffer(to, np.uint8).reshape(-1, to.line_size)[:, :width] = rows[:, :width]
    copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
    return copy
