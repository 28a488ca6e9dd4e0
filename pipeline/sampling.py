"""Which frames of a video become samples."""

from collections.abc import Callable

from pipeline.config import DatasetSettings


def wanted_frames(settings: DatasetSettings) -> Callable[[int], bool]:
    """A test of frame numbers. `every`: the frames 0, n, 2n, ... in decoding order."""
    return lambda number: number % settings.every == 0
