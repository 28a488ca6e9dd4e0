"""C: CASIA-FASD. `train_release|test_release/N/V.avi`, N the subject's folder."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from pipeline.datasets.base import Video, face_locations, match, name_pattern
from pipeline.files.tree import files

FIRST_FOLDERS = ("train_release", "test_release")
SUBJECTS = {"train": range(1, 21), "test": range(1, 31)}
_PATH = name_pattern(
    r"(?P<split>train|test)_release/(?P<subject>[0-9]+)/(?P<video>[1-8]|HR_[1-4])\.avi"
)
_ATTACKS = ("", "warped-print", "cut-print", "replay")
_NAMES = ("1", "2", "3", "4", "5", "6", "7", "8", "HR_1", "HR_2", "HR_3", "HR_4")


def row(path: str) -> Video | None:
    """What a path below the root says; None where it is not named as a video of CASIA-FASD."""
    name = match(_PATH, path)
    if name is None:
        return None
    video = name["video"]
    if video.startswith("hr_"):
        group, quality = int(video[3:]) - 1, "high"
    else:
        group, odd = divmod(int(video) - 1, 2)
        quality = ("low", "normal")[odd]
    attack = _ATTACKS[group]
    return Video(
        path,
        "casia",
        name["split"],
        live=int(not attack),
        # Numbers restart: 1 in train_release and 1 in test_release are two people.
        subject=f"{name['split']}_{int(name['subject'])}",
        attack=attack,
        device=quality,
    )


def canonical(path: str) -> str | None:
    """A video's path as it is officially spelled, or None."""
    name = match(_PATH, path)
    if name is None:
        return None
    return f"{name['split']}_release/{int(name['subject'])}/{name['video'].upper()}.avi"


def published() -> Iterator[str]:
    """The paths of the 600 videos that were published."""
    for split, subjects in SUBJECTS.items():
        for subject, name in product(subjects, _NAMES):
            yield f"{split}_release/{subject}/{name}.avi"


def rows(root: Path) -> Iterator[Video]:
    """Every video under `root`, from its name. It has no official protocols beside its splits."""
    for path, _ in files(root, (".avi",), FIRST_FOLDERS):
        if video := row(path):
            yield video


def shipped_file(root: Path, path: str) -> Path | None:
    """`face-locations/PATH.face`, in the root or beside it; None where there is none."""
    return face_locations(root, path, canonical(path) or path)
