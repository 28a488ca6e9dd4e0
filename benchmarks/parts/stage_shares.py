"""What each part of the whole job takes: seconds of the processor, of each without the others.

The stages run one after the other in this process, with clocks around their parts; videos too are
cropped in it, not in a child. Clocks cost little, so the sum is about what the job takes without
them; loading models is not in it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from benchmarks.parts.clock import Clock
from pipeline.config import Config
from pipeline.datasets.base import Video

PARTS = (
    "decode", "convert", "keep", "detector", "mesh networks", "mesh patches", "cut", "hash",
    "write crops", "depth", "parse", "pack", "other",
)  # fmt: skip


class Here:
    """In the place of `pipeline.isolated.Isolated`: crops in this process, where clocks are."""

    left_out = False

    def __init__(self, landmarks: Any) -> None:
        self.made_on = landmarks.made_on
        self._landmarks = landmarks

    def crop(self, row: Video, job: Any, samples: Any) -> None:
        """As `Isolated.crop`, without any limit but that of frames."""
        from pipeline.cropping.crop_video import crop_video

        crop_video(row, self._landmarks, job, samples)


@contextmanager
def here(choice: Any) -> Iterator[Here]:
    """In the place of `pipeline.isolated.cropper`."""
    with choice.load() as landmarks:
        yield Here(landmarks)


def shares(config: Config, rows: Sequence[Video], dataset: str) -> dict[str, float]:
    """Seconds by PARTS of one dataset of one partition, made anew below the configuration's OUT."""
    from labels.landmarks.embedded import FaceMesh, RefinedMesh
    from labels.landmarks.plain_mesh import PlainMesh
    from pipeline import backends, crop, partition
    from pipeline.cropping import crop_video
    from pipeline.cropping.samples import Samples
    from pipeline.files import keys, layers
    from pipeline.frames import video
    from pipeline.pack import pack
    from pipeline.packing import shard

    clock = Clock()

    def watch(place: Any, name: str, part: str, how: Callable[..., Any] = clock.timed) -> None:
        stack.enter_context(patch.object(place, name, how(part, getattr(place, name))))

    run = partial(partition.label_partition, config, dataset, 0, rows=rows)
    with ExitStack() as stack:
        watch(backends.Choice, "load", "start")
        watch(keys, "sha256_file", "hash")
        stack.enter_context(patch.object(crop, "cropper", here))
        watch(crop_video, "frames", "decode", clock.stepped)
        watch(video.Frame, "rgb", "convert")
        watch(video, "own_copy", "keep")
        watch(FaceMesh, "find", "mesh patches")
        watch(FaceMesh, "detect", "detector")
        for network in (PlainMesh, RefinedMesh):
            watch(network, "run", "mesh networks")
        watch(Samples, "add", "cut")
        watch(layers, "write", "write crops")
        clock.timed("other", run)(stages=("crop",))
    with ExitStack() as stack:
        watch(backends.Choice, "load", "start")
        clock.timed("depth", run)(stages=("depth",))
        clock.timed("parse", run)(stages=("parse",))
        watch(keys, "sha256_file", "hash")
        watch(shard, "sample_checksum", "hash")
        clock.timed("pack", pack)(config)
    del clock.seconds["start"]
    return {part: clock.seconds[part] for part in PARTS}
