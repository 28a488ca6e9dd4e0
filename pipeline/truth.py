"""Labels of the replica held against what its renderer knows to be true."""

from pathlib import Path
from typing import Any

import numpy as np

from labels import classes
from pipeline import crops
from pipeline.bundle import DEPTH_SIDE, IMAGE_SIDE, Bundle, Shard
from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.files.store import write_json
from pipeline.index import dataset_root
from pipeline.layout import Layout

SENTENCE = (
    "The mesh that draws the replica's faces is the mesh that finds them: this truth shows that"
    " landmarks, alignment and geometry are right, and cannot show how real the depth is."
)

YAW_BINS = {
    "yaw below 10 degrees": 10.0,
    "yaw 10 to 20": 20.0,
    "yaw 20 to 30": 30.0,
    "yaw from 30": np.inf,
}
"""Groups of samples by how far the head is turned: name, and where it ends."""


def truth_path(root: Path, video: str) -> Path:
    """Where the renderer puts a video's truth: beside it, with the suffix .npz."""
    return (root / video).with_suffix(".npz")


def read_truth(path: Path) -> dict[str, np.ndarray]:
    """The truth that the renderer wrote beside a live video.

    `box` (F, 4) int32 (x0, y0, x1, y1 in upright frame pixels), `depth` (F, h, w) float16 in [0, 1]
    and `parsing` (F, h, w) uint8 in 0..12, both inside the box, padded at the right and below.
    """
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in ("box", "depth", "parsing")}


def truth_in_crop(
    truth: dict[str, np.ndarray], frame: int, affine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """True depth (32, 32) float32 in [0, 1], reduced by area, and parsing (256, 256) uint8 of one
    sample.

    truth: as read_truth gives it. frame: its number. affine: (2, 3) frame to crop.
    """
    x0, y0, x1, y1 = (int(value) for value in truth["box"][frame])
    height, width = y1 - y0, x1 - x0
    inside = affine.copy()
    inside[:, 2] += affine[:, :2] @ [x0, y0]
    size = (IMAGE_SIDE, IMAGE_SIDE)
    depth = crops.warp(truth["depth"][frame, :height, :width].astype(np.float32), inside, size)
    parsing = crops.warp(truth["parsing"][frame, :height, :width], inside, size, nearest=True)
    step = IMAGE_SIDE // DEPTH_SIDE
    return depth.reshape(DEPTH_SIDE, step, DEPTH_SIDE, step).mean(axis=(1, 3)), parsing


def inside_outline(depth: np.ndarray) -> np.ndarray:
    """The face's cells whose eight neighbours are of the face too: (H, W) bool.

    depth: (H, W), above 0 on the face. A cell on the outline is part face, part background, and its
    value says chiefly how much of it is face: there two outlines are compared, not two depths.
    """
    face = np.pad(depth > 0, 1)
    windows = np.lib.stride_tricks.sliding_window_view(face, (3, 3))
    return np.asarray(windows.all(axis=(2, 3)))


def correlation(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> float:
    """Pearson's correlation of two maps (H, W) over the cells of a mask (H, W) bool, -1 to 1; 0
    where one of them is constant there.
    """
    if where.sum() < 2 or not (np.ptp(first[where]) and np.ptp(second[where])):
        return 0.0
    return float(np.corrcoef(first[where], second[where])[0, 1])


def yaw_bin(yaw: float) -> str:
    """The name in YAW_BINS of a yaw in degrees, either side; NaN (no pose fits) is in the last."""
    return next((name for name, end in YAW_BINS.items() if abs(yaw) < end), list(YAW_BINS)[-1])


class Tally:
    """Running sums over samples: depth error and correlation, and the confusion of classes."""

    def __init__(self) -> None:
        self.errors: list[float] = []
        self.correlations: list[float] = []
        self.inside: list[float] = []
        self.confusion = np.zeros((len(classes.NAMES),) * 2, np.int64)

    def add(
        self,
        depth: np.ndarray,
        parsing: np.ndarray,
        true_depth: np.ndarray,
        true_parsing: np.ndarray,
    ) -> None:
        """Add one sample: its depth (32, 32) in [0, 1] and parsing (256, 256) in 0..12, and the
        true ones.
        """
        either = (depth > 0) | (true_depth > 0)
        both = (depth > 0) & (true_depth > 0)
        self.errors.append(float(np.abs(depth - true_depth)[either].mean()))
        self.correlations.append(correlation(depth, true_depth, both))
        within = inside_outline(depth) & inside_outline(true_depth)
        self.inside.append(correlation(depth, true_depth, within))
        flat = true_parsing.astype(np.int64).ravel() * len(classes.NAMES) + parsing.ravel()
        self.confusion += np.bincount(flat, minlength=self.confusion.size).reshape(
            self.confusion.shape
        )

    def result(self) -> dict[str, Any]:
        """The figures of all samples: mean absolute error of depth over the cells of either face,
        mean correlation over those of both faces and those inside both outlines, IoU of each class.

        Classes that are not in the truth are left out, and so is background.
        """
        both = np.diag(self.confusion)
        either = self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - both
        iou = {
            name: float(both[c] / either[c])
            for c, name in enumerate(classes.NAMES)
            if c and self.confusion[c].sum()
        }
        return {
            "samples": len(self.errors),
            "depth_mae": float(np.mean(self.errors)),
            "depth_correlation": float(np.mean(self.correlations)),
            "depth_correlation_inside": float(np.mean(self.inside)),
            "parsing_mean_iou": float(np.mean(list(iou.values()))),
            "parsing_iou": iou,
        }


def label_truth(config: Config, layout: Layout) -> dict[str, Any]:
    """Compare every live sample of the bundle with the truth; write and return OUT/truth.json.

    Raises UserError when no live video has its truth beside it, as real data has none.
    """
    bundle, total = Bundle(layout.bundle), Tally()
    by_yaw = {name: Tally() for name in YAW_BINS}
    by_dataset: dict[str, Any] = {}
    for name, settings in config.datasets.items():
        root, tally = dataset_root(name, settings), Tally()
        for shard in bundle.shards(name):
            for index in np.flatnonzero(shard.live):
                of_yaw = by_yaw[yaw_bin(float(shard.yaw[index]))]
                add_sample(shard, int(index), root, (tally, total, of_yaw))
        if tally.errors:
            by_dataset[name] = tally.result()
    if not by_dataset:
        raise UserError(f"{layout.bundle}: no live video has its truth beside it; only the replica")
    measured = {
        "all": total.result(),
        "by_yaw": {name: tally.result() for name, tally in by_yaw.items() if tally.errors},
        "datasets": by_dataset,
        "note": SENTENCE,
    }
    write_json(layout.truth, measured)
    return measured


def add_sample(shard: Shard, index: int, root: Path, tallies: tuple[Tally, ...]) -> None:
    """Add one live sample of a shard to the tallies, where its video has a truth."""
    path = truth_path(root, str(shard.video[index]))
    if not path.is_file():
        return
    truth = read_truth(path)
    true_depth, true_parsing = truth_in_crop(truth, int(shard.frame[index]), shard.affine[index])
    for tally in tallies:
        tally.add(shard.depth[index], shard.parsing[index], true_depth, true_parsing)


def to_lines(measured: dict[str, Any]) -> list[str]:
    """The figures for people, one line a dataset, then the sentence that says what they show."""
    everything = "all four" if len(measured["datasets"]) == 4 else "all"
    rows = {**measured["datasets"], **measured["by_yaw"], everything: measured["all"]}.items()
    lines = [
        f"{name}: depth MAE {row['depth_mae']:.4f}, correlation {row['depth_correlation']:.4f}"
        f" ({row['depth_correlation_inside']:.4f} inside the outline);"
        f" parsing mean IoU {row['parsing_mean_iou']:.3f} ({row['samples']} live samples)"
        for name, row in rows
    ]
    return [*lines, measured["note"]]
