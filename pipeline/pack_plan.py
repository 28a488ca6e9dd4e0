"""Which shards a bundle is to have, and which of them are there already.

A plan is made from the identities of the samples, without a look at their pixels, so that a bundle
that has no room is refused before it is begun.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
def damage_told(dataset: str) -> Iterator[None]:
    """Make what HDF5 raises of a damaged partition one UserError."""
    try:
        yield
    except (KeyError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # of the disk, not of HDF5
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
    with partitions_of(dataset, config, layout, rows) as partitions, damage_told(dataset):
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
        pieces = []
        for split in SPLITS:
            of_split = [sample for sample in samples if videos[sample.video].split == split]
            about = Split(dataset, split, [row for row in rows if row.split == split], failures)
            pieces += list(pieces_of(about, of_split, partitions, config, layout, known))
        return Plan(dataset, rows, pieces, of_dataset(config, dataset, partitions), lists)


class Split:
    """The videos and failures of one split of a dataset."""

    def __init__(
        self, dataset: str, name: str, rows: Sequence[Video], failures: Sequence[dict[str, Any]]
    ) -> None:
        self.dataset, self.name, self.rows = dataset, name, rows
        self.failures = [failure for failure in failures if failure["split"] == name]


def pieces_of(
    split: Split,
    samples: Sequence[Sample],
    partitions: Sequence[Partition],
    config: Config,
    layout: Layout,
    known: dict[str, tuple[str, str]],
) -> Iterator[Piece]:
    """Cut the samples of one split, in the bundle's order, into shards of nearly equal size."""
    samples = sorted(samples, key=lambda s: order(split.dataset, s.video, s.frame))
    sources = {s.video: s for part in partitions for s in layers.read_sources(part.crops)}
    videos = [{**sources[row.path]._asdict(), "upside_down": row.upside_down} for row in split.rows]
    count = -(-len(samples) // config.pack.shard_samples)
    for number in range(count):
        part = samples[len(samples) * number // count : len(samples) * (number + 1) // count]
        path = layout.bundle / f"{split.dataset}-{split.name}-{number:05d}-of-{count:05d}.h5"
        used = sorted({sample.partition for sample in part})
        provenance = of_dataset(config, split.dataset, [partitions[at] for at in used])
        # What decides the bytes is said of videos and samples, never of partitions: how a dataset
        # is cut, and what changed in a split that shares partitions with this one, is no matter.
        makers = {s.video: partitions[s.partition].makers for s in part}
        key = keys.key(
            stage="pack",
            version=VERSION,
            shard=path.name,
            provenance=provenance,
            notice=notice({split.dataset: provenance}),
            rows=[list(row.__dict__.values()) for row in split.rows],
            videos=videos,
            makers=makers,
            samples=[(sample.video, sample.frame) for sample in part],
            failures=split.failures,
        )
        attributes = {
            "dataset": split.dataset,
            "split": split.name,
            "key": key,
            "provenance": canonical_json(provenance),
            "notice": notice({split.dataset: provenance}),
        }
        sha256 = finished(path, key, known.get(path.name))
        yield Piece(path, part, attributes, videos, split.failures, sha256)


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
