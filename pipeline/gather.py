"""What the stages left of one dataset: samples, failures, remarks and corrections, for pack."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import h5py
import numpy as np

from pipeline import corrections, crop, labelling, layers
from pipeline.bundle import FIELDS, PIXELS
from pipeline.config import Config, Layout
from pipeline.datasets.base import Video
from pipeline.errors import UserError

FROM_INDEX = ("attack", "device", "instrument", "session", "subject")
FROM_CROPS = tuple(
    name for name, field in FIELDS.items() if field.dtype is not None and name not in PIXELS
)


class Partition(NamedTuple):
    """The three files of one partition, open for reading."""

    crops: h5py.File
    depth: h5py.File
    parsing: h5py.File

    @property
    def makers(self) -> list[str]:
        """What made each of the three files."""
        return [str(file.attrs["made_by"]) for file in self]


class Sample(NamedTuple):
    """One sample's identity, and where it lies: number of the partition and row in it."""

    video: str
    frame: int
    partition: int
    row: int


@contextmanager
def opened(
    config: Config, layout: Layout, dataset: str, number: int, rows: Sequence[Video]
) -> Iterator[Partition]:
    """The files of one partition, whose part of the index is `rows`; closed after the block.

    Raises UserError, with the stage to run, where one is missing, or was made for another index or
    configuration.
    """

    def part(folder: str, verb: str, names: Sequence[str], made_for: str) -> h5py.File:
        path = layout.partition(folder, dataset, number)
        file = stack.enter_context(layers.open_input(path, verb, names))
        if file.attrs.get("made_for") != made_for:
            raise UserError(
                f"{path}: made for another index or configuration; run ocim {verb} for this"
                " partition"
            )
        return file

    with ExitStack() as stack:
        for_crops = crop.made_for(rows, config.crop, config.datasets[dataset])
        crops = part("crops", "crop", ("image", "video", *FROM_CROPS), for_crops)
        key = str(crops.attrs["key"])
        for_depth = labelling.made_for(config.depth.choice(), key)
        for_parsing = labelling.made_for(config.parse.choice(), key)
        yield Partition(
            crops,
            part("depth", "depth", ("depth", "frame", "video"), for_depth),
            part("parsing", "parse", ("frame", "parsing", "video"), for_parsing),
        )


def samples_of(partitions: Sequence[Partition]) -> Iterator[Sample]:
    """Every sample of the partitions; UserError when the layers belong to other crops."""
    seen: set[tuple[str, int]] = set()
    for number, partition in enumerate(partitions):
        videos = partition.crops["video"][:]
        frames = partition.crops["frame"][:]
        for layer in (partition.depth, partition.parsing):
            if not (
                np.array_equal(layer["frame"][:], frames)
                and np.array_equal(layer["video"][:], videos)
            ):
                raise UserError(f"{layer.filename}: made for other crops; run its stage again")
        for row, (video, frame) in enumerate(zip(videos, frames, strict=True)):
            identity = (video.decode("utf-8"), int(frame))
            if identity in seen:
                raise UserError(f"{partition.crops.filename}: the sample {identity} stands twice")
            seen.add(identity)
            yield Sample(*identity, number, row)


def failures_of(
    dataset: str, partitions: Sequence[Partition], videos: dict[str, Video]
) -> list[dict[str, Any]]:
    """The failures of all stages with what the index says of their videos, sorted."""
    failures = []
    for partition in partitions:
        for file in partition:
            for failure in layers.read_failures(file):
                row = videos.get(failure.video)
                if row is None:
                    raise UserError(
                        f"{file.filename}: {failure.video} is not in the index; run ocim crop"
                    )
                about = {name: getattr(row, name) for name in ("split", "live", *FROM_INDEX)}
                failures.append({"dataset": dataset, **failure._asdict(), **about})
    return sorted(failures, key=lambda f: (f["video"], f["frame"], f["reason"]))


def remarks_of(dataset: str, partitions: Sequence[Partition]) -> list[dict[str, Any]]:
    """What the crop stage remarked of samples and videos, sorted."""
    remarks = [one for partition in partitions for one in layers.read_remarks(partition.crops)]
    return [{"dataset": dataset, **one._asdict()} for one in sorted(remarks)]


def corrections_of(
    dataset: str, videos: dict[str, Video], samples: Sequence[Sample]
) -> Iterator[dict[str, Any]]:
    """The corrections by hand of a dataset, each with how many samples it concerns."""
    frames: dict[str, list[int]] = {}
    for sample in samples:
        frames.setdefault(sample.video, []).append(sample.frame)
    for row in videos.values():
        for one, text in zip(corrections.of_row(row), corrections.summary([row]), strict=True):
            of_video = frames.get(row.path, [])
            concerned = sum(1 for frame in of_video if one.covers(frame))
            yield {"dataset": dataset, **text, "samples": concerned}
