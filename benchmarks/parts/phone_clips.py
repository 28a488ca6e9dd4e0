"""Clips as a phone takes them, made on the spot: 1080 x 1920, H.264, 30 frames/s, 13.5 Mbit/s.

The replica's renderer draws them with a camera of that size: live people, prints and screens, in a
room, from the hand, with the sensor's noise. OULU-NPU's phones give 10 to 17. Some have
B-frames, as newer phones make them, some have none.
"""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

RATE = 30
BITS_A_SECOND = 13_500_000


@dataclass(frozen=True)
class Clip:
    """One clip: its path below the folder, what is before the camera, and how it is encoded.

    attack, medium: as the replica's videos have them; "" for a live person. b_frames: on end.
    """

    path: str
    person: str
    room: int
    attack: str = ""
    medium: str = ""
    b_frames: int = 0


CLIPS = (
    Clip("train/live/01/live.mp4", "01", 0),
    Clip("train/spoof/01/print.mp4", "01", 1, "print", "printer1"),
    Clip("train/spoof/01/screen.mp4", "01", 2, "replay", "display1", b_frames=2),
    Clip("train/spoof/02/bent.mp4", "02", 0, "bent", "printer2", b_frames=2),
    Clip("train/spoof/02/print.mp4", "02", 2, "print", "printer1"),
)
"""One live to four spoofs, as in OULU-NPU."""


def make_clips(folder: Path, frames: int, cores: int, height: int = 1920) -> None:
    """Write CLIPS below a folder, each of so many frames of height x height * 9 / 16 pixels."""
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        jobs = [pool.submit(make_clip, folder / one.path, one, frames, height) for one in CLIPS]
        for job in jobs:
            job.result()


def make_clip(path: Path, clip: Clip, frames: int, height: int) -> None:
    """Draw, expose and encode one clip; always the same bytes."""
    import cv2

    from pipeline.replica import cameras, film
    from pipeline.replica.layout import Video, generator_for
    from pipeline.replica.source import load_source

    cv2.setNumThreads(1)
    small = cameras.CAMERAS["oulu"]
    width = height * 9 // 16
    times = width / small.width
    camera = replace(small, height=height, width=width, face=small.face * times)
    video = Video("oulu", clip.path, clip.person, "phone", clip.room, clip.attack, clip.medium)
    cameras.CAMERAS["phone"] = camera
    try:
        made = film.make_film(load_source(), video, frames, 0)
    finally:
        del cameras.CAMERAS["phone"]  # it is none of the replica's
    sensor = cameras.Sensor(camera, generator_for(0, "sensor", clip.path))
    bright = sum(camera.brightness) / 2
    gain = bright / cameras.measure([sensor.read(sensor.see(made.frames[0]), 0, 1.0, 0.0)])[0]
    bits = BITS_A_SECOND * height * width / (1920 * 1080)
    pictures = (
        sensor.read(sensor.see(frame), number, gain, 0.0)
        for number, frame in enumerate(made.frames)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    encode(path, pictures, (width, height), round(bits), clip.b_frames)


def encode(
    path: Path, pictures: Iterable[np.ndarray], size: tuple[int, int], bits: int, b_frames: int
) -> None:
    """Pictures (H, W, 3) uint8 RGB as H.264 with a key frame a second, at so many bits a second."""
    import av

    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.bit_rate = bits
        context.gop_size = RATE
        stream.options = {
            "preset": "veryfast",
            "bf": str(b_frames),
            "maxrate": str(round(1.2 * bits)),
            "bufsize": str(bits),
            "x264-params": "rc-lookahead=0",
        }
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
