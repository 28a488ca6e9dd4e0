"""The index of a dataset: one row a video, from names alone, cut into partitions by a hash."""

import hashlib
import importlib
from pathlib import Path

from pipeline.datasets.base import Adapter, Video, resolve_root
from pipeline.errors import UserError


def adapter(dataset: str) -> Adapter:
    """The adapter module of a dataset by its name: oulu, casia, replay or msu."""
    return importlib.import_module(f"pipeline.datasets.{dataset}")


def dataset_root(dataset: str, root: Path) -> Path:
    """The folder to which the index's paths are relative; `root` may be one level above it."""
    return resolve_root(root, adapter(dataset), dataset)


def index(dataset: str, root: Path) -> list[Video]:
    """Every video of a dataset, sorted by the bytes of its path.

    Raises UserError when the folder is missing or nothing in it is named like the dataset.
    """
    place = dataset_root(dataset, root)
    rows = sorted(adapter(dataset).rows(place), key=lambda row: row.path.encode())
    if not rows:
        raise UserError(f"{place}: no video here is named as {dataset} names them")
    return rows


def partition_of(dataset: str, path: str, partitions: int) -> int:
    """The partition of a video: sha256 of (dataset, path) modulo the number of partitions.

    It depends on nothing else, so an added video changes one partition.
    """
    digest = hashlib.sha256(f"{dataset}\0{path}".encode()).digest()
    return int.from_bytes(digest, "big") % partitions


def partition_rows(rows: list[Video], partition: int, partitions: int) -> list[Video]:
    """The rows of one partition, in the order of the index."""
    return [row for row in rows if partition_of(row.dataset, row.path, partitions) == partition]
