"""I: Idiap Replay-Attack. `train|devel|test/real|attack/...mov`, and the folder `protocols`.

`enrollment/` (or `enroll/`) belongs to face verification and is no part of it.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from pipeline.datasets.base import Video, face_locations, match, name_pattern
from pipeline.errors import UserError
from pipeline.files.records import shown
from pipeline.files.tree import files, lines_of

_SPLITS = {"train": "train", "devel": "dev", "test": "test"}
FIRST_FOLDERS = (*_SPLITS, *(f"replayattack-{name}" for name in _SPLITS))
NO_PART = ("enrollment", "enroll")
CLIENTS = {
    "train": (1, 2, 4, 6, 7, 8, 12, 16, 18, 25, 27, 103, 105, 108, 110),
    "devel": (3, 5, 10, 15, 17, 22, 29, 30, 101, 111, 113, 114, 116, 118, 119),
    "test": (9, 11, 13, 14, 19, 20, 21, 23, 24, 26, 28, 31, 102, 104, 106, 107, 109, 112, 115, 117),
}
_ATTACKS = ("print highdef_photo", "mobile mobile_photo", "mobile mobile_video",
            "highdef highdef_photo", "highdef highdef_video")  # fmt: skip
_LIVE = name_pattern(
    r"(replayattack-)?(?P<folder>train|devel|test)/real/client(?P<subject>[0-9]{3})_session01_"
    r"webcam_authenticate_(?P<light>adverse|controlled)_[12]\.mov"
)
_ATTACK = name_pattern(
    r"(replayattack-)?(?P<folder>train|devel|test)/attack/(fixed|hand)/"
    r"attack_(?P<instrument>print|mobile|highdef)_client(?P<subject>[0-9]{3})_session01_"
    r"(highdef|mobile)_(photo|video)_(?P<light>adverse|controlled)\.mov"
)
_LIST = name_pattern(
    r"protocols/(?P<kind>attack|real)(-(?P<protocol>[a-z0-9_.-]+)-allsupports)?-"
    r"(?P<folder>train|devel|test)\.txt"
)


def row(path: str) -> Video | None:
    """What a path below the root says; None where it is not named as a video of Replay-Attack."""
    live = match(_LIVE, path)
    name = live or match(_ATTACK, path)
    if name is None:
        return None
    instrument = name.get("instrument", "")
    return Video(
        path,
        "replay",
        _SPLITS[name["folder"]],
        live=int(live is not None),
        subject=name["subject"],
        attack="" if live else "print" if instrument == "print" else "replay",
        instrument=instrument,
        session=name["light"],
        device="webcam",
    )


def canonical(path: str) -> str | None:
    """A video's path as it is officially spelled, or None."""
    if not (_LIVE.fullmatch(path) or _ATTACK.fullmatch(path)):
        return None
    return path.lower().removeprefix("replayattack-")


def published() -> Iterator[str]:
    """The paths of the 1200 videos that were published."""
    for folder, clients in CLIENTS.items():
        for client, light in product(clients, ("adverse", "controlled")):
            name = f"client{client:03d}_session01"
            for take in (1, 2):
                yield f"{folder}/real/{name}_webcam_authenticate_{light}_{take}.mov"
            for attack, support in product(_ATTACKS, ("fixed", "hand")):
                kind, medium = attack.split()
                yield f"{folder}/attack/{support}/attack_{kind}_{name}_{medium}_{light}.mov"


def rows(root: Path) -> Iterator[Video]:
    """Every video under `root`, from its name, and its part in the protocols that lie there.

    Raises UserError where a protocol's list is damaged, missing, or contradicts the names.
    """
    parts = _protocols(root)
    for path, _ in files(root, (".mov",), FIRST_FOLDERS):
        if video := row(path):
            yield replace(video, protocols=parts.get(canonical(path) or path, ""))


def shipped_file(root: Path, path: str) -> Path | None:
    """`face-locations/PATH.face`, in the root or beside it; None where there is none."""
    return face_locations(root, path, canonical(path) or path)


def _protocols(root: Path) -> dict[str, str]:
    """Official path to the value of the column `protocols`; UserError where a list is wrong.

    A protocol is the lists of its attacks; its live videos are all of the split, unless it has a
    list of its own.
    """
    lists: dict[tuple[str, str, str], Path] = {}
    for path, _ in sorted(files(root, (".txt",), ("protocols",))):
        if name := match(_LIST, path):
            key = (name.get("protocol", ""), name["folder"], name["kind"])
            if key in lists:
                raise UserError(f"{root / path}: the same list as {lists[key]}; keep one of them")
            lists[key] = root / path
    parts = defaultdict(list)
    for protocol, folder, kind in sorted(lists):
        if not protocol or kind != "attack":
            continue
        attacks = lists[protocol, folder, kind]
        reals = lists.get((protocol, folder, "real")) or lists.get(("", folder, "real"))
        if reals is None:
            raise UserError(
                f"{attacks}: real-{folder}.txt, the list of its live videos, is missing; put it"
                f" beside, or take all lists of {folder} away"
            )
        split = _SPLITS[folder]
        for path in (*_listed(attacks, split, 0), *_listed(reals, split, 1)):
            parts[path].append((protocol, split))
    return {
        path: ";".join(f"{protocol}:{split}" for protocol, split in sorted(value))
        for path, value in parts.items()
    }


def _listed(path: Path, split: str, live: int) -> Iterator[str]:
    """The official paths of one list, of which each must be of `split` and `live`."""
    seen: dict[str, int] = {}
    for number, line in lines_of(path):
        where = f"{path}: line {number}"
        text = line.replace("\\", "/").removeprefix("./")
        text = text if text.lower().endswith(".mov") else f"{text}.mov"
        official, video = canonical(text), row(text)
        if official is None or video is None:
            raise UserError(
                f"{where}: {shown(line)} is not the path of a video; take the list as published"
            )
        if (video.split, video.live) != (split, live):
            raise UserError(
                f"{where}: {shown(line)} is a {'live' if video.live else 'spoof'} video of"
                f" {video.split} by its name, in a list of {'live' if live else 'spoof'} videos of"
                f" {split}; correct the list"
            )
        if seen.setdefault(official, number) != number:
            raise UserError(
                f"{where}: {shown(line)} stands in line {seen[official]} already; keep one of them"
            )
        yield official
