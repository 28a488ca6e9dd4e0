"""Reads a bundle for people: whatever is wrong with it is one line, and its texts can be printed.

Shard and Bundle check what training needs; here the rest is read: tables, provenance, manifest.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.bundle import FIELDS, MANIFEST, Bundle, BundleError, Shard, canonical_json

_PARTS: dict[str, type] = {
    "shards": list, "failures": list, "provenance": dict, "notice": str, "spoof_depth": str,
}  # fmt: skip
_LISTS = ("shards", "failures", "remarks", "corrections")
_ENTRY = {"file": str, "dataset": str, "split": str, "key": str, "samples": int}
SHOWN = 3
"""How many names of a longer list are shown."""


@contextmanager
def as_bundle_errors(path: Path) -> Iterator[None]:
    """Make what reading a damaged part of a file raises one BundleError that names the file."""
    try:
        yield
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        what = printable(" ".join(str(error).split())) or type(error).__name__
        raise BundleError(f"{path}: damaged: {what}; ocim bundle verify says more") from None


class Opened:
    """A bundle whose manifest has all its parts; its shards are opened one by one.

    folder: of the bundle, or its bundle.json. shards_open: how many stay open at most. Raises
    BundleError for what is no bundle.
    """

    def __init__(self, folder: Path, shards_open: int = 32) -> None:
        folder = folder.parent if folder.name == MANIFEST and folder.is_file() else folder
        self.bundle = Bundle(folder)
        self.folder, self.path = folder, folder / MANIFEST
        manifest = self.bundle.manifest
        for name, kind in _PARTS.items():
            if not isinstance(manifest.get(name), kind):
                raise BundleError(f"{self.path}: '{name}' is missing; ocim bundle verify says more")
        if not all(isinstance(one, dict) for one in manifest["provenance"].values()):
            raise BundleError(f"{self.path}: 'provenance' holds something that is no mapping")
        for name in _LISTS:
            rows = self.rows(name)
            if not all(
                isinstance(row, dict) and isinstance(row.get("dataset"), str) for row in rows
            ):
                raise BundleError(f"{self.path}: '{name}' holds a row without a dataset")
        for entry in self.rows("shards"):
            if not all(isinstance(entry.get(name), kind) for name, kind in _ENTRY.items()):
                raise BundleError(f"{self.path}: an entry of 'shards' lacks {', '.join(_ENTRY)}")
        files = [entry["file"] for entry in self.entries]
        if len(set(files)) < len(files):
            raise BundleError(f"{self.path}: a shard stands twice; ocim bundle verify says more")
        self._keys = {entry["file"]: entry["key"] for entry in self.entries}
        self.shard = lru_cache(maxsize=shards_open)(self._shard)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The manifest's entries of all shards, by their file names."""
        return sorted(self.rows("shards"), key=lambda entry: str(entry["file"]))

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets in the bundle, sorted."""
        return self.bundle.datasets

    def rows(self, name: str) -> list[dict[str, Any]]:
        """A list of the manifest; empty where it has none of that name.

        Raises BundleError where that is no list.
        """
        found = self.bundle.manifest.get(name, [])
        if not isinstance(found, list):
            raise BundleError(f"{self.path}: '{name}' is no list; ocim bundle verify says more")
        return found

    def of_split(self, dataset: str, split: str) -> list[str]:
        """File names of the shards of one split of a dataset."""
        return [
            entry["file"]
            for entry in self.entries
            if (entry["dataset"], entry["split"]) == (dataset, split)
        ]

    def _shard(self, file: str) -> Shard:
        if Path(file).name != file:
            raise BundleError(f"{self.folder}: {printable(file)} is not a plain file name")
        return Shard(self.folder / file, self._keys[file])


def column(shard: Shard, name: str, rows: Sequence[int] | None = None) -> np.ndarray:
    """A field of some samples, of all without `rows`: (rows, ...) in the stored dtype, text as str.

    Raises BundleError where that part of the shard is missing or damaged.
    """
    with as_bundle_errors(shard.path):
        return shard.read(name, rows)


def fields_of(shard: Shard) -> set[str]:
    """Names of the fields that the shard has; one of another version may lack some.

    This, and the rest that is read of a shard below, raises BundleError where it is damaged.
    """
    with as_bundle_errors(shard.path), h5py.File(shard.path, "r") as file:
        return set(FIELDS) & set(file)


def videos_of(shard: Shard) -> dict[str, dict[str, Any]]:
    """The table `videos` by path: sha256, faces_sha256 and upside_down of each."""
    with as_bundle_errors(shard.path):
        return {str(row["video"]): row for row in shard.table("videos")}


def failures_of(shard: Shard) -> list[dict[str, Any]]:
    """The table `failures`: video, frame and reason of each."""
    with as_bundle_errors(shard.path):
        return shard.table("failures")


def provenance_of(shard: Shard) -> dict[str, Any]:
    """The shard's own provenance."""
    with as_bundle_errors(shard.path):
        found = shard.provenance
        canonical_json(found)  # a ValueError where there is NaN, which is no JSON
        return found


def notice_of(shard: Shard) -> str:
    """The shard's own notice."""
    with as_bundle_errors(shard.path), h5py.File(shard.path, "r") as file:
        return str(file.attrs["notice"])


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested values by dotted names: {"crop": {"margin": 1.4}} as {"crop.margin": 1.4}.

    Of a list of mappings each has its number in the name, unless it is the only one. Any other list
    is a value, and so is an empty mapping.
    """
    items: list[tuple[str, Any]]
    if isinstance(value, Mapping) and value:
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        if len(value) == 1:
            return flat(value[0], name)
        items = [(str(number), item) for number, item in enumerate(value)]
    else:
        return {name: value}
    found: dict[str, Any] = {}
    for key, item in items:
        found |= flat(item, f"{name}.{key}" if name else key)
    return found


def without_numbers(text: str) -> str:
    """A text with every number in it written N, so that reasons that differ in it alone are one."""
    return re.sub(r"\d+(\.\d+)?", "N", text)


def printable(text: str) -> str:
    """A text of somebody else's as it may go to a terminal: control letters are escaped."""
    return "".join(
        letter if letter.isprintable() else ascii(letter)[1:-1]  # no letter moves the cursor
        for letter in text
    )
