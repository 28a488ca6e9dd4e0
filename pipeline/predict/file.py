"""The scores of one picture or video: its faces found, cut and chosen as for training."""

import math
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.config import DatasetSettings
from pipeline.cropping.crop_job import Job
from pipeline.cropping.crop_video import crop_video
from pipeline.cropping.samples import FIELDS, Samples
from pipeline.cropping.samples import QUALITY as OF_SAMPLES
from pipeline.cropping.spool import ByteSpool, Spool
from pipeline.datasets.base import Video
from pipeline.files.layers import Failure, Remark, one_line
from pipeline.frames.libav import TooMuchMemory
from pipeline.frames.pictures import is_picture
from pipeline.predict.scorer import Scorer
from train.evaluation.scores import LevelName

if TYPE_CHECKING:
    from labels.landmarks import FaceFinder as Landmarks

QUALITY = (*(name for name in OF_SAMPLES if name != "shipped_distance"), "faces")
"""The columns of Prediction.quality: docs/bundle.md gives the units; `faces` is how many the frame
shows."""

REACH = DatasetSettings(root="").reach
"""How many frames away the nearest frame with a face may be, where a wanted one has none."""

UNKNOWN = 0
"""Nobody knows whether the file is live. As a spoof: a second face is then worth a remark from a
tenth of the first one's area on. It decides nothing else here."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one file gives.

    frames: (n,) int32, rising, of those with a face; scores: (n,) float64, finite; quality: (n, 9)
    float32, the columns QUALITY, NaN where it could not be measured. failures: frames without a
    score, and why; frame -1: the file as a whole. remarks: what ought to be known of a frame (or,
    -1, of the file) that has one.
    """

    path: Path
    picture: bool
    frames: np.ndarray
    scores: np.ndarray
    quality: np.ndarray
    failures: list[Failure]
    remarks: list[Remark]

    @property
    def level(self) -> LevelName:
        """Which threshold is this file's: a picture is one frame."""
        return "frame" if self.picture else "video"

    @property
    def score(self) -> float | None:
        """The mean of its frames' scores, as `ocim evaluate` has of a video; None without any."""
        return math.fsum(self.scores) / len(self.scores) if len(self.scores) else None

    @property
    def reason(self) -> str:
        """Why there is no score: what failed of the file as a whole, else of its frames. There must
        be a failure.
        """
        first = min(self.failures)
        if first.frame < 0 or all(one.reason == first.reason for one in self.failures):
            return first.reason
        return f"none of {len(self.failures)} frames gave one; the first: {first.reason}"


def predict_file(
    path: Path, scorer: Scorer, landmarks: "Landmarks", every: int, upside_down: bool = False
) -> Prediction:
    """Score each `every`-th frame of a file, or the nearest one with a face.

    upside_down: turn it by 180 degrees where the file itself does not say which way up it is.

    Which frames, which of several faces, and the crops are those of `ocim crop` of a dataset with
    `sampling: every`, the detector's faces and nothing corrected by hand. Crops wait in a nameless
    file in the folder for temporary files ($TMPDIR): memory is flat in the length of the video.
    What is wrong with the file is among the failures. Raises OSError where there is no room.
    """
    row = Video(
        path.name, "predict", "test", live=UNKNOWN, subject="", upside_down=int(upside_down)
    )
    picture = is_picture(path)
    dataset = DatasetSettings(
        root=str(path.parent), sampling="every", every=every, reach=0 if picture else REACH
    )
    waiting = Path(tempfile.gettempdir())
    with ExitStack() as stack:
        spool = stack.enter_context(Spool(waiting, FIELDS))
        loose = stack.enter_context(ByteSpool(waiting))
        samples = Samples(spool, loose, scorer.crop, keep_loose=False)
        try:
            crop_video(row, landmarks, Job(path.parent, scorer.crop, dataset), samples)
        except TooMuchMemory as error:
            samples.fail(row, -1, str(error))
        found = _scored(samples, scorer, row)
    failures = [one._replace(reason=one_line(one.reason)) for one in sorted(samples.failures)]
    remarks = [one._replace(text=one_line(one.text)) for one in sorted(samples.remarks)]
    return Prediction(path, picture, *found, failures, remarks)


def _scored(
    samples: Samples, scorer: Scorer, row: Video
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames, scores and quality of the chosen samples; a score that is not finite is a failure."""
    numbers = [number for number, _ in samples.chosen]

    def column(name: str) -> np.ndarray:
        return np.concatenate([np.empty(0), *samples.spool.rows(name, numbers).blocks])

    blocks = samples.spool.rows("image", numbers).blocks
    scores = np.concatenate([np.empty(0), *(scorer(block) for block in blocks)])
    frames = column("frame").astype(np.int32)
    quality = np.stack([column(name) for name in QUALITY], axis=1).astype(np.float32)
    finite = np.isfinite(scores)
    for frame in frames[~finite].tolist():
        samples.fail(row, frame, "the model gives no finite score for this face")
    return frames[finite], scores[finite], quality[finite]
