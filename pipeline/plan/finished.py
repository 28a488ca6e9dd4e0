"""What of a run is there already, by a glance: keys are read, no video is hashed."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import h5py

from pipeline import crop, labelling
from pipeline.bundle import MANIFEST
from pipeline.config import Config
from pipeline.datasets.base import Video
from pipeline.partition import STAGES
from pipeline.places import Out


class Finished(NamedTuple):
    """Which stages of a partition are finished, as far as a glance tells: a video whose bytes have
    changed since is noticed by the stage alone.
    """

    crop: bool = False
    depth: bool = False
    parse: bool = False


def of_partition(
    config: Config, out: Out, dataset: str, number: int, rows: Sequence[Video]
) -> Finished:
    """The finished stages of one partition. rows: its part of the index."""
    place = out.layout.partition
    made_for, key = _made(out, place("crops", dataset, number))
    if made_for != crop.made_for(rows, config.crop, config.datasets[dataset]):
        return Finished()
    depth = labelling.made_for(config.depth.choice(), key)
    parsing = labelling.made_for(config.parse.choice(), key)
    return Finished(
        True,
        _made(out, place("depth", dataset, number))[0] == depth,
        _made(out, place("parsing", dataset, number))[0] == parsing,
    )


def _made(out: Out, path: Path) -> tuple[str, str]:
    """What a file says that it was made for, and its key; empty where there is none to be read."""
    try:
        with out.reading(path) as source, h5py.File(source, "r") as file:
            return str(file.attrs["made_for"]), str(file.attrs["key"])
    except (OSError, KeyError, RuntimeError):
        return "", ""


def bundle_is_newer(config: Config, out: Out) -> bool:
    """Whether bundle.json is there and younger than every partition's files.

    Never so in an object store: that it is there is not enough, and times are the store's.
    """
    manifest = out.layout.bundle / MANIFEST
    if not out.is_local or not manifest.is_file():
        return False
    written = manifest.stat().st_mtime_ns
    return all(
        path.stat().st_mtime_ns <= written
        for dataset, settings in config.datasets.items()
        for number in range(settings.partitions)
        for stage in STAGES.values()
        if (path := out.layout.partition(stage, dataset, number)).is_file()
    )
