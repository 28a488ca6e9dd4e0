"""One partition through its stages: the one definition of the work.

The verbs, Snakemake (by the verbs), a local pool of processes and the workers of a cluster all call
these functions, so they cannot differ in what they make. Each finds its files from the
configuration and the partition's number, and calls the stage.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from pipeline import layers
from pipeline.config import Config, Layout
from pipeline.datasets.base import Video

STAGES = {"crop": "crops", "depth": "depth", "parse": "parsing"}
"""The stages of a partition in their order, and the folder of each."""


class Done(NamedTuple):
    """What became of one partition. made: the stages that had anything to do, in their order.
    samples, failures: of its last stage's file, and of all of them.
    """

    dataset: str
    partition: int
    made: tuple[str, ...]
    samples: int
    failures: int


def label_partition(
    config: Config,
    dataset: str,
    partition: int,
    stages: Sequence[str] = tuple(STAGES),
    rows: Sequence[Video] | None = None,
) -> Done:
    """Take one partition through stages, one after the other; what is finished is left as it is.

    rows: the partition's part of the index; None: read from the index that lies in OUT.
    """
    made, samples, failures = [], 0, 0
    for stage in stages:
        if stage == "crop":
            fresh = crop_partition(config, dataset, partition, rows)
        else:
            function = depth_partition if stage == "depth" else parse_partition
            fresh = function(config, dataset, partition)
        if fresh:
            made.append(stage)
        samples, failed = summary(Layout(config.out).partition(STAGES[stage], dataset, partition))
        failures += failed
    return Done(dataset, partition, tuple(made), samples, failures)


def crop_partition(
    config: Config, dataset: str, partition: int, rows: Sequence[Video] | None = None
) -> bool:
    """Crop one partition; False when it was finished already. rows: as for label_partition."""
    from pipeline.crop import Job, crop
    from pipeline.datasets.base import read_index
    from pipeline.index import dataset_root, partition_rows, shipped_file
    from pipeline.keys import VideoHashes

    layout, settings = Layout(config.out), config.datasets[dataset]
    if rows is None:
        of_dataset = read_index(layout.index(dataset))
        rows = partition_rows(of_dataset, partition, settings.partitions)
    root = dataset_root(dataset, settings)
    job = Job(
        root,
        config.crop,
        settings,
        config.keeps_loose(),
        shipped_file(dataset, settings, root),
    )
    return crop(rows, job, layout.partition("crops", dataset, partition), VideoHashes())


def depth_partition(config: Config, dataset: str, partition: int, force: bool = False) -> bool:
    """Make the depth layer of one partition; False when it was finished already."""
    from pipeline.depth import depth

    place = Layout(config.out).partition
    crops, out = place("crops", dataset, partition), place("depth", dataset, partition)
    return depth(crops, config.depth, out, force)


def parse_partition(config: Config, dataset: str, partition: int, force: bool = False) -> bool:
    """Make the parsing layer of one partition; False when it was finished already."""
    from pipeline.parse import parse

    place = Layout(config.out).partition
    crops, out = place("crops", dataset, partition), place("parsing", dataset, partition)
    return parse(crops, config.parse, out, force)


def summary(path: Path) -> tuple[int, int]:
    """Samples and failures of one partition's file."""
    with h5py.File(path, "r") as file:
        return len(file["frame"]), len(layers.read_failures(file))


def at_once(
    function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], cores: int
) -> list[Any]:
    """Run function(*call) for every call, `cores` processes at once; results in order."""
    import dask

    tasks = [dask.delayed(function, pure=False)(*call) for call in calls]
    scheduler = "processes" if cores > 1 else "synchronous"
    return list(dask.compute(*tasks, scheduler=scheduler, num_workers=cores))
