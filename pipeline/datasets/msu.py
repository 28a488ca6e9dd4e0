"""M: MSU-MFSD. `scene01/real|attack/...mp4|mov`, and two subject lists at the root."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.datasets.base import Video, match, name_pattern
from pipeline.errors import UserError
from pipeline.files.records import shown
from pipeline.files.tree import files, find_file, lines_of

FIRST_FOLDERS = ("scene01",)
_LIVE = name_pattern(
    r"scene01/real/real_client(?P<subject>[0-9]{3})_(?P<device>android|laptop)_SD_scene01"
    r"\.(mp4|mov)"
)
_ATTACK = name_pattern(
    r"scene01/attack/attack_client(?P<subject>[0-9]{3})_(?P<device>android|laptop)_SD_"
    r"(?P<instrument>ipad_video|iphone_video|printed_photo)_scene01\.(mp4|mov)"
)
_INSTRUMENTS = {
    "ipad_video": ("replay", "ipad"),
    "iphone_video": ("replay", "iphone"),
    "printed_photo": ("print", "printed_photo"),
}
_SUFFIXES = {"android": "mp4", "laptop": "mov"}
TRAIN = (2, 3, 5, 6, 7, 8, 9, 11, 12, 21, 22, 34, 53, 54, 55)
TEST = (1, 13, 14, 23, 24, 26, 28, 29, 30, 32, 33, 35, 36, 37, 39, 42, 48, 49, 50, 51)
UPSIDE_DOWN = (3, 5, 6, 7, 8, 9)
"""Clients whose live android video shows the scene upside down when decoded as stored."""


def row(path: str) -> Video | None:
    """What a path below the root says, the split as published; None where it is not named as a
    video of MSU-MFSD.
    """
    live = match(_LIVE, path)
    name = live or match(_ATTACK, path)
    if name is None:
        return None
    subject = int(name["subject"])
    attack, instrument = ("", "") if live else _INSTRUMENTS[name["instrument"]]
    return Video(
        path,
        "msu",
        "train" if subject in TRAIN else "test",
        live=int(live is not None),
        subject=name["subject"],
        attack=attack,
        instrument=instrument,
        session="scene01",
        device=name["device"],
        upside_down=int(bool(live) and name["device"] == "android" and subject in UPSIDE_DOWN),
    )


def canonical(path: str) -> str | None:
    """A video's path as it is officially spelled, or None."""
    name = match(_LIVE, path) or match(_ATTACK, path)
    if name is None:
        return None
    kind = "attack" if "instrument" in name else "real"
    instrument = f"{name['instrument']}_" if "instrument" in name else ""
    return (
        f"scene01/{kind}/{kind}_client{name['subject']}_{name['device']}_SD_{instrument}scene01."
        f"{_SUFFIXES[name['device']]}"
    )


def published() -> Iterator[str]:
    """The paths of the 280 videos that were published."""
    for subject in (*TRAIN, *TEST):
        for device, suffix in _SUFFIXES.items():
            client = f"client{subject:03d}_{device}_SD"
            yield f"scene01/real/real_{client}_scene01.{suffix}"
            for instrument in _INSTRUMENTS:
                yield f"scene01/attack/attack_{client}_{instrument}_scene01.{suffix}"


def rows(root: Path) -> Iterator[Video]:
    """Every video under `root`, from its name and the subject lists.

    Raises UserError where a list holds something else than subjects, or both hold one.
    """
    listed = _split_by_subject(root)
    for path, _ in files(root, (".mp4", ".mov"), FIRST_FOLDERS):
        video = row(path)
        if video is None:
            continue
        split = listed.get(int(video.subject))
        yield replace(video, split=split, protocols=f"sub_list:{split}") if split else video


def shipped_file(root: Path, path: str) -> Path | None:
    """The `.face` file of the same stem beside a video; None where there is none.

    None also for the six that stand on their head: nobody says which way up theirs are meant.
    """
    video = row(path)
    if video is None or video.upside_down:
        return None
    return find_file(root, PurePosixPath(path).with_suffix(".face").as_posix(), root)


def _split_by_subject(root: Path) -> dict[int, str]:
    """Subject number to split, from the lists at the root where they are there."""
    splits: dict[int, str] = {}
    for split in ("train", "test"):
        path = find_file(root, f"{split}_sub_list.txt", root)
        for number, line in lines_of(path) if path else ():
            for word in line.split():
                if not re.fullmatch(r"[0-9]{1,3}", word):
                    raise UserError(
                        f"{path}: line {number}: {shown(word)} is not a subject number; take the"
                        " list as published"
                    )
                if splits.setdefault(int(word), split) != split:
                    raise UserError(
                        f"{path}: line {number}: subject {word} stands in both lists; take it out"
                        " of one"
                    )
    return splits
