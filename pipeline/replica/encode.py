"""Frames to video files: one thread, no clock, and a file of the wanted size."""

import io
from fractions import Fraction

import av
import numpy as np


def encode_video(
    frames: list[np.ndarray], suffix: str, rate: int, codec: str, size: float, turned: bool = False
) -> bytes:
    """The frames (H, W, 3) uint8 RGB as a video file of about `size` bytes (within some per cent).

    `suffix` is .avi, .mov or .mp4; `rate` frames a second; `codec` libx264 or mpeg4, at a constant
    bit rate: what the frames do not need is filled up, so the size tells nothing of them. `turned`
    writes a display matrix of 180 degrees.
    """
    bits = round(size * 8 * rate / len(frames))
    flow = {"minrate": str(bits), "maxrate": str(bits)}
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=suffix[1:], options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.time_base = Fraction(1, rate)
        context.bit_rate = bits
        if codec == "libx264":
            flow |= {"bufsize": str(round(0.3 * bits)), "preset": "veryfast", "bf": "0"}
            flow |= {"x264-params": "nal-hrd=cbr:rc-lookahead=0"}
        else:
            flow |= {"bufsize": str(round(0.5 * bits)), "flags": "+bitexact"}
        stream.options = flow
        if turned:
            stream.set_display_rotation(180)
        for i, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
