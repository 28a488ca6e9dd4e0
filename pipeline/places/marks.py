"""What tells whether an object of a store is what it should be: size, and marks of its bytes."""

import base64
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.places.base import State

PART = 16 << 20
"""Bytes of a part, where an object is sent or fetched in several."""
SHA256 = "ocim-sha256"
"""Under this name an object carries the sha256 of its bytes, where the store keeps such things."""


def state_of(info: dict[str, Any]) -> State:
    """The state of an object. info: what the store says of it, as fsspec gives it."""
    for name in ("ETag", "etag", "generation", "mtime", "created"):
        mark = info.get(name)
        if mark:
            # One and the same, whether the object was asked for or listed.
            text = str(mark.timestamp()) if isinstance(mark, datetime) else str(mark).strip('"')
            return State(int(info["size"]), f"{name} {text}")
    return State(int(info["size"]), "")


def kept_sha256(info: dict[str, Any]) -> str:
    """The sha256 in hex that an object carries; "" where it carries none."""
    kept = info.get("Metadata") or info.get("metadata") or {}
    return str(kept.get(SHA256, ""))


def fits_mark(info: dict[str, Any], local: Path) -> bool:
    """Whether the store's own mark of an object is the MD5 of the file, or of its parts.

    False says nothing where the store encrypts with keys of its own.
    """
    if info.get("md5Hash"):
        return base64.b64decode(info["md5Hash"]).hex() == _md5(local)
    mark = str(info.get("ETag", "")).strip('"')
    if "-" not in mark:
        return mark == _md5(local)
    digest, parts = hashlib.md5(), 0
    with local.open("rb") as file:
        while part := file.read(PART):
            digest.update(hashlib.md5(part).digest())
            parts += 1
    return mark == f"{digest.hexdigest()}-{parts}"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
