"""What benchmarks/end_to_end.py measures of ours: configurations, and the index of its videos."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.parts.made_bisenet import made_network
from labels.parsing.runtimes import openvino_has_bfloat16
from pipeline.config import Config, validate
from pipeline.datasets.base import Video

NAME, MIXED = "clips", "spoofs_without_depth"


@dataclass(frozen=True)
class Job:
    """One configuration of ours: how it parses, and whether spoofs count as spoofs."""

    name: str
    parse: dict[str, Any]
    mixed: bool = False


def is_live(path: Path) -> bool:
    """Whether a video of the folder is of a living face, as far as its folders say so."""
    return not {"spoof", "attack"} & {part.lower() for part in path.parts}


def rows_of(root: Path, files: list[Path], mixed: bool) -> list[Video]:
    """The index of the videos."""
    rows = []
    for path in files:
        within = path.relative_to(root)
        live = int(is_live(within) or not mixed)
        attack = "" if live else "unknown"
        rows.append(Video(within.as_posix(), NAME, "train", live, within.as_posix(), attack))
    return sorted(rows, key=lambda row: row.path.encode())


def configured(root: Path, out: Path, job: Job, every: int) -> Config:
    """The configuration of one run of ours."""
    dataset = {"root": str(root), "adapter": "table", "every": every, "partitions": 1}
    values = {"out": str(out), "datasets": {NAME: dataset}, "parse": job.parse}
    return validate(values, "benchmark")


def jobs_of(folder: Path) -> list[Job]:
    """What of ours is measured. folder: where BiSeNet's weights, made by chance, are written."""
    weights = folder / "bisenet.pth"
    torch.save(made_network().state_dict(), weights)
    precision = "bfloat16" if openvino_has_bfloat16() else "float32"
    parse = {
        "backend": "bisenet", "weights": str(weights), "order": "zllrunning",
        "runtime": "openvino", "precision": precision,
    }  # fmt: skip
    return [
        Job("facemesh", {"backend": "facemesh"}),
        Job(MIXED, {"backend": "facemesh"}, mixed=True),
        Job("bisenet", parse),
    ]
