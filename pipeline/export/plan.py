"""What the exports of a bundle share: which datasets they take, their videos, safe names, a plan.

An export is a folder in the layout that released code of others reads as it is. What is planned
here is written by pipeline/export/write.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from pipeline.bundle import Bundle, Shard
from pipeline.errors import UserError
from train.protocols import LETTERS, SPLITS, Protocol, parse, require

FOUR = tuple(LETTERS.values())
"""The datasets that the released code knows."""
LISTS = {"real": (1,), "fake": (0,), "all": (0, 1)}
"""The lists of a dataset's pictures that it reads, and the labels (1 live, 0 spoof) in each."""


class Choice(NamedTuple):
    """The datasets to export, sorted; protocol: None where each may be source and target."""

    datasets: tuple[str, ...]
    protocol: Protocol | None

    def is_source(self, dataset: str) -> bool:
        """Whether their code may train on it."""
        return self.protocol is None or dataset in self.protocol.sources

    def is_target(self, dataset: str) -> bool:
        """Whether their code may test on it."""
        return self.protocol is None or dataset == self.protocol.target

    def options(self) -> dict[str, Any]:
        """As the export's marker says it."""
        protocol = str(self.protocol) if self.protocol else None
        return {"datasets": list(self.datasets), "protocol": protocol}


def choose(bundle: Bundle, protocol: str | None, names: Sequence[str]) -> Choice:
    """Which datasets are exported: those of the protocol, else those named, else all.

    protocol: as "O&C&I to M". Raises UserError for both a protocol and names, for a protocol that
    is none, for a dataset that is not in the bundle or not one of FOUR, and for a bundle whose
    spoofs have depth.
    """
    where, four = str(bundle.folder), ", ".join(FOUR)
    if bundle.spoof_depth != "zero":
        raise UserError(
            f"{where}: its spoofs keep depth (depth.spoof_depth: {bundle.spoof_depth}), for study;"
            " set it to zero and run ocim depth and ocim pack again"
        )
    if protocol is not None and names:
        raise UserError("--protocol names its datasets already; leave out --dataset")
    parsed = parse(protocol) if protocol is not None else None
    wanted = [*parsed.sources, parsed.target] if parsed else list(names) or bundle.datasets
    require(wanted, bundle.datasets, where)
    known = [name for name in bundle.datasets if name in FOUR]
    if not known:
        raise UserError(
            f"{where}: it has none of {four}, only {', '.join(bundle.datasets) or 'nothing'};"
            " the released code knows no other"
        )
    if strangers := sorted(set(wanted) - set(FOUR)):
        advice = "leave it out: " + " ".join(f"--dataset {name}" for name in known)
        raise UserError(
            f"{where}: the released code knows {four}, and not {', '.join(strangers)};"
            f" {'give a --protocol without it' if parsed else advice}"
        )
    return Choice(tuple(sorted(set(wanted))), parsed)


class Video(NamedTuple):
    """A video's samples, sorted by frame. path: below its dataset's root, as in the bundle.

    samples: (frame number, shard, row in the shard) of each.
    """

    path: str
    live: bool
    samples: tuple[tuple[int, Shard, int], ...]


def videos_of(bundle: Bundle, dataset: str) -> list[Video]:
    """The videos of a dataset's train and test splits that have samples, sorted by path.

    Raises UserError where there is no live or no spoof, or a video is both.
    """
    found: dict[str, list[tuple[int, int, Shard, int]]] = {}
    for shard in bundle.shards(dataset, SPLITS):
        columns = (shard.video.tolist(), shard.frame.tolist(), shard.live.tolist())
        for row, (video, frame, live) in enumerate(zip(*columns, strict=True)):
            found.setdefault(video, []).append((frame, live, shard, row))
    videos = []
    for path, rows in sorted(found.items()):
        rows.sort(key=lambda row: row[0])
        labels = {live for _, live, _, _ in rows}
        if len(labels) > 1:
            raise UserError(f"{dataset}: {path} is both live and spoof; see ocim bundle verify")
        samples = tuple((frame, shard, row) for frame, _, shard, row in rows)
        videos.append(Video(path, labels == {1}, samples))
    check_both_classes(dataset, videos, "train and test")
    return videos


def check_both_classes(dataset: str, videos: Sequence[Video], where: str) -> None:
    """Raise UserError where no video is live, or none is spoof."""
    for live, name in ((True, "live"), (False, "spoof")):
        if not any(video.live == live for video in videos):
            raise UserError(
                f"{dataset}: no {name} sample in {where}, and the released code wants both;"
                " leave the dataset out with --dataset, or pack more of it"
            )


def parts_of(dataset: str, video: str) -> list[str]:
    """The folders that a video's pictures lie in: its path without suffix, in parts.

    White space becomes '_', for the released code splits lines at it. Raises UserError for a path
    that leads out of the dataset's folder.
    """
    *folders, name = video.split("/")
    parts = [*folders, PurePosixPath(name).stem]
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise UserError(
            f"{dataset}: the video {video!r} cannot become a folder's name: it leads elsewhere;"
            " rename it and run the stages again"
        )
    return ["".join("_" if letter.isspace() else letter for letter in part) for part in parts]


def named(
    dataset: str, videos: Sequence[Video], name: Callable[[str], str]
) -> list[tuple[str, Video]]:
    """Each video with name(path), sorted by it; UserError, naming both, where two become one."""
    taken: dict[str, Video] = {}
    for video in videos:
        given = name(video.path)
        other = taken.setdefault(given, video)
        if other is not video:
            raise UserError(
                f"{dataset}: {other.path} and {video.path} would both be written to {given};"
                " rename one and run the stages again"
            )
    return sorted(taken.items())


class Picture(NamedTuple):
    """A file to be, made of one sample. path: below the export's folder, with slashes.

    field: "image", written as PNG; "depth", written as grey JPEG.
    """

    path: str
    shard: Shard
    row: int
    field: str


@dataclass(frozen=True)
class Part:
    """What is written of one dataset. files: lists and the like, by path, ready to write.

    left_out: videos that were left out.
    """

    dataset: str
    videos: Sequence[Video]
    pictures: Sequence[Picture]
    files: Mapping[str, bytes]
    left_out: int = 0

    def counts(self) -> dict[str, int]:
        """How many `videos`, `live` and `spoof` samples, and videos that are `left_out`."""
        live = sum(len(video.samples) for video in self.videos if video.live)
        spoof = sum(len(video.samples) for video in self.videos if not video.live)
        return {
            "videos": len(self.videos), "live": live, "spoof": spoof, "left_out": self.left_out,
        }  # fmt: skip

    def line(self) -> str:
        """Its counts in one line for people."""
        rows = self.counts()
        left = f"; {self.left_out} videos left out" if self.left_out else ""
        return (
            f"{self.dataset}: {rows['live'] + rows['spoof']} pictures of {rows['videos']} videos,"
            f" {rows['live']} live, {rows['spoof']} spoof{left}"
        )


@dataclass(frozen=True)
class Plan:
    """A whole export. bundle: its hash. options: all else that decides what is written.

    files: what belongs to no dataset, by path.
    """

    form: str
    bundle: str
    options: Mapping[str, Any]
    parts: Sequence[Part]
    files: Mapping[str, bytes]

    def paths(self) -> list[str]:
        """Every file of the export but its marker."""
        paths = list(self.files)
        for part in self.parts:
            paths += [*part.files, *(picture.path for picture in part.pictures)]
        return paths
