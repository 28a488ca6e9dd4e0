"""A run whose index, crops, depth and parsing are made up, for the tests of what comes after them.

Every value of a sample follows from its identity alone, so that it does not matter in which
partition it lies.
"""

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import crop, labelling
from pipeline.bundle import FIELDS
from pipeline.config import Config, validate
from pipeline.datasets.base import Video, read_index, write_index
from pipeline.files import layers
from pipeline.files.hdf5 import fixed_strings
from pipeline.files.layers import Failure, Remark, Source
from pipeline.index import by_partition
from pipeline.layout import Layout

FRAMES = (0, 5)


def made_rows(dataset: str = "oulu", videos: int = 2) -> list[Video]:
    """A live video and a print of each of `videos` subjects in train and in test."""
    rows = []
    for split in ("train", "test"):
        for number in range(videos):
            subject = f"{split}{number}"
            rows.append(Video(f"{split}/{number}_live.avi", dataset, split, 1, subject))
            spoof = f"{split}/{number}_print.avi"
            rows.append(Video(spoof, dataset, split, 0, subject, "print", "printer1", "2", "3"))
    return rows


def made_config(out: Path, partitions: int = 1, **values: Any) -> Config:
    """A configuration of the dataset oulu alone, with `out` and other values."""
    oulu = {"root": str(out / "nowhere"), "partitions": partitions}
    return validate({"out": str(out), "datasets": {"oulu": oulu}, **values}, "made")


def made_sample(row: Video, frame: int) -> dict[str, np.ndarray]:
    """What the stages would give for a frame: its image, depth, parsing and all other columns."""
    rng = np.random.default_rng(zlib.crc32(f"{row.path} {frame}".encode()))
    values: dict[str, np.ndarray] = {}
    for name, field in FIELDS.items():
        if field.dtype is not None:
            values[name] = rng.random(field.shape).astype(field.dtype)
    values["image"] = rng.integers(0, 256, (256, 256, 3), np.uint8)
    values["parsing"] = rng.integers(0, 13, (256, 256), np.uint8)
    values["depth"] *= row.live
    values["live"] = np.uint8(row.live)
    values["frame"] = np.int32(frame)
    return values


def source_hash(row: Video, content: str = "key") -> str:
    """Sha256 of what a made video would hold."""
    return hashlib.sha256(f"{row.path} {content}".encode()).hexdigest()


def write_partition(
    config: Config,
    dataset: str,
    number: int,
    samples: Sequence[tuple[Video, int]],
    failures: Sequence[Failure] = (),
    depth_failures: Sequence[Failure] = (),
    key: str = "key",
    remarks: Sequence[Remark] = (),
) -> None:
    """Write crops, depth and parsing of one partition, made for the index as it stands."""
    layout, settings = Layout(config.out), config.datasets[dataset]
    rows = by_partition(read_index(layout.index(dataset)), settings.partitions)[number]
    made = [made_sample(row, frame) for row, frame in samples]
    columns = {
        name: np.array([sample[name] for sample in made], field.dtype).reshape(-1, *field.shape)
        for name, field in FIELDS.items()
        if field.dtype is not None
    }
    same = {
        "video": fixed_strings([row.path for row, _ in samples]),
        "frame": columns.pop("frame"),
    }
    depth, parsing = ({name: columns.pop(name)} for name in ("depth", "parsing"))
    by_depth, by_parse = config.depth.choice(), config.parse.choice()
    of_crops = f"crops {key} {number}"
    for_crops = crop.made_for(rows, config.crop, settings)
    stages = {
        "crops": (config.crop.choice(), for_crops, columns, failures),
        "depth": (by_depth, labelling.made_for(by_depth, of_crops), depth, depth_failures),
        "parsing": (by_parse, labelling.made_for(by_parse, of_crops), parsing, ()),
    }
    sources = [Source(row.path, source_hash(row, key), "") for row in rows]
    for stage, (choice, purpose, arrays, failed) in stages.items():
        path = layout.partition(stage, dataset, number)
        remarked = remarks if stage == "crops" else ()
        attributes = {
            "key": f"{stage} {key} {number}",
            "made_by": choice.made_by("cpu", 1),
            "made_for": purpose,
        }
        layers.write(path, attributes, {**arrays, **same}, failed, remarked, sources)


def write_run(
    config: Config,
    rows: Sequence[Video],
    failures: Sequence[Failure] = (),
    depth_failures: Sequence[Failure] = (),
    dataset: str = "oulu",
    remarks: Sequence[Remark] = (),
) -> Layout:
    """Write the index and every partition of one dataset. Videos that fail whole give nothing."""
    layout = Layout(config.out)
    ordered = sorted(rows, key=lambda row: row.path.encode())
    write_index(layout.index(dataset), ordered)
    lost = {(failure.video, failure.frame) for failure in failures}
    partitions = config.datasets[dataset].partitions
    for number, own in enumerate(by_partition(ordered, partitions)):
        paths = {row.path for row in own}
        samples = [
            (row, frame)
            for row in own
            for frame in FRAMES
            if not lost & {(row.path, frame), (row.path, -1)}
        ]
        write_partition(
            config,
            dataset,
            number,
            samples,
            [failure for failure in failures if failure.video in paths],
            [failure for failure in depth_failures if failure.video in paths],
            remarks=[remark for remark in remarks if remark.video in paths],
        )
    return layout
