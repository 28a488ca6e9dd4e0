"""Weights into the store: downloaded or copied, checked, and converted to a safe format."""

import json
import os
import shutil
from pathlib import Path

from labels.weights import (
    Weights,
    entry,
    expected,
    folder,
    record,
    record_path,
    sha256_file,
)
from pipeline.errors import UserError

TIMEOUT_SECONDS = 60
"""How long a server may be silent."""


def scratch() -> Path:
    """The folder for what is not yet believed. Who may be stopped in a fetch should remove it."""
    return folder() / f".fetch.{os.getpid()}"


def fetch(name: str, source: Path | None = None) -> Path:
    """Bring the weights of a registered name into the store, and give their place there.

    source: an offline copy; otherwise they are downloaded, unless they are here and right. Either
    way the same is checked: the sha256 that is published, or the digits of it that are, and the
    one recorded at the first fetch. UserError where it is wrong, or the file cannot be read or
    downloaded; what was in the store before stays.
    """
    weights = entry(name)
    if source is None:
        present = _present(name)
        if present is not None:
            return present
        if not weights.url:
            raise UserError(
                f"{name} cannot be downloaded: convert the released checkpoint (docs/weights.md) "
                f"with tools/convert_prnet.py, then: ocim weights fetch {name} "
                f"--from {weights.file}"
            )
    elif not source.is_file():
        raise UserError(f"{source}: no such file to fetch {name} from")
    work = scratch()
    work.mkdir(parents=True, exist_ok=True)
    given = work / f"given{_SUFFIXES[weights.form]}"
    try:
        if source is None:
            _download(name, weights.url, given)
        else:  # copied before it is checked: what is checked must be what is kept
            shutil.copyfile(source, given)
        return _take(name, weights, given, str(source or weights.url))
    finally:
        shutil.rmtree(work, ignore_errors=True)


_SUFFIXES = {"plain": ".plain", "torch": ".pth", "prnet": ".safetensors"}


def _present(name: str) -> Path | None:
    """The kept file if it is here and right."""
    wanted = expected(name)
    path = folder() / wanted / entry(name).file
    return path if wanted and path.is_file() and sha256_file(path) == wanted else None


def _download(name: str, url: str, to: Path) -> None:
    import pooch

    try:
        pooch.HTTPDownloader(chunk_size=1 << 20, timeout=TIMEOUT_SECONDS)(url, str(to), None)
    except OSError as error:
        if not hasattr(error, "response"):
            raise  # a disk's refusal; those of the network carry a response, or None for it
        status = getattr(error.response, "status_code", None)
        why = f"the server says {status}" if status else type(error).__name__
        raise UserError(
            f"{url}: cannot be downloaded ({why}); with a copy at hand: ocim weights fetch {name} "
            "--from FILE"
        ) from error


def _take(name: str, weights: Weights, given: Path, came_from: str) -> Path:
    """Check a file, convert it where it is to be, and give it its name in the store."""
    found = sha256_file(given)
    _check(name, weights, found, came_from)
    try:
        kept = _in_safe_form(weights, given)
    except UserError as error:  # its own name, not that of the copy
        raise UserError(str(error).replace(str(given), came_from)) from error
    kept_hash = found if kept == given else sha256_file(kept)
    place = folder() / kept_hash / weights.file
    place.parent.mkdir(parents=True, exist_ok=True)
    kept.replace(place)
    if not weights.sha256 or weights.form != "plain":
        _write_record(name, {"fetched": found, "kept": kept_hash})
    return place


def _check(name: str, weights: Weights, found: str, came_from: str) -> None:
    """UserError where a sha256 is not the published one, or not that of the first fetch."""
    says = f"{came_from}: refused, its sha256 is {found}"
    if weights.sha256:
        if found != weights.sha256:
            raise UserError(f"{says}, not {weights.sha256}")
        return
    if not found.startswith(weights.prefix):
        raise UserError(f"{says}, which does not begin with {weights.prefix}")
    first = record(name).get("fetched", found)
    if found != first:
        raise UserError(
            f"{says}, not {first} as at the first fetch; to take it all the same, delete "
            f"{record_path(name)}"
        )


def _in_safe_form(weights: Weights, given: Path) -> Path:
    """The file to keep: the one given, or beside it its tensors as safetensors."""
    if weights.form == "plain":
        return given
    from labels.tensors import read_tensors

    tensors = read_tensors(given)
    if weights.form == "prnet":
        from labels.depth.prnet_network import convert

        try:
            convert({name: tensor.float().numpy() for name, tensor in tensors.items()})
        except UserError as error:
            raise UserError(f"{given}: {error}") from error
        return given
    from safetensors.torch import save

    kept = given.with_name("kept.safetensors")
    kept.write_bytes(save({name: each.clone().contiguous() for name, each in tensors.items()}))
    return kept


def _write_record(name: str, hashes: dict[str, str]) -> None:
    path = record_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = scratch() / path.name
    beside.write_text(json.dumps(hashes, sort_keys=True, indent=1) + "\n", "utf-8")
    beside.replace(path)
