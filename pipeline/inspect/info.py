"""What a person wants to know of a bundle, or of one shard, that they were handed.

Only the manifest, the columns of numbers and texts, and the tables are read; no pixel is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.bundle import MANIFEST, Shard
from pipeline.inspect.read import (
    Opened,
    as_bundle_errors,
    column,
    failures_of,
    flat,
    notice_of,
    printable,
    provenance_of,
    videos_of,
    without_numbers,
)

_REASONS = 20
"""How many reasons are shown; JSON has all."""


def info(path: Path) -> dict[str, Any]:
    """What is known of a bundle (its folder or its manifest) or of one shard (an HDF5 file).

    The values are plain JSON, by the names of the manifest where it has them. `splits` has one row
    a dataset and split: samples, live, spoof, videos (that gave samples), videos_without_sample,
    subjects, attacks (samples of each kind), frames_a_video (median, low, high). Raises BundleError
    for what is neither.
    """
    if path.is_file() and path.name != MANIFEST:
        return _of_shard(Shard(path))
    return _of_bundle(Opened(path))


def _of_bundle(opened: Opened) -> dict[str, Any]:
    manifest = opened.bundle.manifest
    pairs = sorted({(entry["dataset"], entry["split"]) for entry in opened.entries})
    splits, size = [], 0
    for dataset, split in pairs:
        files = opened.of_split(dataset, split)
        splits.append(split_row(dataset, split, (opened.shard(file) for file in files)))
        size += sum((opened.folder / file).stat().st_size for file in files)
    with as_bundle_errors(opened.path):
        corrections = {
            "count": len(opened.rows("corrections")),
            "by_action": _counts(row["action"] for row in opened.rows("corrections")),
            "by_dataset": _counts(row["dataset"] for row in opened.rows("corrections")),
        }
        return {
            "hash": opened.bundle.hash,
            "schema": manifest["schema"],
            "shards": len(opened.entries),
            "bytes": size,
            **_totals(splits),
            "splits": splits,
            "failures": _reasons(opened.rows("failures"), "reason"),
            "remarks": _reasons(opened.rows("remarks"), "text"),
            "corrections": corrections,
            "provenance": manifest["provenance"],
            "spoof_depth": opened.bundle.spoof_depth,
            "notice": manifest["notice"],
        }


def _of_shard(shard: Shard) -> dict[str, Any]:
    provenance = provenance_of(shard)
    splits = [split_row(shard.dataset, shard.split, [shard])]
    failures = [{"dataset": shard.dataset, **row} for row in failures_of(shard)]
    return {
        "shard": shard.name,
        "key": shard.key,
        "schema": shard.schema,
        "bytes": shard.path.stat().st_size,
        **_totals(splits),
        "splits": splits,
        "failures": _reasons(failures, "reason"),
        "provenance": {shard.dataset: provenance},
        "spoof_depth": flat(provenance).get("settings.depth.spoof_depth"),
        "notice": notice_of(shard),
    }


def split_row(dataset: str, split: str, shards: Iterable[Shard]) -> dict[str, Any]:
    """What the samples of one split are, as `info` says; the shards are read one after the other.

    Raises BundleError for a damaged one.
    """
    samples = live = count = 0
    frames: Counter[str] = Counter()
    attacks: Counter[str] = Counter()
    subjects: set[str] = set()
    listed: set[str] = set()
    for shard in shards:
        is_live = column(shard, "live") == 1
        samples, live, count = samples + len(shard), live + int(is_live.sum()), count + 1
        attacks.update(column(shard, "attack")[~is_live].tolist())
        frames.update(column(shard, "video").tolist())
        subjects.update(column(shard, "subject").tolist())
        listed = listed or set(videos_of(shard))  # every shard of a split lists all its videos
    each = list(frames.values())
    return {
        "dataset": dataset,
        "split": split,
        "shards": count,
        "samples": samples,
        "live": live,
        "spoof": samples - live,
        "videos": len(frames),
        "videos_without_sample": len(listed - set(frames)),
        "subjects": len(subjects),
        "attacks": dict(sorted(attacks.items())),
        "frames_a_video": {
            "median": float(np.median(each)) if each else 0.0,
            "low": min(each, default=0),
            "high": max(each, default=0),
        },
    }


def _counts(texts: Iterable[Any]) -> dict[str, int]:
    return dict(sorted(Counter(str(text) for text in texts).items()))


def _totals(splits: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {name: sum(row[name] for row in splits) for name in ("samples", "live", "spoof")}


def _reasons(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """How many rows, by dataset, and by their text with every number in it written N."""
    return {
        "count": len(rows),
        "by_dataset": _counts(row["dataset"] for row in rows),
        "by_reason": _counts(without_numbers(str(row[name])) for row in rows),
    }


def to_lines(known: Mapping[str, Any]) -> Iterator[str]:
    """The lines that are shown of what `info` gives."""
    if "shard" in known:
        yield f"shard {printable(known['shard'])}, key {printable(known['key'])}"
        pieces = "one shard"
    else:
        yield f"bundle {known['hash']}"
        pieces = f"{known['shards']} shards"
    yield (
        f"schema {known['schema']}, {pieces}, {known['bytes'] / 1e6:.1f} MB, {known['samples']}"
        f" samples: {known['live']} live, {known['spoof']} spoof"
    )
    yield f"spoof_depth {known['spoof_depth'] or 'unknown'}"
    yield ""
    yield from _split_lines(known["splits"])
    yield ""
    of_split = " (of all shards of the split)" if "shard" in known else ""
    yield from _reason_lines(f"failures{of_split}", known["failures"])
    if "remarks" in known:
        yield from _reason_lines("remarks", known["remarks"])
        corrections = known["corrections"]
        yield f"corrections: {_listed(corrections['by_action'], corrections['count'])}"
    yield ""
    yield from _setting_lines(known["provenance"])
    yield from _maker_lines(known["provenance"])
    yield ""
    yield from (printable(line) for line in known["notice"].splitlines())


def _listed(counts: Mapping[str, int], total: int) -> str:
    """`3: 2 exclude, 1 rotate`; `none` where there are none."""
    parts = ", ".join(f"{count} {printable(name)}" for name, count in counts.items())
    return f"{total}: {parts}" if total else "none"


def _split_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = ("dataset", "split", "samples", "live", "spoof", "videos", "subjects")
    table = [[*names, "frames a video", "attacks"]]
    for row in rows:
        frames = row["frames_a_video"]
        attacks = (f"{printable(kind) or '?'} {count}" for kind, count in row["attacks"].items())
        cells = {**row, "videos": str(row["videos"])}
        if row["videos_without_sample"]:
            cells["videos"] += f" (+{row['videos_without_sample']})"
        table.append(
            [
                *(printable(str(cells[name])) for name in names),
                f"{frames['median']:g} ({frames['low']} to {frames['high']})",
                ", ".join(attacks),
            ]
        )
    widths = [max(len(cell) for cell in cells) for cells in zip(*table, strict=True)]
    for line in table:
        padded = (
            cell.rjust(width) if 2 <= place <= 6 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join(padded).rstrip()
    if any(row["videos_without_sample"] for row in rows):
        yield "(+N): videos that gave no sample"


def _reason_lines(title: str, counts: Mapping[str, Any]) -> Iterator[str]:
    yield f"{title}: {_listed(counts['by_dataset'], counts['count'])}"
    by_count = sorted(counts["by_reason"].items(), key=lambda item: (-item[1], item[0]))
    for reason, count in by_count[:_REASONS]:
        yield f"  {count:6}  {printable(reason)}"
    if len(by_count) > _REASONS:
        yield f"  and {len(by_count) - _REASONS} other reasons; --json has all"


def _shared(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each different value with, where datasets differ, the names of those that have it."""
    for value in dict.fromkeys(values.values()):
        names = [printable(name) for name, other in values.items() if other == value]
        yield value, "" if len(names) == len(values) else f" ({', '.join(names)})"


def _setting_lines(provenance: Mapping[str, Any]) -> Iterator[str]:
    """The settings and versions, one a line: `  crop.margin  1.4`."""
    flats = {}
    for dataset, one in provenance.items():
        settings = flat(one.get("settings", {}))
        versions = flat({"packed by": one.get("versions", {})})
        flats[dataset] = {**settings, **versions}
    names = list(dict.fromkeys(name for one in flats.values() for name in one if name))
    width = max((len(name) for name in names), default=0)
    yield "settings:"
    for name in names:
        values = {dataset: str(one.get(name, "not given")) for dataset, one in flats.items()}
        texts = (f"{printable(value)}{where}" for value, where in _shared(values))
        yield f"  {printable(name):{width}}  {'; '.join(texts)}"


def _maker_lines(provenance: Mapping[str, Any]) -> Iterator[str]:
    """What made each kind of label: back end, where it ran, versions and weights."""
    backends = {dataset: one.get("backends", {}) for dataset, one in provenance.items()}
    for label in dict.fromkeys(label for one in backends.values() for label in one):
        makers = {
            dataset: "\n".join(line for maker in one.get(label, []) for line in maker_lines(maker))
            for dataset, one in backends.items()
        }
        for text, where in _shared(makers):
            yield f"{printable(label)}{where}:"
            yield from (f"  {printable(line)}" for line in text.splitlines())


def maker_lines(maker: Mapping[str, Any]) -> Iterator[str]:
    """One back end in lines, by what a provenance says of it; what it does not say is unknown."""
    yield f"{maker.get('backend', 'unknown')} on {maker.get('made_on', 'unknown')}"
    versions = (f"{name} {version}" for name, version in maker.get("versions", {}).items())
    yield f"  versions  {', '.join(versions) or 'none given'}"
    for weights in maker.get("weights", []):
        licence = weights.get("licence", "unknown")
        yield f"  weights   {weights.get('name')} {weights.get('sha256')}, licence: {licence}"
    if not maker.get("weights"):
        yield "  weights   none but those within its packages"
    if never := maker.get("classes_never_given"):
        yield f"  never     {', '.join(map(str, never))}"
