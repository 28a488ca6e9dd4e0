"""The names of all 7,030 real videos, written from the published facts and not from the code."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest

from pipeline.config import DatasetSettings
from pipeline.errors import UserError

MSU_TRAIN = (2, 3, 5, 6, 7, 8, 9, 11, 12, 21, 22, 34, 53, 54, 55)
MSU_TEST = (1, 13, 14, 23, 24, 26, 28, 29, 30, 32, 33, 35, 36, 37, 39, 42, 48, 49, 50, 51)
REPLAY_CLIENTS = {
    "train": "1 2 4 6 7 8 12 16 18 25 27 103 105 108 110",
    "devel": "3 5 10 15 17 22 29 30 101 111 113 114 116 118 119",
    "test": "9 11 13 14 19 20 21 23 24 26 28 31 102 104 106 107 109 112 115 117",
}


def oulu_names() -> Iterator[str]:
    splits = {"Train_files": (1, 20), "Dev_files": (21, 35), "Test_files": (36, 55)}
    for folder, (first, last) in splits.items():
        for subject in range(first, last + 1):
            for phone, session, access in product(range(1, 7), range(1, 4), range(1, 6)):
                yield f"{folder}/{phone}_{session}_{subject:02d}_{access}.avi"


def casia_names() -> Iterator[str]:
    names = [*range(1, 9), "HR_1", "HR_2", "HR_3", "HR_4"]
    for folder, subjects in (("train_release", 20), ("test_release", 30)):
        for subject, name in product(range(1, subjects + 1), names):
            yield f"{folder}/{subject}/{name}.avi"


def replay_names() -> Iterator[str]:
    attacks = ("print {} highdef_photo", "mobile {} mobile_photo", "mobile {} mobile_video",
               "highdef {} highdef_photo", "highdef {} highdef_video")  # fmt: skip
    for folder, numbers in REPLAY_CLIENTS.items():
        for number, light in product(numbers.split(), ("adverse", "controlled")):
            name = f"client{int(number):03d}_session01"
            for take in (1, 2):
                yield f"{folder}/real/{name}_webcam_authenticate_{light}_{take}.mov"
            for attack, support in product(attacks, ("fixed", "hand")):
                stem = attack.format(name).replace(" ", "_")
                yield f"{folder}/attack/{support}/attack_{stem}_{light}.mov"


def msu_names() -> Iterator[str]:
    instruments = ("ipad_video", "iphone_video", "printed_photo")
    for subject in (*MSU_TRAIN, *MSU_TEST):
        for device, suffix in (("android", "mp4"), ("laptop", "mov")):
            client = f"client{subject:03d}_{device}_SD"
            yield f"scene01/real/real_{client}_scene01.{suffix}"
            for instrument in instruments:
                yield f"scene01/attack/attack_{client}_{instrument}_scene01.{suffix}"


NAMES = {"oulu": oulu_names, "casia": casia_names, "replay": replay_names, "msu": msu_names}
FIRST_FOLDER = {"oulu": "Train_files", "casia": "test_release", "replay": "devel", "msu": "scene01"}
COUNTS = {
    "oulu": {"train": (360, 1440), "dev": (270, 1080), "test": (360, 1440)},
    "casia": {"train": (60, 180), "test": (90, 270)},
    "replay": {"train": (60, 300), "dev": (60, 300), "test": (80, 400)},
    "msu": {"train": (30, 90), "test": (40, 120)},
}
"""Live and spoof videos of each split."""


def at(root: Path) -> DatasetSettings:
    return DatasetSettings(root=str(root))


def touch(root: Path, names: list[str]) -> Path:
    for folder in {(root / name).parent for name in names}:
        folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / name).touch()
    return root


def write_sub_lists(root: Path, upper: bool = False) -> None:
    """MSU-MFSD's two subject lists, as they are shipped: CRLF, and none after the last number."""
    for split, subjects in (("train", MSU_TRAIN), ("test", MSU_TEST)):
        name = f"{split}_sub_list.txt"
        text = "\r\n".join(f"{subject:02d}" for subject in subjects)
        (root / (name.upper() if upper else name)).write_bytes(text.encode())


@contextmanager
def refused(file: Path, line: int, words: str) -> Iterator[None]:
    """What is done raises a UserError that names the file and its line, holds the words, and is one
    line of bounded length.
    """
    with pytest.raises(UserError) as caught:
        yield
    message = str(caught.value)
    assert message.startswith((f"{file}: line {line}: ", f"{file}: line {line} "))
    assert words in message
    assert len(message.splitlines()) == 1
    assert len(message) < 500 + len(str(file.parent))
