"""Which shards a bundle is to have, and which of them are there already.

A plan is made from the identities of the samples, without a look at their pixels, so that a bundle
that has no room is refused before it is begun.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from pipeline.bundle import Bundle, BundleError, Shard, order, sample_checksum
from pipeline.config import Config
from pipeline.datasets.base import SPLITS, Video
from pipeline.errors import UserError
from pipeline.files import keys
from pipeline.files.many import Each
from pipeline.files.store import canonical_json
from pipeline.index import by_partition
from pipeline.packing import shard
from pipeline.packing.gather import (
    Partition,
    PartitionFiles,
    Sample,
    corrections_of,
    failures_of,
    read_partition,
    remarks_of,
    samples_of,
)
from pipeline.packing.provenance import notice, of_dataset
from pipeline.places import Out, out_of

VERSION = 5
_TOGETHER = 32
"""Partitions that one call looks at: below that another process costs more than it saves."""


@dataclass(frozen=True)
class Piece:
    """One shard that is to be written, and all that is needed for it: it can be sent to a process.

    name: of its file. samples: in order. rows: of the index, by the paths of the samples' videos.
    partitions: those that the samples lie in, by number. attributes: of the file, its key among
    them. videos, failures: the rows of its tables, which are those of its whole split.
    """

    dataset: str
    name: str
    samples: Sequence[Sample]
    rows: Mapping[str, Video]
    partitions: Mapping[int, PartitionFiles]
    attributes: Mapping[str, str]
    videos: Sequence[dict[str, Any]]
    failures: Sequence[dict[str, Any]]

    @property
    def size(self) -> int:
        """How many bytes the shard takes at most."""
        return shard.size_limit(len(self.samples), len(self.videos), len(self.failures))


@dataclass(frozen=True)
class Plan:
    """What is to be written of one dataset, and what the manifest says of it.

    lists: rows of `corrections`, `failures` and `remarks`.
    """

    dataset: str
    pieces: Sequence[Piece]
    provenance: dict[str, Any]
    lists: dict[str, list[dict[str, Any]]]


@contextmanager
def hdf5_damage_as_user_error(dataset: str) -> Iterator[None]:
    """Make what HDF5 raises in the block for a damaged partition a UserError."""
    try:
        yield
    except (KeyError, RuntimeError, OSError) as error:
        # h5py tells HDF5's own errors so; any other is of the disk, or a bug.
        if not any(words in str(error) for words in ("Unable to ", "Can't ", "Unspecified error")):
            raise
        raise UserError(
            f"{dataset}: a file of crops, depth or parsing is damaged"
            f" ({' '.join(str(error).split())[:150]}); delete it and make it again"
        ) from None


def find_some(
    config: Config, dataset: str, parts: Sequence[tuple[int, Sequence[Video]]]
) -> list[Partition]:
    """Read what is small of some partitions. parts: their numbers, each with its part of the index.

    Raises UserError as read_partition does, and for a damaged file.
    """
    with out_of(config.out) as out, hdf5_damage_as_user_error(dataset):
        return [read_partition(config, out, dataset, number, rows) for number, rows in parts]


def plan_dataset(dataset: str, config: Config, rows: Sequence[Video], each: Each) -> Plan:
    """Plan the shards of one dataset. rows: its index. each: runs the calls that read partitions.

    Raises UserError when a stage's output is missing or the dataset has no sample at all.
    """
    videos = {row.path: row for row in rows}
    parts = list(enumerate(by_partition(rows, config.datasets[dataset].partitions)))
    calls = [
        (config, dataset, parts[start : start + _TOGETHER])
        for start in range(0, len(parts), _TOGETHER)
    ]
    partitions = [partition for some in each(find_some, calls) for partition in some]
    failures = failures_of(dataset, partitions, videos)
    dropped = {
        (failure.video, failure.frame)
        for partition in partitions
        for of_layer in partition.failures[1:]
        for failure in of_layer
    }
    samples = [s for s in samples_of(dataset, partitions) if (s.video, s.frame) not in dropped]
    if not samples:
        reasons = sorted({f["reason"] for f in failures})[:3]
        raise UserError(
            f"{dataset}: no sample at all from {len(videos)} videos"
            f" ({'; '.join(reasons) or 'no video in the index'}); check its root"
        )
    lists = {
        "corrections": list(corrections_of(dataset, videos, samples)),
        "failures": failures,
        "remarks": remarks_of(dataset, partitions),
    }
    sources = {source.video: source for partition in partitions for source in partition.sources}
    files = [partition.files for partition in partitions]
    pieces: list[Piece] = []
    for name in SPLITS:
        of_split = [row for row in rows if row.split == name]
        split = Split(
            dataset,
            name,
            of_split,
            [{**sources[r.path]._asdict(), "upside_down": r.upside_down} for r in of_split],
            [failure for failure in failures if failure["split"] == name],
            sorted(
                (sample for sample in samples if videos[sample.video].split == name),
                key=lambda sample: order(dataset, sample.video, sample.frame),
            ),
        )
        pieces += pieces_of(split, files, config)
    return Plan(dataset, pieces, of_dataset(config, dataset, files), lists)


class Split(NamedTuple):
    """One split of a dataset: its part of the index, the rows of the tables `videos` and
    `failures`, and its samples in the bundle's order.
    """

    dataset: str
    name: str
    rows: Sequence[Video]
    videos: Sequence[dict[str, Any]]
    failures: Sequence[dict[str, Any]]
    samples: Sequence[Sample]


def pieces_of(
    split: Split, partitions: Sequence[PartitionFiles], config: Config
) -> Iterator[Piece]:
    """Cut the samples of one split into shards of nearly equal size.

    partitions: all of the dataset, in order of their numbers.
    """
    samples, size = split.samples, len(split.samples)
    rows = {row.path: row for row in split.rows}
    # The same for every shard of the split, and long: encoded once.
    same = {
        "rows": keys.encoded([list(row.__dict__.values()) for row in split.rows]),
        "videos": keys.encoded(split.videos),
        "failures": keys.encoded(split.failures),
    }
    count = -(-size // config.pack.shard_samples)
    for number in range(count):
        own = samples[size * number // count : size * (number + 1) // count]
        name = f"{split.dataset}-{split.name}-{number:05d}-of-{count:05d}.h5"
        used = {at: partitions[at] for at in sorted({sample.partition for sample in own})}
        provenance = of_dataset(config, split.dataset, used.values())
        # What decides the bytes is said of videos and samples, never of partitions: how a dataset
        # is cut, and what changed in a split that shares partitions with this one, is no matter.
        key_parts = {
            "shard": name,
            "makers": {s.video: partitions[s.partition].makers for s in own},
            "samples": [(sample.video, sample.frame) for sample in own],
            **same,
        }
        yield Piece(
            split.dataset,
            name,
            own,
            {sample.video: rows[sample.video] for sample in own},
            used,
            attributes_of(split, provenance, key_parts),
            split.videos,
            split.failures,
        )


def attributes_of(
    split: Split, provenance: dict[str, Any], key_parts: Mapping[str, Any]
) -> dict[str, str]:
    """The attributes of one shard's file. key_parts: what else decides its bytes, for its key."""
    own_notice = notice({split.dataset: provenance})
    key = keys.key(
        stage="pack", version=VERSION, provenance=provenance, notice=own_notice, **key_parts
    )
    return {
        "dataset": split.dataset,
        "split": split.name,
        "key": key,
        "provenance": canonical_json(provenance),
        "notice": own_notice,
    }


def recorded(folder: Path) -> dict[str, tuple[str, str]]:
    """Key and sha256 of each shard, by its file's name, as the manifest in `folder` says; empty
    where there is none, or none that can be believed.
    """
    try:
        entries = Bundle(folder).manifest["shards"]
        return {str(entry["file"]): (str(entry["key"]), str(entry["sha256"])) for entry in entries}
    except (BundleError, LookupError, TypeError):
        return {}


def finished(path: Path, key: str, known: tuple[str, str] | None) -> str:
    """Sha256 in hex of the shard at `path` if it is finished work, else "".

    known: key and sha256 that the manifest recorded of it. What it recorded is hashed, and HDF5,
    which a damaged file may hang, sees nothing of it. Where no manifest was written since, the
    shard must carry the key and hold samples that fit their checksums.
    """
    if not path.is_file() or (known and known[0] != key):
        return ""
    found = keys.sha256_file(path)
    if known:
        return found if found == known[1] else ""
    try:
        stored = Shard(path, key)
        pixels = (stored.image, stored.depth, stored.parsing)
        whole = all(
            sample_checksum(*(field[row] for field in pixels)) == stored.checksum[row]
            for row in range(len(stored))
        )
    except (BundleError, OSError, ValueError):
        return ""
    return found if whole else ""


def finished_in(out: Out, path: Path, key: str, known: tuple[str, str] | None) -> str:
    """Sha256 in hex of a shard if it is finished work, else "", wherever the bundle lies.

    key, known: as for `finished`.

    In a store an object is whole or not there, and its sha256 was checked when it was sent.
    """
    if out.is_local:
        return finished(path, key, known)
    found = out.sha256(path)
    if known:
        return found if known == (key, found) else ""
    try:
        with out.reading(path) as source, h5py.File(source, "r") as file:
            return found if file.attrs.get("key") == key else ""
    except (OSError, RuntimeError):
        return ""
