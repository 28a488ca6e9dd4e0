"""The pack stage: crops, depth and parsing joined into shards, and the manifest over them.

The rules of the labels are checked here, once: zero depth for spoofs and only for them, classes
0 to 12, one split a subject, no sample twice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import starmap
from typing import Any

import numpy as np

from pipeline import bundle
from pipeline.config import Config
from pipeline.datasets.base import Video, read_index
from pipeline.errors import UserError
from pipeline.files import keys
from pipeline.files.hdf5 import fixed_strings
from pipeline.files.many import Each
from pipeline.files.records import same_person
from pipeline.files.room import Room, room_for, room_to_send
from pipeline.files.store import remove_left_over, replace_whole, write_json, write_text
from pipeline.indexing import corrections
from pipeline.packing.gather import FROM_CROPS, FROM_INDEX, read_columns, refuse_changed
from pipeline.packing.plan import Piece, Plan, finished_in, plan_dataset, recorded
from pipeline.packing.provenance import notice
from pipeline.packing.shard import Pixels, write_shard
from pipeline.places import Out, out_of

_BATCH = 64
"""Samples whose pixels are read together: 17 MB."""
_MUCH = 2_000_000_000
"""Bytes of shards that are there from which it is worth to hash them in several processes."""


def pack(
    config: Config,
    tell: Callable[[str], None] = lambda line: None,
    each: Each = starmap,
    at_once: int = 1,
) -> dict[str, Any]:
    """Write the shards and bundle.json of a configuration; returns the manifest (docs/bundle.md).

    tell: is given a line for people before anything is written. each: runs the calls that read
    partitions and write shards, as in pipeline/files/many.py; at_once: how many of them at a time,
    which the disk must have room for. A shard that carries the right key and is undamaged is left
    as it is. Raises UserError when a stage's output is missing, when labels break their rules, when
    a dataset has no sample at all, or where the disk has no room for what is to be written.
    """
    with out_of(config.out) as out:
        plans, done = plan_bundle(config, out, each)
        room = estimate(plans, done, out, at_once)
        tell(room.line())
        room.require()
        folder = out.layout.bundle
        remove_left_over(folder)  # by a pack that was killed
        entries = write_pieces(plans, done, config, each)
        manifest = manifest_of(config, plans, entries)
        write_text(folder / bundle.NOTICE, manifest["notice"])
        out.send(folder / bundle.NOTICE)
        write_json(folder / bundle.MANIFEST, manifest)
        out.send(folder / bundle.MANIFEST)
        remove_strangers(out, {entry["file"] for entry in entries})
        return manifest


def manifest_of(
    config: Config, plans: Sequence[Plan], entries: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """What bundle.json says, its hash included. plans: of all datasets. entries: of all shards."""
    provenance = {plan.dataset: plan.provenance for plan in plans}
    manifest: dict[str, Any] = {
        "schema": bundle.SCHEMA,
        "counts": counts(entries),
        "notice": notice(provenance),
        "provenance": provenance,
        "shards": entries,
        "spoof_depth": config.depth.spoof_depth,
    }
    for name in ("corrections", "failures", "remarks"):
        manifest[name] = [row for plan in plans for row in plan.lists[name]]
    manifest["hash"] = bundle.manifest_hash(manifest)
    return manifest


def to_lines(manifest: dict[str, Any], folder: str) -> Iterator[str]:
    """Lines for people about a bundle that was packed. folder: its path or URL."""
    for name, row in manifest["counts"].items():
        yield f"{name}: {row['samples']} samples, {row['live']} live, {row['spoof']} spoof"
    yield f"{len(manifest['failures'])} failures listed"
    yield f"{folder}/bundle.json: {len(manifest['shards'])} shards"


def plan_bundle(config: Config, out: Out, each: Each) -> tuple[list[Plan], dict[str, str]]:
    """What `pack` would do, and the sha256 of each shard that is finished work, by its name.

    Nothing is written. Raises UserError as `pack` does, but for the disk.
    """
    rows = {
        dataset: read_index(out.bring(out.layout.index(dataset)))
        for dataset in sorted(config.datasets)
    }
    for dataset, of_dataset in rows.items():
        check_one_split_a_subject(dataset, of_dataset)
    plans = [plan_dataset(dataset, config, own, each) for dataset, own in rows.items()]
    present = out.states(out.layout.bundle)
    if bundle.MANIFEST in present:
        out.bring(out.layout.bundle / bundle.MANIFEST)
    known = recorded(out.layout.bundle)
    pieces = [piece for plan in plans for piece in plan.pieces if piece.name in present]
    calls = [(config, p.name, p.attributes["key"], known.get(p.name)) for p in pieces]
    much = sum(present[piece.name].size for piece in pieces) > _MUCH
    found = (each if much else starmap)(sha256_if_finished, calls)
    names = [piece.name for piece in pieces]
    return plans, {name: sha256 for name, sha256 in zip(names, found, strict=True) if sha256}


def sha256_if_finished(config: Config, name: str, key: str, known: tuple[str, str] | None) -> str:
    """Sha256 of a shard if it is finished work, else ""; see packing.plan.finished_in."""
    with out_of(config.out) as out:
        return finished_in(out, out.layout.bundle / name, key, known)


def estimate(plans: Sequence[Plan], done: Mapping[str, str], out: Out, at_once: int) -> Room:
    """What the shards that are to be written need of the disk. done: the finished ones, by name.
    at_once: how many are written at a time.
    """
    folder = out.layout.bundle
    pieces = [piece for plan in plans for piece in plan.pieces if piece.name not in done]
    files = [(folder / piece.name, piece.size) for piece in pieces]
    if out.is_local:
        return room_for(folder, files, at_once)
    return room_to_send(folder.parent.parent, files, at_once)


def write_pieces(
    plans: Sequence[Plan], done: Mapping[str, str], config: Config, each: Each
) -> list[dict[str, Any]]:
    """Write the shards that are not finished; returns the manifest's entries of all, in order.

    done: sha256 of the finished ones, by name.
    """
    pieces = [piece for plan in plans for piece in plan.pieces]
    written = each(write, ((config, piece) for piece in pieces if piece.name not in done))
    with out_of(config.out) as out:
        present = out.states(out.layout.bundle)
    return [
        entry_of(piece, present[piece.name].size, done[piece.name])
        if piece.name in done
        else next(written)
        for piece in pieces
    ]


def entry_of(piece: Piece, size: int, sha256: str) -> dict[str, Any]:
    """What the manifest says of a shard. size, sha256: of its file, in bytes and in hex."""
    live = sum(piece.rows[sample.video].live for sample in piece.samples)
    return {
        "file": piece.name,
        "dataset": piece.dataset,
        "split": piece.attributes["split"],
        "samples": len(piece.samples),
        "live": live,
        "spoof": len(piece.samples) - live,
        "bytes": size,
        "key": piece.attributes["key"],
        "sha256": sha256,
    }


def write(config: Config, piece: Piece) -> dict[str, Any]:
    """Write one shard whole, checking the rules of the labels sample by sample.

    It opens what it needs itself, so that it can run in any process. Returns the manifest's entry.
    Raises UserError where a label breaks its rules, or an input has changed meanwhile.
    """
    with out_of(config.out) as out:
        path = out.layout.bundle / piece.name
        columns = read_columns(out, piece.dataset, piece.partitions, piece.samples, FROM_CROPS)
        of_samples = [piece.rows[sample.video] for sample in piece.samples]
        for name in FROM_INDEX:
            columns[name] = fixed_strings([getattr(row, name) for row in of_samples])
        columns["video"] = fixed_strings([row.path for row in of_samples])
        raw = config.depth.spoof_depth == "raw"
        with replace_whole(path) as temporary:
            write_shard(
                temporary,
                piece.attributes,
                columns,
                pixels(out, piece, raw),
                piece.videos,
                piece.failures,
            )
            refuse_changed(out, piece.dataset, piece.partitions.values())
        sha256, size = keys.sha256_file(path), path.stat().st_size
        out.send(path)
        out.forget(path)
        return entry_of(piece, size, sha256)


def pixels(out: Out, piece: Piece, raw: bool) -> Iterator[Pixels]:
    """Image (256, 256, 3) uint8, depth (32, 32) float32 and parsing (256, 256) uint8 of each
    sample, checked by check_labels.

    raw: whether spoofs keep the depth that was made of them (depth.spoof_depth).
    """
    for start in range(0, len(piece.samples), _BATCH):
        batch = piece.samples[start : start + _BATCH]
        found = read_columns(out, piece.dataset, piece.partitions, batch, bundle.PIXELS)
        for at, sample in enumerate(batch):
            image, depth, parsing = (found[name][at] for name in bundle.PIXELS)
            has_depth = bool(piece.rows[sample.video].live) or raw
            check_labels(depth, parsing, has_depth, f"{piece.dataset}: {sample[:2]}")
            yield image, depth, parsing


def check_labels(depth: np.ndarray, parsing: np.ndarray, has_depth: bool, where: str) -> None:
    """Raise UserError unless depth and parsing of a sample keep the rules of the labels: depth in
    [0, 1] and classes 0 to 12.

    has_depth: whether there must be depth, as on live samples, or none. where: of the sample.
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


def remove_strangers(out: Out, keep: set[str]) -> None:
    """Remove shards that the manifest no longer names: cut otherwise, or of a dataset now gone."""
    for name in out.states(out.layout.bundle):
        if fnmatchcase(name, "[!.]*-of-*.h5") and name not in keep:
            out.remove(out.layout.bundle / name)
