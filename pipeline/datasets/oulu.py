"""O: OULU-NPU. `Train_files|Dev_files|Test_files/P_S_UU_F.avi`."""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.datasets.base import Video, files, match

FIRST_FOLDERS = ("train_files", "dev_files", "test_files")
_NAME = re.compile(
    r"(?P<phone>[1-6])_(?P<session>[1-3])_(?P<subject>\d\d)_(?P<access>[1-5])\.avi", re.I
)
_SPLITS = {"train_files": "train", "dev_files": "dev", "test_files": "test"}
_ACCESS = {
    "1": ("", ""),
    "2": ("print", "printer1"),
    "3": ("print", "printer2"),
    "4": ("replay", "display1"),
    "5": ("replay", "display2"),
}


def rows(root: Path) -> Iterator[Video]:
    """Every video under `root`, from its name."""
    for path, parts in files(root, (".avi",)):
        name = match(_NAME, parts[-1])
        split = _SPLITS.get(parts[0].lower())
        if name is None or split is None or len(parts) != 2:
            continue
        attack, instrument = _ACCESS[name["access"]]
        yield Video(
            path,
            "oulu",
            split,
            live=int(not attack),
            subject=name["subject"],
            attack=attack,
            instrument=instrument,
            session=name["session"],
            device=name["phone"],
        )
