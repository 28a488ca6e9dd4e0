"""The pack stage: crops, depth and parsing joined into shards, and the manifest over them.

The rules of the labels are checked here, once: zero depth for spoofs and only for them, classes
0 to 12, one split a subject, no sample twice.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import bundle, corrections, keys
from pipeline.config import Config, Layout
from pipeline.datasets.base import Video, read_index
from pipeline.errors import UserError
from pipeline.gather import FROM_CROPS, FROM_INDEX, Partition, Sample
from pipeline.hdf5 import fixed_strings
from pipeline.pack_plan import (
    Piece,
    Plan,
    hdf5_damage_told,
    partitions_of,
    plan_dataset,
    recorded,
)
from pipeline.provenance import notice
from pipeline.records import same_person
from pipeline.room import Room, room_for
from pipeline.shard import Pixels, write_shard
from pipeline.store import left_over, replace_whole, write_json, write_text


def pack(
    config: Config, layout: Layout, tell: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Write the shards and bundle.json of a configuration; return the manifest.

    tell: is given a line for people before anything is written. A shard that carries the right key
    and is undamaged is left as it is. Raises UserError when a stage's output is missing, when
    labels break their rules, when a dataset has no sample at all, or where the disk has no room for
    what is to be written.
    """
    plans = plan(config, layout)
    room = estimate(plans, layout)
    tell(room.told())
    room.require()
    remove_left_over(layout.bundle)
    entries = [entry for one in plans for entry in write_pieces(one, config, layout)]
    provenance = {one.dataset: one.provenance for one in plans}
    manifest: dict[str, Any] = {
        "schema": bundle.SCHEMA,
        "counts": counts(entries),
        "notice": notice(provenance),
        "provenance": provenance,
        "shards": entries,
        "spoof_depth": config.depth.spoof_depth,
    }
    for name in ("corrections", "failures", "remarks"):
        manifest[name] = [row for one in plans for row in one.lists[name]]
    manifest["hash"] = bundle.manifest_hash(manifest)
    write_text(layout.bundle / bundle.NOTICE, manifest["notice"])
    write_json(layout.bundle / bundle.MANIFEST, manifest)
    remove_strangers(layout.bundle, {entry["file"] for entry in entries})
    return manifest


def plan(config: Config, layout: Layout) -> list[Plan]:
    """What `pack` would do. Nothing is written; UserError as there, but for the disk."""
    for dataset in config.datasets:
        check_one_split_a_subject(dataset, read_index(layout.index(dataset)))
    known = recorded(layout.bundle)
    return [plan_dataset(dataset, config, layout, known) for dataset in sorted(config.datasets)]


def estimate(plans: Sequence[Plan], layout: Layout) -> Room:
    """What the shards that are to be written need of the disk."""
    pieces = [piece for one in plans for piece in one.pieces if not piece.sha256]
    return room_for(layout.bundle, [(piece.path, piece.size) for piece in pieces])


def write_pieces(plan: Plan, config: Config, layout: Layout) -> Iterator[dict[str, Any]]:
    """Write the shards of a dataset that are not finished; give the manifest's entry of each."""
    videos = {row.path: row for row in plan.rows}
    opened = partitions_of(plan.dataset, config, layout, plan.rows)
    with opened as partitions, hdf5_damage_told(plan.dataset):
        for piece in plan.pieces:
            if not piece.sha256:
                write(piece, partitions, videos, raw=config.depth.spoof_depth == "raw")
            live = sum(videos[sample.video].live for sample in piece.samples)
            yield {
                "file": piece.path.name,
                "dataset": plan.dataset,
                "split": piece.attributes["split"],
                "samples": len(piece.samples),
                "live": live,
                "spoof": len(piece.samples) - live,
                "bytes": piece.path.stat().st_size,
                "key": piece.attributes["key"],
                "sha256": piece.sha256 or keys.sha256_file(piece.path),
            }


def write(
    piece: Piece, partitions: Sequence[Partition], videos: dict[str, Video], raw: bool
) -> None:
    """Write one shard whole, checking the rules of the labels sample by sample.

    raw: whether spoofs keep the depth that was made of them (depth.spoof_depth).
    """
    samples = piece.samples
    columns = {name: column(name, samples, partitions) for name in FROM_CROPS}
    for name in FROM_INDEX:
        columns[name] = fixed_strings([getattr(videos[s.video], name) for s in samples])
    columns["video"] = fixed_strings([sample.video for sample in samples])

    stored = [(p.crops["image"], p.depth["depth"], p.parsing["parsing"]) for p in partitions]

    def pixels() -> Iterator[Pixels]:
        for sample in samples:
            image, depth, parsing = (field[sample.row] for field in stored[sample.partition])
            has_depth = bool(videos[sample.video].live) or raw
            where = f"{piece.attributes['dataset']}: {sample[:2]}"
            check_labels(depth, parsing, has_depth, where)
            yield image, depth, parsing

    with replace_whole(piece.path) as temporary:
        write_shard(temporary, piece.attributes, columns, pixels(), piece.videos, piece.failures)


def column(name: str, samples: Sequence[Sample], partitions: Sequence[Partition]) -> np.ndarray:
    """One field of the samples: read whole from each partition, which is faster than row by row."""
    used = {sample.partition for sample in samples}
    whole = {number: partitions[number].crops[name][:] for number in used}
    return np.array([whole[sample.partition][sample.row] for sample in samples])


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
    if parsing.max() >= len(bundle.CLASS_NAMES):
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


def remove_left_over(folder: Path) -> None:
    """Remove what a pack that was killed had begun and not finished."""
    for path in left_over(folder):
        path.unlink(missing_ok=True)


def remove_strangers(folder: Path, keep: set[str]) -> None:
    """Remove shards that the manifest no longer names: cut otherwise, or of a dataset now gone."""
    for path in folder.glob("[!.]*-of-*.h5"):
        if path.name not in keep:
            path.unlink()
