"""The index of a dataset: one row a video, from names alone, cut into partitions by a hash."""

import hashlib
import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline import corrections
from pipeline.config import DatasetSettings
from pipeline.datasets import require_adapter, table
from pipeline.datasets.base import Adapter, Video, resolve_root
from pipeline.errors import UserError


def adapter(dataset: str, settings: DatasetSettings) -> Adapter:
    """The adapter module of a dataset; UserError, naming the key to set, when there is none."""
    name = settings.adapter or dataset
    require_adapter(dataset, name)
    return importlib.import_module(f"pipeline.datasets.{name}")


def dataset_root(dataset: str, settings: DatasetSettings) -> Path:
    """The folder to which the index's paths are relative; the root may be one level above it."""
    return resolve_root(Path(settings.root), adapter(dataset, settings), dataset)


def index(dataset: str, settings: DatasetSettings) -> list[Video]:
    """Every video of a dataset, sorted by the bytes of its path.

    Raises UserError when the folder is missing or nothing in it is named like the dataset.
    """
    place = dataset_root(dataset, settings)
    module = adapter(dataset, settings)
    found = table.rows(place, settings.table) if module is table else module.rows(place)
    rows = sorted((replace(row, dataset=dataset) for row in found), key=lambda r: r.path.encode())
    if not rows:
        raise UserError(f"{place}: no video here is named as {dataset} names them")
    overrides = overrides_file(dataset, settings, place)
    if overrides is not None:
        rows = corrections.apply(rows, corrections.read_overrides(overrides, rows))
    return rows


def overrides_file(dataset: str, settings: DatasetSettings, place: Path) -> Path | None:
    """The dataset's corrections by hand: as configured, else overrides.csv in the root, if any.

    place: the root as found, which may lie one level below the one that the settings name; the
    file may lie in either, but not in both.
    """
    if settings.overrides is not None:
        return Path(settings.overrides)
    folders = dict.fromkeys((Path(settings.root), place))
    found = [path for folder in folders if (path := folder / "overrides.csv").is_file()]
    if len(found) > 1:
        raise UserError(
            f"{found[0]} and {found[1]} are both there; keep one, or set"
            f" datasets.{dataset}.overrides to it"
        )
    return found[0] if found else None


def shipped_file(
    dataset: str, settings: DatasetSettings, root: Path
) -> Callable[[str], Path | None]:
    """A function from a video's path to the dataset's own file of its face positions, if any.

    Raises UserError where such files are to be used and the adapter knows of none.
    """
    hook = getattr(adapter(dataset, settings), "shipped_file", None)
    if hook is None and settings.faces == "shipped":
        raise UserError(
            f"datasets.{dataset}.faces is shipped, but no face positions come with this dataset;"
            " set it to detected"
        )
    return (lambda path: None) if hook is None else (lambda path: hook(root, path))


def partition_of(dataset: str, path: str, partitions: int) -> int:
    """The partition of a video: sha256 of (dataset, path) modulo the number of partitions.

    It depends on nothing else, so an added video changes one partition.
    """
    digest = hashlib.sha256(f"{dataset}\0{path}".encode()).digest()
    return int.from_bytes(digest, "big") % partitions


def partition_rows(rows: Sequence[Video], partition: int, partitions: int) -> list[Video]:
    """The rows of one partition, in the order of the index."""
    return [row for row in rows if partition_of(row.dataset, row.path, partitions) == partition]
