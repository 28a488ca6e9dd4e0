"""Looks into one shard, in a process of its own: `python -m pipeline.verify.shard SHARD`.

HDF5 is not safe with damaged files: it may crash, never end, or ask for all memory. So this process
has limits of time and memory, and prints what it finds at once, one JSON object a line: the fields
of Findings, then those of a Result. pipeline/verify/check.py starts it and judges how it ends.
Nothing outside of the shard is known here.
"""

import hashlib
import json
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from pipeline.bundle import FIELDS, PIXELS, BundleError, check_schema, order
from pipeline.verify import layout
from pipeline.verify import samples as rules
from pipeline.verify.findings import Finding, limited, plain

MEMORY = 2 << 30
"""Bytes of address space that the process may take; a shard of 4096 samples needs 0.12 GB."""
BLOCK = 64
"""Samples whose pixels are in memory at once: 17 MB."""


class Result(NamedTuple):
    """What a shard is compared by with the manifest and the other shards.

    dataset, split, key, provenance: of the attributes. places: bundle.order of each sample, 16
    bytes each, in hex. subjects: each once. videos, failures: rows_hash of the tables. "" or None:
    it cannot be read, which is a Finding.
    """

    dataset: str
    split: str
    key: str
    provenance: Any
    samples: int
    live: int | None
    spoof: int | None
    places: str | None
    subjects: list[str] | None
    videos: str | None
    failures: str | None


def time_limit(size: int) -> float:
    """Seconds that a file of `size` bytes may take: a minute, and one more for every 20 MB."""
    return 60 + size / 20e6


def rows_hash(rows: Iterable[Iterable[Any]]) -> str:
    """Sha256 in hex that stands for rows of a table, each in the order of its columns' names."""
    text = json.dumps([list(row) for row in rows])
    return hashlib.sha256(text.encode()).hexdigest()


class Look:
    """One open shard: iterate `findings` to the end, then ask for the `result`.

    size: of the file in bytes.
    """

    def __init__(self, file: h5py.File, size: int) -> None:
        self.file, self.size = file, size
        self.columns: dict[str, Any] = {}  # texts as lists of str, numbers as arrays
        self.arrays: dict[str, h5py.Dataset] = {}  # the fields of more than one number a sample
        self.tables: dict[str, dict[str, list[Any]]] = {}
        self.places: list[bytes] | None = None
        self.samples = self._most_common_length()

    def _most_common_length(self) -> int:
        """How many samples there are: one field of another length is the wrong one."""
        lengths: Counter[int] = Counter()
        for name in FIELDS:
            with suppress(Exception):  # told when it is its turn
                field = layout.stored(self.file, name)
                lengths.update(field.shape[:1] if field is not None else ())
        return lengths.most_common(1)[0][0] if lengths else 0

    def findings(self) -> Iterator[Finding]:
        """All that is wrong; of samples with video and frame, where they can be read."""
        yield from limited(self._of_the_layout())
        yield from limited(self._named(finding) for finding in self._of_samples())

    def _named(self, finding: Finding) -> Finding:
        if finding.sample is None or not {"video", "frame"} <= self.columns.keys():
            return finding
        video, frame = (self.columns[name][finding.sample] for name in ("video", "frame"))
        return finding._replace(video=video, frame=int(frame))

    def _of_the_layout(self) -> Iterator[Finding]:
        yield from layout.safely("the attributes", layout.header(self.file))
        for name, field in FIELDS.items():
            of_field = layout.field_layout(self.file, name, self.samples, self.size)
            dataset = yield from layout.safely(f"'{name}'", of_field)
            if dataset is not None and field.shape:
                self.arrays[name] = dataset
            elif dataset is not None:
                self.columns[name] = dataset[:]
        for name in layout.TABLES:
            of_table = layout.table_layout(self.file, name, self.size)
            columns = yield from layout.safely(f"the table '{name}'", of_table)
            if columns is not None:
                self.tables[name] = columns

        if "videos" in self.tables:
            yield from rules.sources(self.tables["videos"])

    def _of_samples(self) -> Iterator[Finding]:
        found: list[Finding] = []
        for name, values in self.columns.items():
            if FIELDS[name].dtype is None:
                self.columns[name], wrong = rules.texts(name, values)
                found += wrong
        yield from found  # now that video is text, by which samples are named
        for name, values in self.columns.items():
            if FIELDS[name].dtype is not None:
                yield from rules.ranges(name, values)
        if {"live", "attack", "instrument"} <= self.columns.keys():
            yield from rules.classes(
                *(self.columns[name] for name in ("live", "attack", "instrument"))
            )
        yield from self._of_identities()
        for first in range(0, self.samples if self.arrays else 0, BLOCK):
            yield from self._of_arrays(first, min(first + BLOCK, self.samples))

    def _of_identities(self) -> Iterator[Finding]:
        if not {"video", "frame"} <= self.columns.keys():
            return
        identities = list(zip(self.columns["video"], self.columns["frame"].tolist(), strict=True))
        dataset = self.file.attrs.get("dataset")
        if isinstance(dataset, str):
            self.places = [order(dataset, video, frame) for video, frame in identities]
            yield from rules.places(self.places)
        if "videos" in self.tables:
            yield from rules.unknown_videos(identities, self.tables["videos"]["video"])
        if "failures" in self.tables:
            table = self.tables["failures"]
            failed = zip(table["video"], table["frame"], strict=True)
            reasons = dict(zip(failed, table["reason"], strict=True))
            yield from rules.failed_samples(identities, reasons)

    def _of_arrays(self, first: int, end: int) -> Iterator[Finding]:
        block: dict[str, np.ndarray] = {}
        for name, dataset in self.arrays.items():
            block[name] = dataset[first:end]
            yield from rules.ranges(name, block[name], first)
        if "affine" in block:
            yield from rules.affines(block["affine"], first)
        if "depth" in block and "live" in self.columns:
            yield from rules.depths(self.columns["live"][first:end], block["depth"], first)
        if {*PIXELS} <= block.keys() and "checksum" in self.columns:
            pixels = [block[name] for name in PIXELS]
            yield from rules.checksums(pixels, self.columns["checksum"][first:end], first)

    @property
    def result(self) -> Result:
        """What the manifest and the other shards are compared with."""
        live, attributes = self.columns.get("live"), self.file.attrs
        spoof = None if live is None else int((live == 0).sum())
        hashes = {
            name: rows_hash(zip(*columns.values(), strict=True))
            for name, columns in self.tables.items()
        }
        texts = (attributes.get(name) for name in ("dataset", "split", "key"))
        dataset, split, key = (text if isinstance(text, str) else "" for text in texts)
        return Result(
            dataset=dataset,
            split=split,
            key=key,
            provenance=layout.parsed(layout.value_of(attributes.get("provenance"))),
            samples=self.samples,
            live=None if spoof is None else self.samples - spoof,
            spoof=spoof,
            places=None if self.places is None else b"".join(self.places).hex(),
            subjects=sorted(set(self.columns["subject"])) if "subject" in self.columns else None,
            videos=hashes.get("videos"),
            failures=hashes.get("failures"),
        )


def look(path: Path) -> Iterator[Finding | Result]:
    """All findings of a shard, then its Result; only one finding where it cannot be read at all.
    What a damaged file makes HDF5 raise is a finding too.
    """
    try:
        with h5py.File(path, "r") as file:
            try:
                check_schema(file.attrs.get("schema"), "")
            except BundleError as error:
                text = plain(str(error).removeprefix(": "))
                yield Finding("a schema that is not read", text)
                return
            opened = Look(file, path.stat().st_size)
            yield from opened.findings()
            yield opened.result
    except MemoryError:
        yield Finding("damaged: it asks for more memory than a shard needs")
    except Exception as error:  # whatever a damaged file makes of HDF5, h5py and numpy
        yield Finding("HDF5 cannot read it", f"HDF5 cannot read it: {plain(str(error)[:150])}")


def limit_this_process(size: int) -> None:
    """End this process when it takes more than MEMORY, or ten seconds more than its time_limit;
    also where the one that waits for it is gone. size: of the file in bytes.
    """
    _, highest = resource.getrlimit(resource.RLIMIT_AS)
    memory = MEMORY if highest == resource.RLIM_INFINITY else min(MEMORY, highest)
    resource.setrlimit(resource.RLIMIT_AS, (memory, highest))
    signal.alarm(int(time_limit(size)) + 10)


def main(path: Path) -> None:
    """Print what `look` gives, one JSON object a line: {"finding": {...}} or {"result": {...}}."""
    limit_this_process(path.stat().st_size)
    for one in look(path):
        name = "finding" if isinstance(one, Finding) else "result"
        print(json.dumps({name: one._asdict()}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # what HDF5 keeps of a damaged file is not to be tidied up
