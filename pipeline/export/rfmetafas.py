"""The layout that RFMetaFAS (Shao, Lan and Yuen) reads: lists of paths, PNG, depth as JPEG beside.

OULU|CASIA|idiap|MSU/image_list_real.txt, image_list_fake.txt, image_list_all.txt
NAME/VIDEO/FRAME.png
NAME/depth/VIDEO/FRAME_depth.jpg of live samples, NAME/depth/fake_depth.jpg for all spoofs
"""

from collections.abc import Sequence

import numpy as np

from pipeline.bundle import DEPTH_SIDE, Bundle
from pipeline.errors import UserError
from pipeline.export.plan import (
    LISTS,
    Choice,
    Part,
    Picture,
    Plan,
    Video,
    named,
    parts_of,
    videos_of,
)
from pipeline.export.write import depth_jpeg

FORMAT = "rfmetafas"
NAMES = {"oulu": "OULU", "casia": "CASIA", "replay": "idiap", "msu": "MSU"}
"""Their names of the datasets."""
FOLDERS = {"oulu": 1, "casia": 3, "replay": 3, "msu": 2}
"""How many of a path's first parts their reader takes for the depth's folder: all but the name."""
BATCH = 10
"""Images that their training draws at once from one class of one source."""
BLOCK = 256  # depth maps that are in memory at once when they are checked


def plan(bundle: Bundle, choice: Choice) -> Plan:
    """Plan the export. Raises UserError where the released code could not read or use it."""
    parts = [plan_dataset(bundle, dataset, choice) for dataset in choice.datasets]
    return Plan(FORMAT, bundle.hash, choice.options(), parts, {})


def plan_dataset(bundle: Bundle, dataset: str, choice: Choice) -> Part:
    """Plan the pictures and lists of one dataset. Raises UserError as `plan`."""
    videos = videos_of(bundle, dataset)
    if choice.is_source(dataset):
        check_batches(dataset, videos)
    check_depth(bundle, dataset)
    folder = NAMES[dataset]
    pictures, lines = [], []
    for name, video in named(dataset, videos, lambda path: video_folder(dataset, path)):
        for frame, shard, row in video.samples:
            image = f"{name}/{frame}.png"
            pictures.append(Picture(f"{folder}/{image}", shard, row, "image"))
            if video.live:
                depth = f"{folder}/depth/{name}/{frame}_depth.jpg"
                pictures.append(Picture(depth, shard, row, "depth"))
            lines.append((image, int(video.live)))
    files = {f"{folder}/depth/fake_depth.jpg": depth_jpeg(np.zeros((DEPTH_SIDE,) * 2, np.float32))}
    for name, labels in LISTS.items():
        text = "".join(f"{image} {label}\n" for image, label in lines if label in labels)
        files[f"{folder}/image_list_{name}.txt"] = text.encode()
    return Part(dataset, videos, pictures, files)


def video_folder(dataset: str, video: str) -> str:
    """Where a video's pictures lie below the dataset's folder: as many parts as their reader takes,
    the last ones joined. UserError for a path with too few.
    """
    parts, wanted = parts_of(dataset, video), FOLDERS[dataset]
    if len(parts) < wanted:
        raise UserError(
            f"{dataset}: RFMetaFAS finds the depth by the first {wanted} parts of a path, and"
            f" {video} has {len(parts)}; lay the videos out as docs/datasets.md says, or leave the"
            " dataset out with --dataset"
        )
    return "/".join([*parts[: wanted - 1], "_".join(parts[wanted - 1 :])])


def check_batches(dataset: str, videos: Sequence[Video]) -> None:
    """Raise UserError for a class with fewer than BATCH images."""
    for live, name in ((True, "live"), (False, "spoof")):
        images = sum(len(video.samples) for video in videos if video.live == live)
        if images < BATCH:
            raise UserError(
                f"{dataset}: {images} {name} images, and RFMetaFAS trains on whole batches of"
                f" {BATCH} and drops a shorter one, so it would wait for ever; take more frames"
                f" (datasets.{dataset}.every), or leave the dataset out with --dataset"
            )


def check_depth(bundle: Bundle, dataset: str) -> None:
    """Raise UserError for a live sample whose depth is all zero, or not within 0 to 1."""
    for shard in bundle.shards(dataset, ("train", "test")):
        rows = np.flatnonzero(shard.live)
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            depth = shard.read("depth", block)
            within = ((depth >= 0) & (depth <= 1)).all(axis=(1, 2))  # false for NaN as well
            bad = np.flatnonzero(~(within & depth.any(axis=(1, 2))))
            if len(bad):
                row = block[bad[0]]
                raise UserError(
                    f"{shard.path}: {shard.video[row]}, frame {shard.frame[row]}: a live sample"
                    " without depth, or depth outside 0 to 1; see ocim bundle verify"
                )
