"""Frames to video files: one thread, no clock, and a file of the wanted size."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

_FORMATS = {".avi": "avi", ".mov": "mov", ".mp4": "mp4"}


def _encode(
    frames: list[np.ndarray], suffix: str, rate: int, codec: str, quality: float, turned: bool
) -> bytes:
    """One encode. `quality` is the constant rate factor of libx264, the bit rate of mpeg4."""
    buffer = io.BytesIO()
    options = {"fflags": "+bitexact"}
    with av.open(buffer, "w", format=_FORMATS[suffix], options=options) as container:
        container.flags |= 0x400  # AVFMT_FLAG_BITEXACT: no version and no time in the headers
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.time_base = Fraction(1, rate)
        if codec == "libx264":
            stream.options = {"crf": f"{quality:.3f}", "preset": "veryfast", "bf": "0"}
        else:
            stream.options = {"qmin": "1", "qmax": "16", "flags": "+bitexact"}
            context.bit_rate = int(quality)
            context.gop_size = rate
        if turned:
            stream.set_display_rotation(180)
        for i, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def encode_to_size(
    frames: list[np.ndarray], suffix: str, rate: int, codec: str, size: float, turned: bool = False
) -> bytes:
    """The frames (H, W, 3) uint8 RGB as a video file of about `size` bytes (some per cent).

    `suffix` is .avi, .mov or .mp4; `turned` writes a display matrix of 180 degrees. The best of a
    few encodes is kept: size falls evenly with the quality asked for, so a secant finds it.
    """
    h264 = codec == "libx264"
    tries: list[tuple[float, float]] = []  # (log quality or factor, log of size over wanted)
    best, best_miss = b"", np.inf
    x = 26.0 if h264 else np.log(size * 8 * rate / len(frames))
    for _ in range(4):
        data = _encode(frames, suffix, rate, codec, x if h264 else float(np.exp(x)), turned)
        miss = float(np.log(len(data) / size))
        if abs(miss) < best_miss:
            best, best_miss = data, abs(miss)
        if best_miss < 0.02:
            break
        slope = -0.13 if h264 else 1.0
        if tries and abs(tries[-1][0] - x) > 1e-6:
            found = (miss - tries[-1][1]) / (x - tries[-1][0])
            if found * slope > 0:
                slope = found
        tries.append((x, miss))
        x = x - miss / slope
        x = float(np.clip(x, 4, 45)) if h264 else x
    return best


def write_bytes(path: Path, data: bytes) -> None:
    """Write beside and rename."""
    from pipeline.store import replace_whole

    with replace_whole(path) as temporary:
        temporary.write_bytes(data)
