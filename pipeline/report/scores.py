"""scores.csv as the page uses it: videos, samples with a score, and what is decided of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.errors import UserError
from train.evaluation.rates import species
from train.evaluation.scores import Score, read_scores, video_scores


class ScoredVideo(NamedTuple):
    """One video. score: its row with the mean of its frames; frames: how many have a score, and
    failed: how many have none; a video that failed as a whole counts as one frame.
    """

    score: Score
    frames: int
    failed: int


@dataclass(frozen=True)
class Samples:
    """What has a score, as arrays of one length N.

    score: float64. live: bool. instrument: str, as APCER is given by it, "" for live.
    """

    score: np.ndarray
    live: np.ndarray
    instrument: np.ndarray

    def __len__(self) -> int:
        return len(self.score)


def read_scored(path: Path) -> list[Score]:
    """The rows of scores.csv; UserError for a file that is missing or damaged."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; run ocim evaluate first")
    return read_scores(path)


def videos_of(rows: Sequence[Score]) -> list[ScoredVideo]:
    """One row a video, sorted by dataset and name."""
    failed = Counter(row.identity for row in rows if row.score is None)
    return [ScoredVideo(video, video.frame, failed[video.identity]) for video in video_scores(rows)]


def samples_of(rows: Sequence[Score]) -> Samples:
    """Those rows that have a score."""
    names = iter(species(rows))
    instruments = ["" if row.live else next(names) for row in rows]
    there = [number for number, row in enumerate(rows) if row.score is not None]
    return Samples(
        np.array([rows[number].score for number in there], float),
        np.array([rows[number].live == 1 for number in there], bool),
        np.array([instruments[number] for number in there], str),
    )


def verdict(live: int, score: float | None, threshold: float) -> str:
    """`right`, `wrong`, or `failed` where there is no score to decide by.

    What scores at least the threshold is taken for live.
    """
    if score is None:
        return "failed"
    return "right" if (score >= threshold) == bool(live) else "wrong"
