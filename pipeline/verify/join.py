"""What is wrong between shards, and between a shard and the manifest, by their Results alone."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pipeline.files.records import same_person
from pipeline.verify.findings import Finding, plain
from pipeline.verify.manifest import SUMS, Entry, Manifest, spoof_depth
from pipeline.verify.shard import Result, rows_hash

PLACE = 16
"""Bytes of bundle.order."""


def is_raw(manifest: Manifest | None, result: Result) -> bool:
    """Whether spoofs may have depth: the shard's settings say so, and the manifest too."""
    said = "raw" if manifest is None else manifest.content["spoof_depth"]
    return said == spoof_depth(result.provenance) == "raw"


def is_listed(entry: Entry, result: Result) -> bool:
    """Whether the shard is the one that stands in the manifest at this place; "" tells nothing."""
    names = ("dataset", "split", "key")
    return all(getattr(result, name) in ("", getattr(entry, name)) for name in names)


def with_manifest(manifest: Manifest, entry: Entry, result: Result) -> Iterator[Finding]:
    """What the manifest says of a shard and is not so."""
    if not is_listed(entry, result):
        yield Finding("another shard", _another(manifest, entry, result))
        return
    found, said = ([getattr(one, name) for name in SUMS] for one in (result, entry))
    if any(f not in (None, s) for f, s in zip(found, said, strict=True)):
        words = (f"{number} {name}" for name, number in zip(SUMS, found, strict=True))
        text = f"it holds {', '.join(words)}; by bundle.json {', '.join(map(str, said))}"
        yield Finding("counts that are not those of bundle.json", text)
    if result.provenance is not None:
        provenance = manifest.content["provenance"].get(entry.dataset)
        differs = ", ".join(_differences(result.provenance, provenance))
        if differs:
            text = f"its provenance is not that of {entry.dataset} in bundle.json: {differs}"
            yield Finding("another provenance than in bundle.json", text)
    failures = manifest.failures.get((entry.dataset, entry.split), rows_hash([]))
    if result.failures not in (None, failures):
        yield Finding("its table 'failures' is not that of its split in bundle.json")


def _another(manifest: Manifest, entry: Entry, result: Result) -> str:
    """In words, how a shard is not the one of its place."""
    differs = [
        f"{name} is {plain(getattr(result, name))}, not {plain(getattr(entry, name))}"
        for name in ("dataset", "split")
        if getattr(result, name) not in ("", getattr(entry, name))
    ]
    file = next((other.file for other in manifest.entries if other.key == result.key), "")
    if result.key not in ("", entry.key) and file:
        differs.append(f"its key is that of {file}")
    elif result.key not in ("", entry.key):
        strange = "its key is not in bundle.json"
        differs.append(f"{strange}: it is of another bundle, or was packed at another time")
    return f"another shard than bundle.json lists: {'; '.join(differs)}"


def _differences(shard: Mapping[str, Any], dataset: Any) -> Iterator[str]:
    """Names of what is told differently; the makers of a shard are some of its dataset's."""
    dataset = dataset if isinstance(dataset, dict) else {}
    for name in sorted({*shard, *dataset}):
        ours, theirs = shard.get(name), dataset.get(name)
        if name == "backends" and isinstance(ours, dict) and isinstance(theirs, dict):
            for label in sorted({*ours, *theirs}):
                if not _is_part(ours.get(label), theirs.get(label)):
                    yield f"backends of {plain(label)}"
        elif ours != theirs:
            yield plain(name)


def _is_part(some: Any, every: Any) -> bool:
    """Whether both are lists, and all of the first is in the second."""
    are_lists = isinstance(some, list) and isinstance(every, list)
    return are_lists and all(one in every for one in some)


Shards = Mapping[str, Result]
"""Results by the names of the files, sorted."""


def between(shards: Shards) -> Iterator[tuple[str, Finding]]:
    """What is wrong between shards: the file's name, and what it is."""
    datasets: dict[str, dict[str, Result]] = {}
    for file, result in shards.items():
        datasets.setdefault(result.dataset, {})[file] = result
    for of_dataset in datasets.values():
        yield from _splits(of_dataset)
        yield from _twice(of_dataset)
        yield from _subjects(of_dataset)


def _splits(shards: Shards) -> Iterator[tuple[str, Finding]]:
    """Shards of one split that do not follow each other, or list other videos."""
    before: dict[str, tuple[str, Result]] = {}
    for file, result in shards.items():
        if result.split in before:
            other, last = before[result.split]
            if None not in (result.videos, last.videos) and result.videos != last.videos:
                yield file, Finding("other videos", f"its table 'videos' is not that of {other}")
            if result.places and last.places and min(_places(result)) < max(_places(last)):
                kind = "out of the bundle's order"
                text = f"{kind}: some of its samples belong before the end of {other}"
                yield file, Finding(kind, text)
        before[result.split] = (file, result)


def _places(result: Result) -> list[bytes]:
    data = bytes.fromhex(result.places or "")
    return [data[at : at + PLACE] for at in range(0, len(data), PLACE)]


def _twice(shards: Shards) -> Iterator[tuple[str, Finding]]:
    """Samples that stand in two shards of a dataset."""
    files = [file for file, result in shards.items() if result.places]
    halves = [
        np.frombuffer(bytes.fromhex(shards[file].places or ""), ">u8").reshape(-1, 2)
        for file in files
    ]
    if len(files) < 2:
        return
    number = np.repeat(np.arange(len(files)), [len(one) for one in halves])
    row = np.concatenate([np.arange(len(one)) for one in halves])
    places = np.concatenate(halves).astype(np.uint64)
    by_place = np.lexsort((row, number, places[:, 1], places[:, 0]))
    first = by_place[0]
    for here in by_place[1:]:
        if (places[here] != places[first]).any():
            first = here
        elif number[here] != number[first]:  # within one shard it is told already
            kind = "the same sample in two shards"
            text = f"the same sample as number {row[first]} of {files[number[first]]}"
            yield files[number[here]], Finding(kind, text, int(row[here]))


def _subjects(shards: Shards) -> Iterator[tuple[str, Finding]]:
    """Subjects in two splits of a dataset."""
    first: dict[str, tuple[str, str]] = {}
    reported = set()
    for file, result in shards.items():
        for subject in result.subjects or ():
            person = same_person(subject)
            split, other = first.setdefault(person, (result.split, file))
            if split != result.split and (person, result.split) not in reported:
                reported.add((person, result.split))
                kind = "a subject in two splits"
                text = f"subject {plain(subject)} is in {split} too, in {other}"
                yield file, Finding(kind, text)
