"""Which shards a bundle is to have, and which of them are there already.

A plan is made from the identities of the samples, without a look at their pixels, so that a bundle
that has no room is refused before it is begun.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import keys, layers, shard
from pipeline.bundle import Bundle, BundleError, Shard, order, sample_checksum
from pipeline.config import Config, Layout
from pipeline.datasets.base import SPLITS, Video, read_index
from pipeline.errors import UserError
from pipeline.gather import (
    Partition,
    Sample,
    corrections_of,
    failures_of,
    opened,
    remarks_of,
    samples_of,
)
from pipeline.index import partition_rows
from pipeline.provenance import notice, of_dataset
from pipeline.store import canonical_json

VERSION = 5


@dataclass(frozen=True)
class Piece:
    """One shard that is to be: its samples in order, and what it says of itself.

    attributes: of the file, its key among them. sha256: of the file that is there and is finished
    work; "" where it is to be written.
    """

    path: Path
    samples: Sequence[Sample]
    attributes: dict[str, str]
    videos: Sequence[dict[str, Any]]
    failures: Sequence[dict[str, Any]]
    sha256: str

    @property
    def size(self) -> int:
        """How many bytes it takes at most."""
        return shard.size_limit(len(self.samples), len(self.videos), len(self.failures))


@contextmanager
def hdf5_damage_told(dataset: str) -> Iterator[None]:
    """Make what HDF5 raises of a damaged partition one UserError."""
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


@dataclass(frozen=True)
class Plan:
    """What is to be written of one dataset, and what the manifest lists of it."""

    dataset: str
    rows: Sequence[Video]
    pieces: Sequence[Piece]
    provenance: dict[str, Any]
    lists: dict[str, list[dict[str, Any]]]


@contextmanager
def partitions_of(
    dataset: str, config: Config, layout: Layout, rows: Sequence[Video]
) -> Iterator[list[Partition]]:
    """The files of every partition of a dataset, open for reading in the block."""
    count = config.datasets[dataset].partitions
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                opened(config, layout, dataset, number, partition_rows(rows, number, count))
            )
            for number in range(count)
        ]


def plan_dataset(
    dataset: str, config: Config, layout: Layout, known: dict[str, tuple[str, str]]
) -> Plan:
    """Plan the shards of one dataset. known: see `recorded`.

    Raises UserError when a stage's output is missing or the dataset has no sample at all.
    """
    rows = read_index(layout.index(dataset))
    videos = {row.path: row for row in rows}
    with (
        partitions_of(dataset, config, layout, rows) as partitions,
        hdf5_damage_told(dataset),
    ):
        failures = failures_of(dataset, partitions, videos)
        dropped = {
            (failure.video, failure.frame)
            for partition in partitions
            for layer in (partition.depth, partition.parsing)
            for failure in layers.read_failures(layer)
        }
        samples = [s for s in samples_of(partitions) if (s.video, s.frame) not in dropped]
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
        sources = {s.video: s for part in partitions for s in layers.read_sources(part.crops)}
        pieces = []
        for name in SPLITS:
            split = Split(
                dataset,
                name,
                [row for row in rows if row.split == name],
                [{**sources[row.path]._asdict(), "upside_down": row.upside_down}
                 for row in rows if row.split == name],
                [failure for failure in failures if failure["split"] == name],
                sorted((sample for sample in samples if videos[sample.video].split == name),
                       key=lambda sample: order(dataset, sample.video, sample.frame)),
            )  # fmt: skip
            pieces += list(pieces_of(split, partitions, config, layout, known))
        return Plan(dataset, rows, pieces, of_dataset(config, dataset, partitions), lists)


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
    split: Split,
    partitions: Sequence[Partition],
    config: Config,
    layout: Layout,
    known: dict[str, tuple[str, str]],
) -> Iterator[Piece]:
    """Cut the samples of one split into shards of nearly equal size."""
    samples, size = split.samples, len(split.samples)
    count = -(-size // config.pack.shard_samples)
    for number in range(count):
        part = samples[size * number // count : size * (number + 1) // count]
        path = layout.bundle / f"{split.dataset}-{split.name}-{number:05d}-of-{count:05d}.h5"
        used = sorted({sample.partition for sample in part})
        provenance = of_dataset(config, split.dataset, [partitions[at] for at in used])
        told = notice({split.dataset: provenance})
        # What decides the bytes is said of videos and samples, never of partitions: how a dataset
        # is cut, and what changed in a split that shares partitions with this one, is no matter.
        makers = {s.video: partitions[s.partition].makers for s in part}
        key = keys.key(
            stage="pack",
            version=VERSION,
            shard=path.name,
            provenance=provenance,
            notice=told,
            rows=[list(row.__dict__.values()) for row in split.rows],
            videos=split.videos,
            makers=makers,
            samples=[(sample.video, sample.frame) for sample in part],
            failures=split.failures,
        )
        attributes = {
            "dataset": split.dataset,
            "split": split.name,
            "key": key,
            "provenance": canonical_json(provenance),
            "notice": told,
        }
        sha256 = finished(path, key, known.get(path.name))
        yield Piece(path, part, attributes, split.videos, split.failures, sha256)


def recorded(folder: Path) -> dict[str, tuple[str, str]]:
    """Key and sha256 of each shard as the manifest that is there says; empty where there is none,
    or none that can be believed.
    """
    try:
        entries = Bundle(folder).manifest["shards"]
        return {str(one["file"]): (str(one["key"]), str(one["sha256"])) for one in entries}
    except (BundleError, LookupError, TypeError):
        return {}


def finished(path: Path, key: str, known: tuple[str, str] | None) -> str:
    """Sha256 of the shard at `path` if it is finished work, else "".

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
        there = Shard(path, key)
        pixels = (there.image, there.depth, there.parsing)
        whole = all(
            sample_checksum(*(field[row] for field in pixels)) == there.checksum[row]
            for row in range(len(there))
        )
    except (BundleError, OSError, ValueError):
        return ""
    return found if whole else ""
