"""O: OULU-NPU. `Train_files|Dev_files|Test_files/P_S_UU_F.avi`, and the folder `Protocols`."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path, PurePosixPath

from pipeline.datasets.base import Video, match, name_pattern
from pipeline.errors import UserError
from pipeline.files.records import shown
from pipeline.files.tree import files, find_file, lines_of

FIRST_FOLDERS = ("train_files", "dev_files", "test_files")
SUBJECTS = {"train": range(1, 21), "dev": range(21, 36), "test": range(36, 56)}
_STEM = r"(?P<phone>[1-6])_(?P<session>[1-3])_(?P<subject>[0-9]{2})_(?P<access>[1-5])"
_PATH = name_pattern(rf"(?P<split>train|dev|test)_files/{_STEM}\.avi")
_ACCESS = {
    "1": ("", ""),
    "2": ("print", "printer1"),
    "3": ("print", "printer2"),
    "4": ("replay", "display1"),
    "5": ("replay", "display2"),
}
_LIST = name_pattern(
    r"protocols/protocol_(?P<protocol>[1-4])/(?P<split>train|dev|test)(_(?P<fold>[1-6]))?\.txt"
)
_LINE = name_pattern(rf"(?P<label>\+?1|-1|-2)\s*,\s*(?P<stem>{_STEM})(\.avi)?")
_LABELS = {"1": "", "+1": "", "-1": "print", "-2": "replay"}


def row(path: str) -> Video | None:
    """What a path below the root says; None where it is not named as a video of OULU-NPU."""
    name = match(_PATH, path)
    if name is None:
        return None
    attack, instrument = _ACCESS[name["access"]]
    return Video(
        path,
        "oulu",
        name["split"],
        live=int(not attack),
        subject=name["subject"],
        attack=attack,
        instrument=instrument,
        session=name["session"],
        device=name["phone"],
    )


def canonical(path: str) -> str | None:
    """A video's path as it is officially spelled, or None."""
    return path.lower().capitalize() if _PATH.fullmatch(path) else None


def published() -> Iterator[str]:
    """The paths of the 4950 videos that were published."""
    for split, subjects in SUBJECTS.items():
        for phone, session, subject, access in product(
            range(1, 7), range(1, 4), subjects, range(1, 6)
        ):
            yield f"{split.capitalize()}_files/{phone}_{session}_{subject:02d}_{access}.avi"


def rows(root: Path) -> Iterator[Video]:
    """Every video under `root`, from its name, and its part in the protocols that lie there.

    Raises UserError where a protocol's list is damaged or contradicts the names.
    """
    found = [video for path, _ in files(root, (".avi",), FIRST_FOLDERS) if (video := row(path))]
    parts = _protocols(root, found)
    for video in found:
        yield replace(video, protocols=parts.get((_stem(video), video.split), ""))


def shipped_file(root: Path, path: str) -> Path | None:
    """The text file of eye positions beside a video; None where there is none."""
    return find_file(root, PurePosixPath(path).with_suffix(".txt").as_posix(), root)


def _stem(video: Video) -> str:
    return video.path.rpartition("/")[2][: -len(".avi")]


@dataclass(frozen=True)
class _List:
    """A file of a protocol, as "3.2" and "train"."""

    protocol: str
    split: str
    path: Path


def _lists(root: Path) -> list[_List]:
    """The protocol files under `root`, in the order of protocol, fold and split."""
    found = []
    for path, _ in files(root, (".txt",), ("protocols",)):
        name = match(_LIST, path)
        # Protocols 1 and 2 have one file a split; 3 and 4 one for each phone that is left out.
        if name is None or (name["protocol"] in "34") != ("fold" in name):
            continue
        protocol = ".".join(name[part] for part in ("protocol", "fold") if part in name)
        found.append(_List(protocol, name["split"], root / path))
    return sorted(found, key=lambda item: (item.protocol, item.split, item.path))


def _protocols(root: Path, found: list[Video]) -> dict[tuple[str, str], str]:
    """(stem, split) to the value of the column `protocols`; UserError where a list is wrong."""
    splits = defaultdict(set)
    for video in found:
        splits[_stem(video)].add(video.split)
    parts: dict[tuple[str, str], list[str]] = defaultdict(list)
    seen: dict[tuple[str, str], str] = {}
    for item in _lists(root):
        for number, line in lines_of(item.path):
            where = f"{item.path}: line {number}"
            entry = match(_LINE, line)
            if entry is None:
                raise UserError(
                    f"{where}: {shown(line)} is not LABEL,P_S_UU_F with label +1, -1 or -2; take"
                    " the list as it was published"
                )
            stem, attack = entry["stem"], _ACCESS[entry["access"]][0]
            if _LABELS[entry["label"]] != attack:
                raise UserError(
                    f"{where}: {stem} is {attack or 'live'} by its name, but its label is"
                    f" {entry['label']}; correct the label"
                )
            before = seen.setdefault((item.protocol, stem), where)
            if before != where:
                raise UserError(
                    f"{where}: {stem} stands in protocol {item.protocol} twice, before in {before};"
                    " keep one of them"
                )
            if splits[stem] and item.split not in splits[stem]:
                raise UserError(
                    f"{where}: {stem} lies in the folder of {min(splits[stem])} and cannot be"
                    f" listed for {item.split}; correct the list or move the video"
                )
            parts[stem, item.split].append(f"{item.protocol}:{item.split}")
    return {key: ";".join(value) for key, value in parts.items()}
