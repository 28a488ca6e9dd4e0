"""The pack stage: crops, depth and parsing joined into shards, and the manifest over them.

The rules of the labels are checked here, once: zero depth for spoofs and only for them, classes
0 to 12, one split a subject, no sample twice.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import bundle, corrections, keys, layers
from pipeline.config import Config, Layout
from pipeline.datasets.base import SPLITS, Video, read_index
from pipeline.errors import UserError
from pipeline.gather import (
    FROM_CROPS,
    FROM_INDEX,
    Partition,
    Sample,
    corrections_of,
    failures_of,
    opened,
    remarks_of,
    samples_of,
)
from pipeline.index import partition_rows
from pipeline.provenance import of_dataset
from pipeline.records import same_person
from pipeline.store import canonical_json, replace_whole, write_json

VERSION = 2


def order(dataset: str, video: str, frame: int) -> bytes:
    """The place of a sample in its split: a keyed hash of its identity, so that reading in order
    is already a fair mixture and no worker count changes it.
    """
    identity = f"{dataset}\0{video}\0{frame}".encode()
    return hashlib.blake2b(identity, key=b"ocim bundle order", digest_size=16).digest()


def pack(config: Config, layout: Layout) -> dict[str, Any]:
    """Write the shards and bundle.json of a configuration; return the manifest.

    A shard that carries the right key is left as it is. Raises UserError when a stage's output is
    missing, when labels break their rules, or when a dataset has no sample at all.
    """
    lists: dict[str, list[dict[str, Any]]] = {
        "shards": [],
        "failures": [],
        "remarks": [],
        "corrections": [],
    }
    provenance = {}
    for dataset in sorted(config.datasets):
        provenance[dataset], of_lists = pack_dataset(dataset, config, layout)
        for name, entries in of_lists.items():
            lists[name] += entries
    manifest: dict[str, Any] = {
        "schema": bundle.SCHEMA,
        "counts": counts(lists["shards"]),
        "provenance": provenance,
        "spoof_depth": config.depth.spoof_depth,
        **lists,
    }
    manifest["hash"] = hashlib.sha256(canonical_json(manifest).encode()).hexdigest()
    write_json(layout.bundle / bundle.MANIFEST, manifest)
    remove_strangers(layout.bundle, {entry["file"] for entry in lists["shards"]})
    return manifest


def pack_dataset(
    dataset: str, config: Config, layout: Layout
) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Write the shards of one dataset; return its provenance and what the manifest lists of it."""
    rows = read_index(layout.index(dataset))
    videos = {row.path: row for row in rows}
    check_one_split_a_subject(dataset, videos.values())
    with ExitStack() as stack:
        count = config.datasets[dataset].partitions
        partitions = [
            stack.enter_context(
                opened(config, layout, dataset, number, partition_rows(rows, number, count))
            )
            for number in range(count)
        ]
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
        provenance = of_dataset(config, dataset, partitions)
        entries = []
        for split in SPLITS:
            of_split = sorted(
                (s for s in samples if videos[s.video].split == split),
                key=lambda s: order(dataset, s.video, s.frame),
            )
            entries += pack_split(
                dataset, split, of_split, partitions, videos, config, layout, provenance
            )
        return provenance, {
            "shards": entries,
            "failures": failures,
            "remarks": remarks_of(dataset, partitions),
            "corrections": list(corrections_of(dataset, videos, samples)),
        }


def pack_split(
    dataset: str,
    split: str,
    samples: Sequence[Sample],
    partitions: Sequence[Partition],
    videos: dict[str, Video],
    config: Config,
    layout: Layout,
    provenance: dict[str, Any],
) -> list[dict[str, Any]]:
    """Cut one split into shards of nearly equal size and write those that are not finished."""
    pieces = -(-len(samples) // config.pack.shard_samples)
    entries = []
    for number in range(pieces):
        part = samples[len(samples) * number // pieces : len(samples) * (number + 1) // pieces]
        path = layout.bundle / f"{dataset}-{split}-{number:05d}-of-{pieces:05d}.h5"
        key = keys.key(
            stage="pack",
            version=VERSION,
            provenance=provenance,
            shard=path.name,
            rows=sorted({tuple(map(str, videos[s.video].__dict__.values())) for s in part}),
            # Where a split is cut depends on partitions that give this shard nothing as well.
            samples=[(sample.video, sample.frame) for sample in part],
            inputs=[partitions[number].keys for number in sorted({s.partition for s in part})],
        )
        if keys.stored_key(path) != key:
            write(path, dataset, split, key, part, partitions, videos, provenance)
        live = sum(videos[sample.video].live for sample in part)
        entries.append(
            {
                "file": path.name,
                "dataset": dataset,
                "split": split,
                "samples": len(part),
                "live": live,
                "spoof": len(part) - live,
                "bytes": path.stat().st_size,
                "sha256": keys.sha256_file(path),
            }
        )
    return entries


def write(
    path: Path,
    dataset: str,
    split: str,
    key: str,
    samples: Sequence[Sample],
    partitions: Sequence[Partition],
    videos: dict[str, Video],
    provenance: dict[str, Any],
) -> None:
    """Write one shard whole, checking the rules of the labels sample by sample."""
    columns = {
        name: np.array([partitions[s.partition].crops[name][s.row] for s in samples])
        for name in FROM_CROPS
    }
    for name in FROM_INDEX:
        columns[name] = bundle.fixed_strings([getattr(videos[s.video], name) for s in samples])
    columns["video"] = bundle.fixed_strings([sample.video for sample in samples])

    spoof_depth = provenance["settings"]["depth"]["spoof_depth"] == "raw"

    def pixels() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for sample in samples:
            partition = partitions[sample.partition]
            depth = partition.depth["depth"][sample.row]
            parsing = partition.parsing["parsing"][sample.row]
            has_depth = bool(videos[sample.video].live) or spoof_depth
            check_labels(depth, parsing, has_depth, f"{dataset}: {sample[:2]}")
            yield partition.crops["image"][sample.row], depth, parsing

    attributes = {
        "dataset": dataset,
        "split": split,
        "key": key,
        "provenance": canonical_json(provenance),
    }
    with replace_whole(path) as temporary:
        bundle.write_shard(temporary, attributes, columns, pixels())


def check_labels(depth: np.ndarray, parsing: np.ndarray, has_depth: bool, where: str) -> None:
    """Raise UserError unless depth and parsing keep the rules of the labels.

    has_depth: whether there must be depth: on live samples; on spoofs where it was asked for.
    """
    if not np.isfinite(depth).all() or depth.min() < 0 or depth.max() > 1:
        raise UserError(f"{where}: depth outside 0 to 1; run ocim depth again")
    if bool(depth.any()) != has_depth:
        raise UserError(
            f"{where}: {'no depth on a face' if has_depth else 'depth on a spoof'};"
            " run ocim depth again"
        )
    if parsing.max() >= bundle.CLASSES:
        raise UserError(f"{where}: class {parsing.max()} above 12; run ocim parse again")


def check_one_split_a_subject(dataset: str, videos: Iterable[Video]) -> None:
    """Raise UserError when a subject stands in two splits; excluded videos do not count."""
    splits: dict[str, str] = {}
    for row in videos:
        if corrections.excluded(corrections.of_row(row), None):
            continue
        before = splits.setdefault(same_person(row.subject), row.split)
        if before != row.split:
            raise UserError(
                f"{dataset}: subject {row.subject} is in {before} and {row.split}; see {row.path}"
            )


def counts(entries: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Samples, live and spoof by `dataset/split`."""
    table: dict[str, dict[str, int]] = {}
    for entry in entries:
        row = table.setdefault(
            f"{entry['dataset']}/{entry['split']}", {"samples": 0, "live": 0, "spoof": 0}
        )
        for name in row:
            row[name] += entry[name]
    return table


def remove_strangers(folder: Path, keep: set[str]) -> None:
    """Remove shards that the manifest no longer names: cut otherwise, or of a dataset now gone."""
    for path in folder.glob("*-of-*.h5"):
        if path.name not in keep:
            path.unlink()
