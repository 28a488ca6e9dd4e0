"""The layout that SSDG (Jia et al.) reads: lists in JSON, PNG by frame number.

data_label/NAME/real_label.json, fake_label.json, all_label.json
data/NAME/VIDEO/FRAME.png
"""

import csv
import io
import json
import posixpath
from collections.abc import Sequence

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.export.plan import (
    LISTS,
    Choice,
    Part,
    Picture,
    Plan,
    Video,
    check_both_classes,
    named,
    parts_of,
    videos_of,
)

FORMAT = "ssdg"
SOURCE_FRAMES, TARGET_FRAMES = 7, 13
"""Frames that a video must have. Their sampler sorts a video's n frames and takes those at 6 + j *
(n // k), j below k: one for a source (k = 1), two for the target, where 6 + n // 2 < n needs 13."""
LEFT_OUT = "left_out.csv"


def plan(bundle: Bundle, choice: Choice, prefix: str, drop_short: bool) -> Plan:
    """Plan the export.

    prefix: what stands for the export's folder in the lists. drop_short: leave out videos with too
    few frames. Raises UserError where the released code could not read or use it.
    """
    kept, left = {}, {}
    for dataset in choice.datasets:
        videos, needed = videos_of(bundle, dataset), frames_needed(dataset, choice)
        kept[dataset] = [video for video in videos if len(video.samples) >= needed]
        left[dataset] = [video for video in videos if len(video.samples) < needed]
    if drop_short:
        for dataset, videos in kept.items():
            enough = f"videos of {frames_needed(dataset, choice)} frames or more"
            check_both_classes(dataset, videos, enough)
        files = {LEFT_OUT: left_out(left, choice).encode()}
    else:
        check_none_short(kept, left, choice)
        files = {}
    parts = [plan_dataset(name, kept[name], len(left[name]), prefix) for name in choice.datasets]
    options = {**choice.options(), "drop_short": drop_short, "prefix": prefix}
    return Plan(FORMAT, bundle.hash, options, parts, files)


def frames_needed(dataset: str, choice: Choice) -> int:
    """How many frames each video of a dataset must have for what it is to serve as."""
    return TARGET_FRAMES if choice.is_target(dataset) else SOURCE_FRAMES


def check_none_short(
    kept: dict[str, list[Video]], left: dict[str, list[Video]], choice: Choice
) -> None:
    """Raise UserError, telling of every dataset, where videos have too few frames."""
    lines = [
        f"{dataset}: {len(short)} of {len(short) + len(kept[dataset])} videos have too few frames"
        f" for SSDG, the first {short[0].path} with {len(short[0].samples)} where"
        f" {frames_needed(dataset, choice)} are needed"
        for dataset, short in left.items()
        if short
    ]
    if lines:
        first = next(dataset for dataset, short in left.items() if short)
        raise UserError(
            f"{'; '.join(lines)}. datasets.{first}.sampling: all, or a smaller every, gives more;"
            f" --drop-short leaves these videos out and lists them in {LEFT_OUT}"
        )


def left_out(left: dict[str, list[Video]], choice: Choice) -> str:
    """The CSV of the videos that are left out: dataset, video, frames (it has), needed."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("dataset", "video", "frames", "needed"))
    for dataset, videos in left.items():
        needed = frames_needed(dataset, choice)
        table.writerows((dataset, video.path, len(video.samples), needed) for video in videos)
    return text.getvalue()


def plan_dataset(dataset: str, videos: Sequence[Video], left: int, prefix: str) -> Part:
    """Plan the pictures and lists of one dataset; a video's records are neighbours in a list.

    left: how many videos are left out. prefix: what stands for the export's folder in the lists.
    Raises UserError where two videos would become one, or a path leads elsewhere.
    """
    pictures, records = [], []
    for name, video in named(dataset, videos, lambda path: "/".join(parts_of(dataset, path))):
        for frame, shard, row in video.samples:
            path = f"data/{dataset}/{name}/{frame}.png"
            pictures.append(Picture(path, shard, row, "image"))
            place = posixpath.join(prefix, path)
            records.append({"photo_path": place, "photo_label": int(video.live)})
    files = {}
    for name, labels in LISTS.items():
        chosen = [record for record in records if record["photo_label"] in labels]
        # Of ASCII alone, for their code opens it in whatever encoding its machine has.
        files[f"data_label/{dataset}/{name}_label.json"] = (
            json.dumps(chosen, indent=1) + "\n"
        ).encode()
    return Part(dataset, videos, pictures, files, left)
