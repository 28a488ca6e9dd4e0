"""One partition through its stages: the one definition of the work.

The verbs, Snakemake (by the verbs), a local pool of processes and the workers of a cluster all call
these functions, so they cannot differ in what they make. Each finds its files from the
configuration and the partition's number, and calls the stage.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import h5py

from pipeline.config import Config
from pipeline.datasets.base import Video, read_index, write_index
from pipeline.files import layers
from pipeline.files.store import named
from pipeline.index import index, partition_of
from pipeline.places import Out, out_of

STAGES = {"crop": "crops", "depth": "depth", "parse": "parsing"}
"""The stages of a partition in their order, and the folder of each."""


class Done(NamedTuple):
    """What became of one partition.

    made: the stages that had anything to do, in their order. samples: in the last stage's file.
    failures: listed in the files of all stages.
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

    stages: names of STAGES. rows: the partition's part of the index; None: read from the index that
    lies in OUT. Raises UserError for an input that is missing, damaged or wrong.
    """
    made, samples, failures = [], 0, 0
    with out_of(config.out) as out:
        for stage in stages:
            if _make(config, stage, dataset, partition, out, rows):
                made.append(stage)
            samples, failed = summary(out, out.layout.partition(STAGES[stage], dataset, partition))
            failures += failed
    return Done(dataset, partition, tuple(made), samples, failures)


def make_stage(
    config: Config,
    stage: str,
    dataset: str,
    partition: int,
    rows: Sequence[Video] | None = None,
    force: bool = False,
) -> bool:
    """Take one partition through one stage; False when it was finished already.

    stage: a name of STAGES. rows: for the stage crop, as for label_partition. force: for depth and
    parse, make the labels again though they are finished. Raises UserError as label_partition does.
    """
    with out_of(config.out) as out:
        return _make(config, stage, dataset, partition, out, rows, force)


def write_dataset_index(config: Config, dataset: str, rows: list[Video] | None = None) -> str:
    """Write OUT/index/DATASET.csv; returns its path or URL.

    rows: of the index; None: from the names under the dataset's root. Raises UserError as
    index.index does.
    """
    if rows is None:
        rows = index(dataset, config.datasets[dataset])
    with out_of(config.out) as out:
        path = out.layout.index(dataset)
        write_index(path, rows)
        out.send(path)
        return out.address(path)


def index_rows(config: Config, dataset: str) -> list[Video]:
    """The index of a dataset as it lies in OUT; UserError where it is missing or damaged."""
    with out_of(config.out) as out:
        return read_index(out.bring(out.layout.index(dataset)))


def _make(
    config: Config,
    stage: str,
    dataset: str,
    partition: int,
    out: Out,
    rows: Sequence[Video] | None,
    force: bool = False,
) -> bool:
    if stage == "crop":
        return _crop(config, dataset, partition, out, rows)
    return _label(config, stage, dataset, partition, out, force)


def _crop(
    config: Config, dataset: str, partition: int, out: Out, rows: Sequence[Video] | None
) -> bool:
    from pipeline.crop import Job, crop, find_inputs
    from pipeline.places.videos import videos_of

    settings = config.datasets[dataset]
    if rows is None:
        rows = read_index(
            out.bring(out.layout.index(dataset)),
            lambda path: partition_of(dataset, path, settings.partitions) == partition,
        )
    path = out.layout.partition("crops", dataset, partition)
    with videos_of(dataset, settings, partition, rows, out) as videos:
        job = Job(videos.root, config.crop, settings, config.keeps_loose(), videos.shipped_file)
        stored = stored_key(out, path)
        # Known from what is remembered of the videos, so that none is fetched in vain.
        if videos.in_store and stored and stored in find_inputs(rows, job, videos.hash_video).keys:
            return False
        videos.fetch()
        with named(path):
            made = crop(rows, job, path, videos.hash_video, stored)
        if not made:
            return False
        out.send(path)
        return True


def _label(config: Config, stage: str, dataset: str, partition: int, out: Out, force: bool) -> bool:
    """Make a layer of labels, of the stage depth or parse."""
    from pipeline import depth, labelling, parse

    crops = out.layout.partition("crops", dataset, partition)
    path = out.layout.partition(STAGES[stage], dataset, partition)
    layer = depth.layer(config.depth) if stage == "depth" else parse.layer(config.parse)
    if not force:
        key = stored_key(out, crops)
        if key is not None and stored_key(out, path) == labelling.layer_key(layer, key):
            return False
    labelling.make_layer(layer, out.bring(crops), path)
    out.send(path)
    return True


def stored_key(out: Out, path: Path) -> str | None:
    """The key that an output carries; None when there is no readable one with a key."""
    try:
        with out.reading(path) as source, h5py.File(source, "r") as file:
            return str(file.attrs["key"])
    except (OSError, KeyError, RuntimeError):
        return None


def summary(out: Out, path: Path) -> tuple[int, int]:
    """How many samples and how many failures one partition's file has."""
    with out.reading(path) as source, h5py.File(source, "r") as file:
        return len(file["frame"]), len(layers.read_failures(file))
