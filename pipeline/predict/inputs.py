"""The files that somebody wants scored: pictures and videos, alone or in folders."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.datasets.base import PICTURES, VIDEOS
from pipeline.errors import UserError
from pipeline.files.tree import walk


class PassedOver(NamedTuple):
    """What lies in a folder and is not scored, and why."""

    path: str
    reason: str


class Inputs(NamedTuple):
    """files: what is scored, in this order. passed_over: what else was found."""

    files: list[Path]
    passed_over: list[PassedOver]


def gather(paths: Sequence[Path]) -> Inputs:
    """The files at `paths`, each folder walked in the order of its files' names.

    A file that is named is taken whatever it is. Of a folder those are taken whose suffix is a
    picture's or a video's; the others are passed over. Hidden files, and links that lead out of the
    folder, are never followed. Raises UserError where a path does not exist, and where there is
    nothing to score at all.
    """
    files: list[Path] = []
    passed_over: list[PassedOver] = []
    for path in paths:
        try:
            path.stat()
        except OSError as error:
            raise UserError(
                f"{path}: {error.strerror}; name a picture, a video or a folder"
            ) from None
        except ValueError:  # a zero byte
            raise UserError(f"{path!r}: no name of a file") from None
        if not path.is_dir():
            files.append(path)
            continue
        found, others = in_folder(path)
        files += found
        passed_over += others or ([] if found else [PassedOver(str(path), "an empty folder")])
    if not files:
        raise UserError(f"{paths[0]}: no picture and no video here; name one, or its folder")
    return Inputs(files, passed_over)


def in_folder(folder: Path) -> Inputs:
    """What of one folder is scored, and what is passed over."""
    links: list[PassedOver] = []

    def trouble(path: str, reason: str) -> None:
        links.append(PassedOver(str(folder / path), reason))

    found = sorted(walk(folder, trouble=trouble), key=os.fsencode)
    taken = {path for path in found if path.lower().endswith(PICTURES + VIDEOS)}
    others = [
        PassedOver(str(folder / path), "neither a picture nor a video by its name")
        for path in found
        if path not in taken
    ]
    return Inputs([folder / path for path in found if path in taken], sorted(links + others))
