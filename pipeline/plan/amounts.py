"""How much work a video is: frames to decode, faces to look for, samples to make."""

from typing import NamedTuple

from pipeline.config import DatasetSettings
from pipeline.frames.sampling import regular, ssdg_positions, uniform_positions


class Amount(NamedTuple):
    """The work of one video.

    frames: of the video. decoded: frames decoded, twice where they are counted first. looked:
    frames in which a face is looked for. samples: if every frame has a face, so at most.
    """

    frames: int
    decoded: int
    looked: int
    samples: int


def of_video(frames: int, settings: DatasetSettings) -> Amount:
    """The work of a video (or picture: one frame) of so many frames by its dataset's sampling."""
    samples = samples_of(frames, settings)
    if frames <= 1 or regular(settings) is not None:
        return Amount(frames, frames, samples, samples)
    looked = samples + (frames if settings.sampling == "ssdg" else 0)
    return Amount(frames, 2 * frames, looked, samples)


def samples_of(frames: int, settings: DatasetSettings) -> int:
    """How many samples a video of so many frames gives, if every frame has a face."""
    if frames <= 1:
        return frames  # a picture is its one frame, whatever the sampling
    if settings.sampling == "all":
        return frames
    if settings.sampling == "every":
        return -(-frames // settings.every)
    place = ssdg_positions if settings.sampling == "ssdg" else uniform_positions
    return len({at for at in place(frames, settings.frames) if at < frames})
