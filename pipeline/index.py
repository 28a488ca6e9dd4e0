"""The index of a dataset: one row a video, from names alone, cut into partitions by a hash."""

import hashlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline.config import DatasetSettings
from pipeline.datasets import require_adapter, table
from pipeline.datasets.base import Adapter, Video, resolve_root
from pipeline.errors import UserError
from pipeline.files.records import shown
from pipeline.files.urls import is_url
from pipeline.indexing import corrections


def adapter(dataset: str, settings: DatasetSettings) -> Adapter:
    """The adapter module of a dataset; UserError, naming the key to set, when there is none."""
    name = settings.adapter or dataset
    require_adapter(dataset, name)
    return importlib.import_module(f"pipeline.datasets.{name}")


def dataset_root(dataset: str, settings: DatasetSettings) -> Path:
    """The folder to which the index's paths are relative; the root may be one level above it.

    Of a root in an object store it is a folder of this machine with the same names
    (places/names.py), which is there until the process ends. Raises UserError where the folder is
    missing, or nothing in it is named like the dataset.
    """
    with _url_in_errors(settings):
        return resolve_root(_folder(settings.root), adapter(dataset, settings), dataset)


def _folder(root: str) -> Path:
    if not is_url(root):
        return Path(root)
    from pipeline.places.names import names_of

    return names_of(root, with_faces=False).root


def _list(text: str) -> Path:
    if not is_url(text):
        return Path(text)
    from pipeline.places.names import fetch_beside

    return fetch_beside(text)


@contextmanager
def _url_in_errors(settings: DatasetSettings) -> Iterator[None]:
    """Name the URL in errors where a folder of this machine stands for it."""
    try:
        yield
    except UserError as error:
        if is_url(settings.root):
            raise UserError(
                str(error).replace(str(_folder(settings.root)), settings.root)
            ) from None
        raise


def index(dataset: str, settings: DatasetSettings) -> list[Video]:
    """Every video of a dataset, sorted by the bytes of its path, with its corrections by hand.

    Raises UserError when the folder is missing, nothing in it is named like the dataset, or a list,
    table or overrides.csv is wrong.
    """
    if is_url(settings.root):
        from pipeline.places.names import names_of

        names_of(settings.root, oldest=0)  # listed anew; what is read below is of these
    place = dataset_root(dataset, settings)
    module = adapter(dataset, settings)
    listed = settings.table and str(_list(settings.table))
    with _url_in_errors(settings):
        found = table.rows(place, listed) if module is table else module.rows(place)
        rows = [replace(row, dataset=dataset) for row in found]
        rows.sort(key=lambda row: row.path.encode())
        if not rows:
            raise UserError(f"{place}: no video here is named as {dataset} names them")
        overrides = overrides_file(dataset, settings, place)
        if overrides is not None:
            rows = corrections.apply(rows, corrections.read_overrides(overrides, rows))
    return rows


def objects_passed_over(root: str) -> list[str]:
    """A line for people on each object of a root in a store that can be no file of this machine,
    with the reason; none for a root on disk.
    """
    if not is_url(root):
        return []
    from pipeline.places.names import names_of

    return [
        f"  passed over: {shown(key)}: {reason}"
        for key, reason in names_of(root, with_faces=False).passed_over
    ]


def overrides_file(dataset: str, settings: DatasetSettings, place: Path) -> Path | None:
    """The dataset's corrections by hand: as configured, else overrides.csv in the root, if any.

    place: the root as found, which may lie one level below the one that the settings name; the file
    may lie in either. UserError where it lies in both.
    """
    if settings.overrides is not None:
        return _list(settings.overrides)
    folders = dict.fromkeys((_folder(settings.root), place))
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
    """The partition of a video, from 0: sha256 of (dataset, path) modulo the number of partitions.

    It depends on nothing else, so an added video changes one partition.
    """
    digest = hashlib.sha256(f"{dataset}\0{path}".encode()).digest()
    return int.from_bytes(digest, "big") % partitions


def by_partition(rows: Sequence[Video], partitions: int) -> list[list[Video]]:
    """The rows of every partition, each in the order of the index: all of them in one pass."""
    parts: list[list[Video]] = [[] for _ in range(partitions)]
    for row in rows:
        parts[partition_of(row.dataset, row.path, partitions)].append(row)
    return parts
