"""C: CASIA-FASD. `train_release|test_release/N/V.avi`, N the subject's folder."""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.datasets.base import Video, files, match

FIRST_FOLDERS = ("train_release", "test_release")
_NAME = re.compile(r"(?P<video>[1-8]|HR_[1-4])\.avi", re.I)
_ATTACKS = ("", "warped-print", "cut-print", "replay")


def rows(root: Path) -> Iterator[Video]:
    """Every video under `root`, from its name."""
    for path, parts in files(root, (".avi",)):
        if len(parts) != 3 or parts[0].lower() not in FIRST_FOLDERS or not parts[1].isdecimal():
            continue
        name = match(_NAME, parts[2])
        if name is None:
            continue
        video = name["video"]
        if video.startswith("hr_"):
            group, quality = int(video[3:]) - 1, "high"
        else:
            group, odd = divmod(int(video) - 1, 2)
            quality = ("low", "normal")[odd]
        split = parts[0].lower().split("_")[0]
        attack = _ATTACKS[group]
        yield Video(
            path,
            "casia",
            split,
            live=int(not attack),
            # Numbers restart: 1 in train_release and 1 in test_release are two people.
            subject=f"{split}_{int(parts[1])}",
            attack=attack,
            device=quality,
        )
