"""What two bundles do not have in common: settings, samples, labels, failures, source videos.

Samples are matched by dataset, video and frame, never by their place. Of pixels the checksums that
the shards carry are compared, and the pixels themselves only where those differ; whether checksums
are right is another question, which `ocim bundle verify` answers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.bundle import BundleError, canonical_json
from pipeline.inspect.fields import Differences, Sample
from pipeline.inspect.read import (
    SHOWN,
    Opened,
    as_bundle_errors,
    column,
    flat,
    printable,
    videos_of,
)

LISTS = ("failures", "remarks", "corrections")
_ELSEWHERE = {"hash", "counts", "shards", "provenance", *LISTS}
"""Keys of the manifest that follow from the shards, or are compared one by one."""


class Place(NamedTuple):
    """Where a sample lies: its split, the file name of the shard, and the row in that."""

    split: str
    file: str
    row: int


def diff(a: Path, b: Path) -> dict[str, Any]:
    """What differs between two bundles, as plain JSON.

    `same` says whether nothing does. `settings` has a row for every dotted key of the provenance
    and of the manifest itself (dataset ""), with `a` and `b` where it is there. `splits` has a row
    a dataset and split. Raises BundleError for what is no bundle or is damaged.
    """
    one, other = Opened(a), Opened(b)
    found: dict[str, Any] = {
        "a": {"hash": one.bundle.hash, "samples": _size(one)},
        "b": {"hash": other.bundle.hash, "samples": _size(other)},
        "settings": list(settings(one, other)),
        "splits": [],
        "moved": [],
        "videos": [],
    }
    for dataset in sorted({*one.datasets, *other.datasets}):
        splits, moved = samples(one, other, dataset)
        found["splits"] += splits
        found["moved"] += moved
        if dataset in one.datasets and dataset in other.datasets:
            found["videos"] += list(videos(one, other, dataset))
    for name in LISTS:
        found[name] = dict(zip(("only_a", "only_b"), rows_apart(one, other, name), strict=True))
    found["same"] = not (
        found["settings"]
        or found["moved"]
        or found["videos"]
        or any(row["only_a"]["count"] or row["only_b"]["count"] for row in found["splits"])
        or any(row["fields"] for row in found["splits"])
        or any(found[name]["only_a"] or found[name]["only_b"] for name in LISTS)
    )
    return found


def _size(opened: Opened) -> int:
    return sum(entry["samples"] for entry in opened.entries)


def settings(a: Opened, b: Opened) -> Iterator[dict[str, Any]]:
    """The dotted keys whose values differ: rows of dataset ("" for the manifest's own), key, and a
    and b where they are there.
    """
    parts = []
    for opened in (a, b):
        manifest = opened.bundle.manifest
        rest = {name: value for name, value in manifest.items() if name not in _ELSEWHERE}
        parts.append({"": flat(rest), **{n: flat(p) for n, p in manifest["provenance"].items()}})
    left, right = parts
    for dataset in (name for name in left if name in right):
        for key in sorted({*left[dataset], *right[dataset]}):
            values = {
                side: part[dataset][key]
                for side, part in (("a", left), ("b", right))
                if key in part[dataset]
            }
            # As they are written, for 1 is no True and no 1.0.
            if len(values) < 2 or canonical_json(values["a"]) != canonical_json(values["b"]):
                yield {"dataset": dataset, "key": key, **values}


def places(opened: Opened, dataset: str) -> dict[Sample, Place]:
    """Where every sample of a dataset lies. Raises BundleError where one stands twice."""
    found: dict[Sample, Place] = {}
    for entry in opened.entries:
        if entry["dataset"] != dataset:
            continue
        shard = opened.shard(entry["file"])
        names, frames = column(shard, "video").tolist(), column(shard, "frame").tolist()
        for row, sample in enumerate(zip(names, frames, strict=True)):
            if sample in found:
                name = f"{printable(sample[0])} frame {sample[1]}"
                raise BundleError(f"{shard.path}: {name} stands twice in this bundle")
            found[sample] = Place(entry["split"], entry["file"], row)
    return found


def samples(
    a: Opened, b: Opened, dataset: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A row for each split of a dataset, and one for each two splits between which samples moved.

    Of a split: dataset, split, both (samples in both), only_a and only_b (count, and the first
    few), fields (those that differ, as Difference.to_json). Of a move: dataset, from, to, count,
    first. Samples in both are counted, and their fields compared, under the split that they have in
    a. Raises BundleError for a sample that stands twice, or a damaged shard.
    """
    in_a, in_b = places(a, dataset), places(b, dataset)
    only: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    both: Counter[str] = Counter()
    moved: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    pairs: dict[tuple[str, str, str], list[Sample]] = defaultdict(list)
    for sample, here in in_a.items():
        there = in_b.get(sample)
        if there is None:
            only["a", here.split].append(sample)
            continue
        both[here.split] += 1
        pairs[here.split, here.file, there.file].append(sample)
        if here.split != there.split:
            moved[here.split, there.split].append(sample)
    for sample, there in in_b.items():
        if sample not in in_a:
            only["b", there.split].append(sample)
    fields: dict[str, Differences] = defaultdict(Differences)
    for (split, file, file_b), shared in pairs.items():
        rows = [(in_a[sample].row, in_b[sample].row) for sample in shared]
        fields[split].add(a.shard(file), b.shard(file_b), rows, shared)
    names = sorted({split for _, split in only} | set(both))
    return [
        {
            "dataset": dataset,
            "split": split,
            "both": both[split],
            "only_a": _first(only["a", split]),
            "only_b": _first(only["b", split]),
            "fields": {n: one.to_json(n) for n, one in sorted(fields[split].items())},
        }
        for split in names
    ], [
        {"dataset": dataset, "from": before, "to": after, **_first(those)}
        for (before, after), those in sorted(moved.items())
    ]


def _first(those: Sequence[Sample]) -> dict[str, Any]:
    first = [{"video": video, "frame": frame} for video, frame in sorted(those)[:SHOWN]]
    return {"count": len(those), "first": first}


def videos(a: Opened, b: Opened, dataset: str) -> Iterator[dict[str, Any]]:
    """The source videos of a dataset that are only in one bundle, or not the same in both: rows of
    dataset, video, and only_in (a or b), or one column of the table `videos` with its value in a
    and b.
    """
    left, right = (_videos(opened, dataset) for opened in (a, b))
    for video in sorted({*left, *right}):
        if video not in left or video not in right:
            yield {"dataset": dataset, "video": video, "only_in": "a" if video in left else "b"}
            continue
        for name in sorted({*left[video], *right[video]}):
            pair = left[video].get(name), right[video].get(name)
            if pair[0] != pair[1]:
                yield {"dataset": dataset, "video": video, name: {"a": pair[0], "b": pair[1]}}


def _videos(opened: Opened, dataset: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    splits = {entry["split"] for entry in opened.entries if entry["dataset"] == dataset}
    for split in sorted(splits):  # each shard of a split lists all videos of it
        found |= videos_of(opened.shard(opened.of_split(dataset, split)[0]))
    return found


def rows_apart(
    a: Opened, b: Opened, name: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of a list of the manifest that only a has, and those that only b has."""
    counted = []
    for opened in (a, b):
        with as_bundle_errors(opened.path):
            counted.append(Counter(canonical_json(row) for row in opened.rows(name)))
    left, right = counted
    return _only(a.rows(name), left - right), _only(b.rows(name), right - left)


def _only(rows: Iterable[dict[str, Any]], wanted: Counter[str]) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        if wanted[text := canonical_json(row)] > 0:
            wanted[text] -= 1
            found.append(row)
    return found
