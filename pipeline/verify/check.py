"""Checks a bundle: every byte against its hash, every sample against the rules of the labels.

A file is hashed before HDF5 sees it, and HDF5 sees it only in a child process that may crash or
hang (pipeline/verify/shard.py). So this never does, whatever lies in the folder.
"""

import hashlib
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.bundle import MANIFEST, NOTICE
from pipeline.errors import UserError
from pipeline.verify import join
from pipeline.verify import manifest as verify_manifest
from pipeline.verify.findings import Finding, limited
from pipeline.verify.manifest import Manifest
from pipeline.verify.samples import DEPTH_ON_SPOOF
from pipeline.verify.shard import Result, time_limit

LARGEST_MANIFEST = 1_000_000_000
"""Bytes. A manifest of the four datasets has some millions."""
_ROOT = Path(__file__).resolve().parents[2]
_SHARD = re.compile(r"[^.].*-of-.*\.h5")
_UNFINISHED = re.compile(r"\..*\.tmp(\..*)?")


class Report(NamedTuple):
    """What `verify` found.

    findings: the name of a file of the bundle, and what is wrong with it. shards, samples and
    bytes: how much was looked at.
    """

    findings: list[tuple[str, Finding]]
    shards: int
    samples: int
    bytes: int

    @property
    def lines(self) -> list[str]:
        """One line a finding."""
        return [finding.line(file) for file, finding in self.findings]

    @property
    def as_json(self) -> dict[str, Any]:
        """The report as JSON holds it; `line` is what is printed where JSON is not asked for."""
        findings = [
            {"file": file, **finding._asdict(), "line": finding.line(file)}
            for file, finding in self.findings
        ]
        right = not findings
        return {**self._asdict(), "findings": findings, "right": right}


class Checked(NamedTuple):
    """What is known of one shard.

    size: in bytes. is_listed: False where it is another shard than the manifest lists under this
    name, so that it says nothing of the others.
    """

    file: str
    findings: list[Finding]
    result: Result | None
    size: int
    is_listed: bool


class _RefusedError(Exception):
    """A file that is not read: why."""


def verify(
    folder: Path, jobs: int | None = None, done: Callable[[str], None] = lambda file: None
) -> Report:
    """Check a whole bundle. jobs: shards at once; None: one a core. done: takes each shard's name
    when it has been checked.

    Raises UserError for a folder that is no bundle at all.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; give the folder of a bundle") from None
    if MANIFEST not in names and not any(map(_SHARD.fullmatch, names)):
        raise UserError(
            f"{folder}: no bundle: it has neither {MANIFEST} nor a shard; give the folder that"
            " ocim pack wrote"
        )
    return _check(Path(os.path.realpath(folder)), names, jobs or os.cpu_count() or 1, done)


def _check(folder: Path, names: Sequence[str], jobs: int, done: Callable[[str], None]) -> Report:
    """Check a bundle. folder: without links in it. names: of what lies there, sorted."""
    manifest, findings, size = check_manifest(folder)
    found = [(MANIFEST, finding) for finding in findings]
    listed = {entry.file: entry for entry in manifest.entries} if manifest else {}
    if manifest:
        findings, notice_size = check_notice(folder, manifest)
        found += [(NOTICE, finding) for finding in findings]
        size += notice_size
    named = verify_manifest.names(manifest) if manifest else set()
    unlisted = [name for name in names if name.endswith(".h5") and name not in named]
    shards = [*listed]
    if not (manifest and manifest.trusted):  # what it says of the files may be what is damaged
        shards += [name for name in unlisted if not _UNFINISHED.fullmatch(name)]
    with ThreadPoolExecutor(jobs) as pool:
        checked = []
        for shard in pool.map(partial(check_shard, folder, manifest), sorted(shards)):
            done(shard.file)
            checked.append(shard)
    found += [(shard.file, finding) for shard in checked for finding in shard.findings]
    results = {shard.file: shard.result for shard in checked if shard.result and shard.is_listed}
    found += _limited(join.between(results))
    found += _strangers(names, unlisted if manifest else [])
    samples = sum(shard.result.samples for shard in checked if shard.result)
    return Report(found, len(checked), samples, size + sum(shard.size for shard in checked))


def _limited(found: Iterator[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
    """The first five of each kind in each file, and how many more."""
    files: dict[str, list[Finding]] = {}
    for file, finding in found:
        files.setdefault(file, []).append(finding)
    return [(file, finding) for file in sorted(files) for finding in limited(files[file])]


def _strangers(names: Sequence[str], shards: Sequence[str]) -> Iterator[tuple[str, Finding]]:
    """Files that no finished bundle has. shards: those that the manifest does not list."""
    for name in names:
        if _UNFINISHED.fullmatch(name):
            yield name, Finding("left over by a run that was stopped; remove it")
        elif name in shards:
            yield name, Finding(f"{MANIFEST} does not list it; remove it, or run ocim pack again")


def open_inside(folder: Path, name: str) -> io.BufferedReader:
    """Open a file of the bundle; _RefusedError where it is none, or lies elsewhere."""
    path = folder / name
    if Path(os.path.realpath(path)).parent != folder:
        raise _RefusedError("a link that leads out of the bundle; it is not followed")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe does not block it
    except FileNotFoundError:
        raise _RefusedError("missing") from None
    except OSError as error:
        raise _RefusedError(f"cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _RefusedError("not a regular file")
    return io.BufferedReader(io.FileIO(descriptor))


def check_manifest(folder: Path) -> tuple[Manifest | None, list[Finding], int]:
    """The manifest, None where it cannot be read; what is wrong with it; its size in bytes."""
    try:
        with open_inside(folder, MANIFEST) as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST_MANIFEST:
                raise _RefusedError(f"damaged: {size} bytes, and no manifest has that many")
            data = file.read(LARGEST_MANIFEST)
    except (_RefusedError, OSError) as error:
        return None, [Finding(str(error))], 0
    manifest, findings = verify_manifest.read(data)
    return manifest, list(limited(findings)), size


def check_notice(folder: Path, manifest: Manifest) -> tuple[list[Finding], int]:
    """What is wrong with the notice, and its size in bytes."""
    wanted = manifest.content["notice"].encode("utf-8", "replace")
    try:
        with open_inside(folder, NOTICE) as file:
            found = file.read(len(wanted) + 1)
    except (_RefusedError, OSError) as error:
        return [Finding(str(error))], 0
    if found != wanted:
        return [Finding(f"damaged or edited: it is not the 'notice' of {MANIFEST}")], len(found)
    return [], len(found)


def check_shard(folder: Path, manifest: Manifest | None, file: str) -> Checked:
    """Check one file: its hash, what is in it, and whether it is what the manifest says.

    manifest: None where it cannot be read; then only what is in the file is checked.
    """
    findings: list[Finding] = []
    entries = manifest.entries if manifest else []
    entry = next((entry for entry in entries if entry.file == file), None)
    try:
        with open_inside(folder, file) as opened:
            size = os.fstat(opened.fileno()).st_size
            if entry and size != entry.bytes:
                text = f"damaged: {size} bytes, by {MANIFEST} {entry.bytes}"
                findings.append(Finding("damaged", text))
            elif entry and hashlib.file_digest(opened, "sha256").hexdigest() != entry.sha256:
                findings.append(Finding(f"damaged: its sha256 is not that of {MANIFEST}"))
    except (_RefusedError, OSError) as error:
        return Checked(file, [Finding(str(error))], None, 0, False)
    command = [sys.executable, "-m", "pipeline.verify.shard", str(folder / file)]
    inside, result = ask(command, time_limit(size))
    raw = join.is_raw(manifest, result) if result else False
    findings += [finding for finding in inside if not (raw and finding.kind == DEPTH_ON_SPOOF)]
    if manifest and entry and result:
        findings += join.with_manifest(manifest, entry, result)
    is_listed = not (entry and result) or join.is_listed(entry, result)
    return Checked(file, findings, result, size, is_listed)


def ask(command: Sequence[str], limit: float) -> tuple[list[Finding], Result | None]:
    """Run the child that looks into a shard; give what it said until it ended, however it did.

    limit: seconds after which it is killed.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limit,
            cwd=_ROOT,
            env=environment,
        )
        output, ended = done.stdout, _ended(done.returncode)
    except OSError as error:  # no memory or no process left
        return [Finding(f"cannot be looked into: {error.strerror}")], None
    except subprocess.TimeoutExpired as error:
        output, ended = error.stdout or b"", f"HDF5 did not come to an end in {limit:.0f} s"
    findings, result, whole = answer(output)
    if ended:
        findings.append(Finding(f"damaged: {ended}"))
    elif not whole:
        findings.append(Finding("damaged: the process that looks into it gave no clear answer"))
    return findings, result


def _ended(code: int) -> str:
    """How a process ended, in words; "" where it ended well."""
    if code < 0:
        name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
        return f"HDF5 crashed on it ({name})"
    return f"the process that looks into it ended with code {code}" if code else ""


def answer(output: bytes) -> tuple[list[Finding], Result | None, bool]:
    """Findings and Result in the lines of a child, and whether there is nothing else in them.

    A child that has no Result must have found something.
    """
    findings: list[Finding] = []
    result = None
    for line in output.splitlines():
        try:
            said: Mapping[str, Any] = json.loads(line)
            if "finding" in said:
                findings.append(Finding(**said["finding"]))
                findings[-1].line("")  # its fields are what they must be
            else:
                result = Result(**said["result"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return findings, result, False
    return findings, result, bool(findings or result)
