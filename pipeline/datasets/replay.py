"""I: Idiap Replay-Attack. `train|devel|test/real|attack/...mov`; enrollment/ is no part of it."""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.datasets.base import Video, files, match

_SPLITS = {"train": "train", "devel": "dev", "test": "test"}
_SPLITS |= {f"replayattack-{name}": split for name, split in _SPLITS.items()}
FIRST_FOLDERS = tuple(_SPLITS)
_LIVE = re.compile(
    r"client(?P<subject>\d{3})_session01_webcam_authenticate_(?P<light>adverse|controlled)_[12]\.mov",
    re.I,
)
_ATTACK = re.compile(
    r"attack_(?P<instrument>print|mobile|highdef)_client(?P<subject>\d{3})_session01_"
    r"(highdef|mobile)_(photo|video)_(?P<light>adverse|controlled)\.mov",
    re.I,
)


def rows(root: Path) -> Iterator[Video]:
    """Every video under `root`, from its name."""
    for path, parts in files(root, (".mov",)):
        folders = [part.lower() for part in parts[:-1]]
        split = _SPLITS.get(folders[0]) if folders else None
        if split is None:
            continue
        live = folders[1:] == ["real"]
        attacked = len(folders) == 3 and folders[1] == "attack" and folders[2] in ("fixed", "hand")
        name = match(_LIVE if live else _ATTACK, parts[-1])
        if name is None or not (live or attacked):
            continue
        instrument = name.get("instrument", "")
        yield Video(
            path,
            "replay",
            split,
            live=int(live),
            subject=name["subject"],
            attack="" if live else "print" if instrument == "print" else "replay",
            instrument=instrument,
            session=name["light"],
            device="webcam",
        )
