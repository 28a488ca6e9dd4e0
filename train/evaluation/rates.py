"""Rates of scores at thresholds, each sample counted a whole number of times.

Once for what was measured; in a draw of the bootstrap as often as its subject was drawn (0 or
more). A sample is accepted if score >= threshold. All is done for B sets of weights at a time.

    FPR(t) = weight of spoof with score >= t / weight of spoof with a score      (APCER of them all)
    FNR(t) = weight of live with score < t / weight of live with a score         (BPCER)
    FTA = weight of the samples without a score / weight of all, live and spoof together
    FAR = FPR (1 - FTA);  FRR = FTA + FNR (1 - FTA);  HTER = (FAR + FRR) / 2     (bob.pad.base)
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from train.evaluation.scores import Score

PERCENTS = (1, 5, 10)
"""The APCER at which BPCER is given."""

STEPS = np.append(np.arange(10001) / 10000, 1.1)
"""The thresholds that SSDG's released code tries: 0 to 1 by 1/10000, and 1.1."""


class Ranked(NamedTuple):
    """Samples of one kind that have a score, ascending. scores: (n,) float64; group: (n,) intp."""

    scores: np.ndarray
    group: np.ndarray

    def places(self, thresholds: np.ndarray) -> np.ndarray:
        """How many scores lie below each threshold, unweighted."""
        return np.searchsorted(self.scores, thresholds, side="left")

    def counted(self, weights: np.ndarray) -> np.ndarray:
        """(B, n + 1) int64: the weight of the first k scores. weights: (B, groups)."""
        sums = np.zeros((len(weights), len(self.scores) + 1), np.int64)
        np.cumsum(weights[:, self.group], axis=1, out=sums[:, 1:])
        return sums


def species(rows: Sequence[Score]) -> list[str]:
    """The attack species of each spoof row, in their order: its instrument, or its attack type, or
    "unknown"; with its dataset and a slash before it where the rows are of several.
    """
    several = len({row.dataset for row in rows}) > 1
    names = [row.instrument or row.attack or "unknown" for row in rows if not row.live]
    if not several:
        return names
    datasets = [row.dataset for row in rows if not row.live]
    return [f"{dataset}/{name}" for dataset, name in zip(datasets, names, strict=True)]


class Table:
    """Rows of one level, made ready for counting.

    group: (rows,) number of the group of each row, 0 to groups - 1; None: all in one.
    candidates: (K,) ascending: minus infinity, every distinct score, plus infinity. steps: those of
    STEPS that can be SSDG's threshold.
    species: the attack species by name, also those of which no sample has a score.
    """

    def __init__(self, rows: Sequence[Score], group: np.ndarray | None = None) -> None:
        group = np.zeros(len(rows), np.intp) if group is None else group
        live = np.array([row.live for row in rows], bool)
        score = np.array([np.nan if row.score is None else row.score for row in rows], float)
        there = ~np.isnan(score)

        def ranked(those: np.ndarray) -> Ranked:
            order = np.flatnonzero(those)
            order = order[np.argsort(score[order], kind="stable")]
            return Ranked(score[order], group[order])

        self.live, self.spoof = ranked(live & there), ranked(~live & there)
        self.failed = {"live": group[live & ~there], "spoof": group[~live & ~there]}
        names = np.full(len(rows), "", object)
        names[~live] = species(rows)
        self.species = {
            name: ranked(~live & there & (names == name)) for name in sorted(set(names[~live]))
        }
        distinct = np.unique(score[there])
        self.candidates = np.concatenate([[-np.inf], distinct, [np.inf]])
        self.live_places = self.live.places(self.candidates)
        self.spoof_places = self.spoof.places(self.candidates)
        # Steps between the same two scores do the same, and of equals the last is taken.
        below = np.searchsorted(distinct, STEPS, side="left")
        self.steps = STEPS[np.append(np.diff(below) > 0, True)]
        self.above = {  # of each score of a species the next candidate above it
            name: np.searchsorted(self.candidates, ranked.scores, side="right")
            for name, ranked in self.species.items()
        }

    def __len__(self) -> int:
        return len(self.live.scores) + len(self.spoof.scores)


class At(NamedTuple):
    """Rates at one threshold in each of B sets of weights: (B,), apcer by species, NaN where a
    species has no score.
    """

    far: np.ndarray
    frr: np.ndarray
    apcer: dict[str, np.ndarray]
    bpcer: np.ndarray

    @property
    def hter(self) -> np.ndarray:
        """The mean of FAR and FRR."""
        return (self.far + self.frr) / 2

    @property
    def apcer_worst(self) -> np.ndarray:
        """The highest APCER of a species."""
        return np.nanmax(list(self.apcer.values()), axis=0)

    @property
    def acer(self) -> np.ndarray:
        """The mean of the worst APCER and BPCER."""
        return (self.apcer_worst + self.bpcer) / 2


class Counts:
    """A table under B sets of weights, (B, groups) int64; both classes with a score in each."""

    def __init__(self, table: Table, weights: np.ndarray) -> None:
        self.table = table
        self.live, self.spoof = table.live.counted(weights), table.spoof.counted(weights)
        self.species = {name: ranked.counted(weights) for name, ranked in table.species.items()}
        self.lives, self.spoofs = self.live[:, -1], self.spoof[:, -1]
        failed = sum(weights[:, group].sum(axis=1) for group in table.failed.values())
        self.failures = failed / (failed + self.lives + self.spoofs)

    @cached_property
    def live_below(self) -> np.ndarray:
        """(B, K) the weight of live below each candidate."""
        return self.live[:, self.table.live_places]

    @cached_property
    def spoof_below(self) -> np.ndarray:
        """(B, K) the weight of spoof below each candidate."""
        return self.spoof[:, self.table.spoof_places]

    def eer_thresholds(self) -> np.ndarray:
        """(B,) the candidate where FPR and FNR lie closest, of several the highest."""
        accepted = self.spoofs[:, None] - self.spoof_below
        rejected = self.live_below
        # |FPR - FNR| times both weights: whole numbers, so that a tie is a tie
        gap = np.abs(accepted * self.lives[:, None] - rejected * self.spoofs[:, None])
        return self.table.candidates[_last_of_the_least(gap)]

    def ssdg_thresholds(self) -> np.ndarray:
        """(B,) the one of STEPS where FPR and FNR lie closest, of several the last.

        Their quotients are compared as float64, as SSDG's code does, rounding included.
        """
        steps = self.table.steps
        accepted = self.spoofs[:, None] - self.spoof[:, self.table.spoof.places(steps)]
        rejected = self.live[:, self.table.live.places(steps)]
        gap = np.abs(rejected / self.lives[:, None] - accepted / self.spoofs[:, None])
        return steps[_last_of_the_least(gap)]

    def auc(self) -> np.ndarray:
        """(B,) area under the ROC curve, 0 to 1: the share of pairs of a live and a spoof sample in
        which the live one has the higher score, ties by half.
        """
        below, lives = self.spoof_below, np.diff(self.live_below, axis=1)
        twice = (lives * (below[:, :-1] + below[:, 1:])).sum(axis=1)
        return twice / (2 * self.lives * self.spoofs)

    def fpr_and_fnr(self, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both (B,) at one threshold a set of weights, without failures to acquire."""
        every = np.arange(len(thresholds))
        accepted = self.spoofs - self.spoof[every, self.table.spoof.places(thresholds)]
        rejected = self.live[every, self.table.live.places(thresholds)]
        return accepted / self.spoofs, rejected / self.lives

    def at(self, thresholds: np.ndarray) -> At:
        """Rates at (B,) thresholds, one a set of weights; fractions, (B,) float64 each."""
        fpr, fnr = self.fpr_and_fnr(thresholds)
        acquired = 1 - self.failures
        every = np.arange(len(thresholds))
        apcer = {}
        for name, ranked in self.table.species.items():
            sums = self.species[name]
            total = sums[:, -1]
            accepted = total - sums[every, ranked.places(thresholds)]
            apcer[name] = np.where(total > 0, accepted / np.maximum(total, 1), np.nan)
        return At(fpr * acquired, self.failures + fnr * acquired, apcer, fnr)

    def bpcer_at_apcer(self, percent: int) -> np.ndarray:
        """(B,) the lowest BPCER over the candidates where no species' APCER is above `percent`.

        APCER falls and BPCER rises with the threshold, so it is that at the lowest such candidate.
        percent: a whole number; what is returned is a fraction.
        """
        lowest = np.zeros(len(self.lives), np.intp)
        for name, sums in self.species.items():
            total = sums[:, -1:]
            # too many are accepted at or below the score of the last of these
            over = ((total - sums[:, :-1]) * 100 > percent * total).sum(axis=1)
            above = np.append(0, self.table.above[name])
            lowest = np.maximum(lowest, above[over])
        every = np.arange(len(lowest))
        return self.live[every, self.table.live_places[lowest]] / self.lives


def _last_of_the_least(values: np.ndarray) -> np.ndarray:
    """(B,) the place of the least value of each row, of several the last."""
    return values.shape[1] - 1 - np.argmin(values[:, ::-1], axis=1)
