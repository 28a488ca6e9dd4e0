"""What is wrong with a bundle's manifest in itself: its text, its types, its sums.

Pure functions of bytes and of what they say; pipeline/verify/check.py reads the files.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from pipeline.bundle import FAILURES, BundleError, canonical_json, check_schema, manifest_hash
from pipeline.verify.findings import Finding, plain
from pipeline.verify.shard import rows_hash

KINDS = {
    "corrections": list, "counts": dict, "failures": list, "hash": str, "notice": str,
    "provenance": dict, "remarks": list, "shards": list, "spoof_depth": str,
}  # fmt: skip
"""What stands in a manifest beside `schema`, and what it is in JSON."""
_CALLED = {list: "list", dict: "object", str: "text", int: "whole number of 0 or more"}
SUMS = ("samples", "live", "spoof")
_NAME = re.compile(r"(.+)-(\w+)-(\d{5,})-of-(\d{5,})\.h5")


class Entry(NamedTuple):
    """What the manifest says of one shard."""

    file: str
    dataset: str
    split: str
    samples: int
    live: int
    spoof: int
    bytes: int
    key: str
    sha256: str


class Manifest(NamedTuple):
    """A manifest that could be read, made whole with empty values where something was missing.

    content: what it says. entries: of the shards, those that are well formed. failures: rows_hash
    of the failures by dataset and split. trusted: whether it fits its own hash.
    """

    content: dict[str, Any]
    entries: list[Entry]
    failures: dict[tuple[str, str], str]
    trusted: bool


def read(data: bytes) -> tuple[Manifest | None, list[Finding]]:
    """A manifest from the bytes of its file, None where they say none, and what is wrong."""
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError, MemoryError) as error:
        text = f"damaged, not a readable manifest: {plain(str(error)[:150])}"
        return None, [Finding("damaged, not a readable manifest", text)]
    if not isinstance(content, dict):
        return None, [Finding("not a manifest: no JSON object")]
    try:
        check_schema(content.get("schema"), "")
    except BundleError as error:
        text = plain(str(error).removeprefix(": "))
        return None, [Finding("a schema that is not read", text)]
    try:
        findings = list(_of_the_text(data, content))
    except RecursionError:
        return None, [Finding("damaged, not a readable manifest: too many lists in lists")]
    trusted = not findings
    for name, kind in KINDS.items():
        if not isinstance(content.get(name), kind):
            wrong = f"'{name}' is missing or no {_CALLED[kind]}"
            findings.append(Finding(wrong))
            content[name] = kind()
    entries, wrong_entries = _entries(content["shards"])
    manifest = Manifest(content, entries, _failures(content["failures"]), trusted)
    return manifest, [*findings, *(wrong_entries or _of_the_sums(manifest))]


def _of_the_text(data: bytes, content: dict[str, Any]) -> Iterator[Finding]:
    try:
        fits = content.get("hash") == manifest_hash(content)
        canonical = data == canonical_json(content).encode("utf-8")
    except ValueError:  # NaN, or half a surrogate pair
        fits = canonical = False
    if not fits:
        yield Finding("damaged, or edited by hand: it does not fit the hash that it carries")
    elif not canonical:
        yield Finding("damaged, or edited by hand: its text is not the canonical one")


def _failures(failures: Sequence[Any]) -> dict[tuple[str, str], str]:
    """Rows_hash by dataset and split, of the columns that the shards have as well."""
    rows: dict[tuple[str, str], list[list[Any]]] = {}
    for row in failures:
        if isinstance(row, dict):
            place = (str(row.get("dataset")), str(row.get("split")))
            rows.setdefault(place, []).append([row.get(name) for name in sorted(FAILURES)])
    return {place: rows_hash(of_place) for place, of_place in rows.items()}


def _entries(shards: Sequence[Any]) -> tuple[list[Entry], list[Finding]]:
    """The well-formed entries, each file once, and what is wrong with the others."""
    entries: dict[str, Entry] = {}
    findings = []
    for number, shard in enumerate(shards):
        wrong = _trouble(shard)
        if not wrong and shard["file"] in entries:
            wrong = f"{plain(shard['file'])} is listed twice"
        if wrong:
            findings.append(Finding("a shard that is listed wrongly", f"shard {number}: {wrong}"))
        else:
            entries[shard["file"]] = Entry(**{name: shard[name] for name in Entry._fields})
    return sorted(entries.values()), findings


def names(manifest: Manifest) -> set[str]:
    """The files that the manifest lists, those of entries that are not well formed included."""
    shards = (shard for shard in manifest.content["shards"] if isinstance(shard, dict))
    return {shard["file"] for shard in shards if isinstance(shard.get("file"), str)}


def _trouble(shard: Any) -> str:
    """What is wrong with the entry of a shard; "" where nothing is."""
    if not isinstance(shard, dict):
        return "no object"
    for name, kind in Entry.__annotations__.items():
        value = shard.get(name)
        if not isinstance(value, kind) or isinstance(value, bool) or (kind is int and value < 0):
            return f"'{name}' is missing or no {_CALLED[kind]}"
    file = shard["file"]
    if PurePosixPath(file).name != file or plain(file) != file:
        return f"the file {plain(file)} is not a plain name of a file in the bundle"
    named = _NAME.fullmatch(file)
    if not named or named[1] != shard["dataset"] or named[2] != shard["split"]:
        place = f"{plain(shard['dataset'])}, {plain(shard['split'])}"
        return f"the file {file} is not named as a shard of {place} is"
    return ""


def _of_the_sums(manifest: Manifest) -> Iterator[Finding]:
    """What does not fit together within a manifest."""
    content, entries = manifest.content, manifest.entries
    if not entries:
        yield Finding("it lists no shard")
    sums: dict[str, Counter[str]] = {}
    for entry in entries:
        row = sums.setdefault(f"{entry.dataset}/{entry.split}", Counter(dict.fromkeys(SUMS, 0)))
        row.update({name: getattr(entry, name) for name in SUMS})
    for name in sorted({*sums, *content["counts"]}):
        said, found = content["counts"].get(name), sums.get(name)
        if said != found:
            text = f"its shards have {_counts_text(found)}, and 'counts' says {_counts_text(said)}"
            yield Finding("counts that are not those of the shards", f"{plain(name)}: {text}")
    yield from _missing_pieces(entries)
    for dataset in sorted({*(entry.dataset for entry in entries), *content["provenance"]}):
        provenance = content["provenance"].get(dataset)
        if not isinstance(provenance, dict):
            yield Finding("no provenance", f"{plain(dataset)}: no provenance is told")
            continue
        raw = spoof_depth(provenance)
        if raw != content["spoof_depth"]:
            text = f"'spoof_depth' is {plain(content['spoof_depth'])}, by its settings {plain(raw)}"
            yield Finding("another spoof_depth by the settings", f"{plain(dataset)}: {text}")


def _counts_text(counts: Any) -> str:
    if not isinstance(counts, Mapping) or {*counts} != {*SUMS}:
        return "none" if counts is None else plain(json.dumps(counts))
    return ", ".join(f"{counts[name]} {name}" for name in SUMS)


def _missing_pieces(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Shards that must be there by the names of the others of their split."""
    splits: dict[tuple[str, str], dict[int, set[int]]] = {}
    for entry in entries:
        named = _NAME.fullmatch(entry.file)
        if named:
            pieces = splits.setdefault((entry.dataset, entry.split), {})
            pieces.setdefault(int(named[4]), set()).add(int(named[3]))
    for (dataset, split), cuts in sorted(splits.items()):
        for count, numbers in cuts.items():
            wrong = len(cuts) > 1 or len(numbers) != count or max(numbers) >= count
            if wrong:
                text = f"{dataset} {split}: {len(numbers)} shards are listed of {count}"
                yield Finding("shards of a split are not listed", text)


def spoof_depth(provenance: Any) -> str:
    """What the settings of a dataset or shard say of the depth of spoofs; "" where they do not."""
    for name in ("settings", "depth", "spoof_depth"):
        provenance = provenance.get(name) if isinstance(provenance, dict) else None
    return provenance if isinstance(provenance, str) else ""
