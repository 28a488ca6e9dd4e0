"""Video files to upright RGB frames, decoded once, in order, without seeking."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np


class VideoError(Exception):
    """A video that cannot be decoded (any further): the reason, in one line."""


def decode(
    path: Path, upside_down: bool, wanted: Callable[[int], bool]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (frame number, H x W x 3 uint8 RGB) of the wanted frames, upright.

    Numbers count what decodes, from 0, in decoding order; the header's count is never read.
    A display matrix is honoured in every file. Where the file has none and `upside_down` says so,
    the frame is turned by 180 degrees; never both, and never mirrored.

    Raises VideoError when the file is not a video, or where decoding breaks off.
    """
    import av

    # One thread: work is parallel by partition, and the bytes must not depend on the cores.
    if path.stat().st_size == 0:
        raise VideoError("the file is empty")
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise VideoError("the file has no video stream")
            stream = container.streams.video[0]
            stream.thread_count = 1
            number = -1
            for number, frame in enumerate(container.decode(stream)):
                if wanted(number):
                    turn = frame.rotation or (180 if upside_down else 0)
                    yield number, turned(frame.to_ndarray(format="rgb24"), turn)
            if number < 0:
                raise VideoError("no frame of it decodes")
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(f"not decodable: {reason}") from error


def turned(image: np.ndarray, degrees: int) -> np.ndarray:
    """Turn H x W x C anticlockwise by a multiple of 90 degrees, as a display matrix asks for."""
    quarters, rest = divmod(degrees, 90)
    if rest:
        raise VideoError(f"the display matrix turns by {degrees} degrees, not a multiple of 90")
    return np.ascontiguousarray(np.rot90(image, quarters % 4))
