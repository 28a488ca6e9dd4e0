"""Folders of this machine for what is brought from a store, removed when they are done with."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files.store import remove_left_over, removed_in_the_end, temporary_name

_KIND = "ocim-fetched"


def place() -> Path:
    """The folder in which they lie: $OCIM_SCRATCH, or the system's temporary folder."""
    return Path(os.environ.get("OCIM_SCRATCH") or tempfile.gettempdir())


@contextmanager
def folder(url: str) -> Iterator[Path]:
    """A new folder, which nobody else can read, for the files of a URL; removed after the block, or
    when the process is stopped. What killed processes have left is removed first. Raises UserError
    where none can be made.
    """
    above = place()
    try:
        above.mkdir(parents=True, exist_ok=True)
        remove_left_over(above, f".{_KIND}.")
        made = Path(tempfile.mkdtemp("", temporary_name(_KIND, url), above))
    except OSError as error:
        raise UserError(
            f"{above}: no folder can be made here for what is fetched: {error.strerror}; set"
            " OCIM_SCRATCH to one with room"
        ) from None
    with removed_in_the_end(made):
        yield made


def scratch_name(key: str) -> bool:
    """Whether a key can be a path below a folder of this machine, and stays in it."""
    parts = key.split("/")
    return (
        key.isprintable()
        and "\\" not in key
        and all(part not in ("", ".", "..") for part in parts)
        and all(len(os.fsencode(part)) <= 255 for part in parts)
        and len(os.fsencode(key)) < 3000
    )
