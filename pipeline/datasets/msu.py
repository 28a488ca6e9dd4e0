"""M: MSU-MFSD. `scene01/real|attack/...mp4|mov`, and two subject lists at the root."""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.datasets.base import Video, files, match
from pipeline.errors import UserError

FIRST_FOLDERS = ("scene01",)
_LIVE = re.compile(
    r"real_client(?P<subject>\d{3})_(?P<device>android|laptop)_SD_scene01\.(mp4|mov)", re.I
)
_ATTACK = re.compile(
    r"attack_client(?P<subject>\d{3})_(?P<device>android|laptop)_SD_"
    r"(?P<instrument>ipad_video|iphone_video|printed_photo)_scene01\.(mp4|mov)",
    re.I,
)
_INSTRUMENTS = {
    "ipad_video": ("replay", "ipad"),
    "iphone_video": ("replay", "iphone"),
    "printed_photo": ("print", "printed_photo"),
}
_TRAIN = frozenset((2, 3, 5, 6, 7, 8, 9, 11, 12, 21, 22, 34, 53, 54, 55))
_UPSIDE_DOWN = frozenset((3, 5, 6, 7, 8, 9))
"""Clients whose live android video shows the scene upside down when decoded as stored."""


def _split_by_subject(root: Path) -> dict[int, str]:
    """Subject number to split, from the lists at the root where they are there."""
    splits: dict[int, str] = {}
    for split in ("train", "test"):
        path = root / f"{split}_sub_list.txt"
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text("utf-8", "replace").split(), start=1):
            if not line.isdigit():
                raise UserError(f"{path}: entry {number}: '{line}' is not a subject number")
            if splits.setdefault(int(line), split) != split:
                raise UserError(f"{path}: subject {line} stands in both lists")
    return splits


def rows(root: Path) -> Iterator[Video]:
    """Every video under `root`, from its name and the subject lists."""
    splits = _split_by_subject(root)
    for path, parts in files(root, (".mp4", ".mov")):
        folders = [part.lower() for part in parts[:-1]]
        live = folders == ["scene01", "real"]
        name = match(_LIVE if live else _ATTACK, parts[-1])
        if name is None or not (live or folders == ["scene01", "attack"]):
            continue
        subject = int(name["subject"])
        attack, instrument = ("", "") if live else _INSTRUMENTS[name["instrument"]]
        yield Video(
            path,
            "msu",
            splits.get(subject) or ("train" if subject in _TRAIN else "test"),
            live=int(live),
            subject=name["subject"],
            attack=attack,
            instrument=instrument,
            session="scene01",
            device=name["device"],
            upside_down=int(live and name["device"] == "android" and subject in _UPSIDE_DOWN),
        )
