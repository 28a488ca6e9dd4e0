"""What the graph of rules asks: whether a configuration can run, and what has changed since."""

import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.files.keys import key
from pipeline.files.urls import is_url
from pipeline.index import dataset_root, index, partition_of, shipped_file
from train.protocols import parse as parse_protocol
from train.settings import settings_to_dict

if TYPE_CHECKING:
    from pipeline.tables.cells import Cell


def check_inputs(config: Config) -> None:
    """Raise UserError, naming what to do, unless every dataset's index can be made and the weights
    of the chosen back ends are there and right.
    """
    for dataset, settings in config.datasets.items():
        try:
            index(dataset, settings)
            shipped_file(dataset, settings, dataset_root(dataset, settings))
        except UserError as error:
            has_root = is_url(settings.root) or Path(settings.root).is_dir()
            hint = "" if has_root else ". Without data of your own: make demo"
            raise UserError(f"{error}{hint}") from None
    for choice in config.choices().values():
        choice.digests()


def check_files(config: Config) -> None:
    """Raise UserError where Snakemake cannot have OUT or a root: it goes by the times of files, so
    they are folders that may be written; and it takes braces in a file's name for wildcards.
    """
    places = {"out": config.out} | {
        f"datasets.{name}.root": dataset.root for name, dataset in config.datasets.items()
    }
    for name, place in places.items():
        if "://" in place:
            raise UserError(
                f"{name}: {place}: Snakemake works on folders; with an object store: ocim run"
            )
    if Path(config.out).is_dir() and not os.access(config.out, os.W_OK):
        # Snakemake would complain of each file, before anything of ours is asked.
        raise UserError(
            f"out: {config.out}: Read-only, or you have no leave to write there; change that, or"
            " set another out"
        )
    if "{" in config.out or "}" in config.out:
        raise UserError(f"out: {config.out}: Snakemake takes braces for wildcards; set another out")


def gpu(config: Config, stage: str) -> int | None:
    """How many GPUs a stage (crop, depth, parse, train) asks of a cluster; None, not 0, for none:
    a resource that is not there.
    """
    wants = {
        "depth": config.depth.backend != "facemesh" and config.depth.device != "cpu",
        "parse": config.parse.backend == "bisenet" and config.parse.runtime in ("auto", "torch"),
        "train": config.train.device != "cpu",
    }
    return 1 if wants.get(stage) else None


def check_protocol(config: Config) -> None:
    """Raise UserError when train.protocol needs a dataset that the configuration leaves out."""
    protocol = parse_protocol(config.train.protocol)
    for name in protocol.datasets:
        if name not in config.datasets:
            raise UserError(
                f"train.protocol '{config.train.protocol}' needs {name}, which datasets leaves out;"
                " change one of the two"
            )


def made_by(config: Config, stage: str) -> dict[str, Any]:
    """What decides a stage's (crop, depth, parse) bytes besides its input, for Snakemake to compare
    with last time: it would not look at the keys of finished work after an update.

    Plain values under `settings`, `version`, `versions`, `weights`; of crop `loose` and `limits` as
    well. Where weights are missing their hashes are left out, so that a dry run works without them.
    """
    choice = config.choices()[stage]
    made: dict[str, Any] = {
        "settings": choice.decides,
        "version": (import_module(f"pipeline.{stage}").VERSION, choice.backend.version),
        "versions": choice.versions(),
    }
    with suppress(UserError):
        made["weights"] = choice.digests()
    if stage == "crop":
        made["loose"] = config.keeps_loose()
        made["limits"] = config.crop.limits.model_dump()
    return made


def fingerprints(config: Config, dataset: str) -> list[str]:
    """Sha256 in hex of each partition's index rows and its files' sizes and times, for Snakemake.

    One a partition, in order. It lets Snakemake see that a video was added, taken away, changed or
    corrected. Where the index cannot be made every hash is that of nothing, so that a dry run works
    without data.
    """
    settings = config.datasets[dataset]
    parts: list[list[Any]] = [[] for _ in range(settings.partitions)]
    try:
        root = dataset_root(dataset, settings)
        rows = index(dataset, settings)
        shipped = shipped_file(dataset, settings, root)
    except UserError:
        return [key(videos=part) for part in parts]
    for row in rows:
        entry: list[Any] = [vars(row)]
        for path in (root / row.path, shipped(row.path)):
            if path is not None and path.is_file():
                status = path.stat()
                entry.append((status.st_size, status.st_mtime_ns))
        parts[partition_of(dataset, row.path, settings.partitions)].append(entry)
    return [key(videos=part) for part in parts]


def table_cells(config: Config) -> "list[Cell]":
    """The trainings that the tables are made of (`ocim tables`): one a protocol, variant and seed.

    Raises UserError for a protocol that needs a dataset which the configuration leaves out.
    """
    from pipeline.tables.cells import cells_for

    return cells_for(config.tables, config.datasets, config.train.protocol, "datasets")


def train_settings(config: Config) -> dict[str, Any]:
    """The training section as plain values, for Snakemake to compare with those of last time.

    Raises UserError for a protocol that cannot be trained on the configuration's datasets.
    """
    check_protocol(config)
    return settings_to_dict(config.train)
