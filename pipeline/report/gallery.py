"""The frames that were scored worst: the lowest of the live ones, the highest of the spoofs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.bundle import Shard
from pipeline.look.sheets import Pictures, Sample, pictures_of
from pipeline.report.scores import verdict
from train.evaluation.scores import Score

SHOWN = 12
A_VIDEO = 2
"""So that one video does not fill the gallery."""


class Card(NamedTuple):
    """One frame of the gallery. pictures: None where the bundle holds the sample no more; wrong:
    the rules at whose threshold it was decided wrongly.
    """

    score: Score
    pictures: Pictures | None
    wrong: list[str]


def worst(rows: Sequence[Score], live: int) -> list[Score]:
    """Up to SHOWN frames of a class, the worst first, at most A_VIDEO of each video.

    The worst is the lowest score of live frames and the highest of spoof ones; ties by dataset,
    video and frame.
    """
    sign = 1 if live else -1
    there = [
        (sign * row.score, row.dataset, row.video, row.frame, row)
        for row in rows
        if row.live == live and row.score is not None
    ]
    taken: Counter[tuple[str, str]] = Counter()
    chosen = []
    for *_, row in sorted(there, key=lambda found: found[:-1]):
        if taken[row.identity] < A_VIDEO:
            taken[row.identity] += 1
            chosen.append(row)
            if len(chosen) == SHOWN:
                break
    return chosen


def cards(
    rows: Sequence[Score], shards: Mapping[str, Sequence[Shard]], rules: Mapping[str, float]
) -> list[Card]:
    """Frames with their pictures from the bundle's shards by dataset. rules: thresholds by rule."""
    return [
        Card(
            row,
            pictures_of(sample) if (sample := find(row, shards.get(row.dataset, ()))) else None,
            [
                rule
                for rule, threshold in rules.items()
                if verdict(row.live, row.score, threshold) == "wrong"
            ],
        )
        for row in rows
    ]


def find(row: Score, shards: Sequence[Shard]) -> Sample | None:
    """The sample of a frame; None where no shard has it."""
    for shard in shards:
        at = np.flatnonzero((shard.frame == row.frame) & (shard.video == row.video))
        if len(at):
            return Sample(shard, int(at[0]))
    return None
