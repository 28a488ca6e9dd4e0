"""The rules by which a threshold is found, and the thresholds that they give."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import UserError
from train.evaluation.rates import Counts, Table
from train.evaluation.scores import LEVELS, LevelName, Score, by_level

FIXED = 0.5
"""The number that stands where none is given."""

CLOSEST = (
    "where FPR and FNR lie closest; candidates are every distinct score and plus and minus"
    " infinity, of several the highest"
)
GRID = "where FPR and FNR lie closest on the steps 0, 0.0001, ... 1 and 1.1, of several the last"
GIVEN = "a number that was chosen beforehand"
ITSELF = "the scores that it is used on: it looks at their labels"


class Rule(NamedTuple):
    """A threshold by frame and by video, None where there is none; how it was found, and from what
    (or why there is none).
    """

    frame: float | None
    video: float | None
    how: str
    origin: str

    def at(self, level: LevelName) -> float | None:
        """Its threshold at a level."""
        return self.frame if level == "frame" else self.video

    def to_json(self) -> dict[str, Any]:
        """{"frame", "video", "how", "from"}, as results.json has it."""
        numbers: dict[str, Any] = {level: as_json(self.at(level)) for level in LEVELS}
        return {**numbers, "how": self.how, "from": self.origin}


def as_json(threshold: float | None) -> float | str | None:
    """A threshold as JSON can say it: infinities as the texts inf and -inf."""
    if threshold is None or math.isfinite(threshold):
        return threshold
    return "inf" if threshold > 0 else "-inf"


def require_both(rows: Sequence[Score]) -> None:
    """Raise UserError where live or spoof has no score."""
    if not rows:
        raise UserError("there is no row: error rates need live and spoof samples with a score")
    for live, name in ((1, "live"), (0, "spoof")):
        those = [row for row in rows if row.live == live]
        if all(row.score is None for row in those):
            what = f"none of {len(those)} {name} samples" if those else f"no {name} sample"
            raise UserError(f"{what} has a score: error rates need both classes")


def counted_once(rows: Sequence[Score]) -> Counts:
    """Rows counted once each: Counts of one set of weights (B = 1).

    Raises UserError where live or spoof has no score.
    """
    require_both(rows)
    return Counts(Table(rows), np.ones((1, 1), np.int64))


def eer_threshold(rows: Sequence[Score]) -> float:
    """Where FPR and FNR of the scores that there are lie closest, of several the highest.

    Candidates are every distinct score and plus and minus infinity; it may be an infinity. Raises
    UserError where live or spoof has no score.
    """
    return float(counted_once(rows).eer_thresholds()[0])


def ssdg_threshold(rows: Sequence[Score]) -> float:
    """The threshold that SSDG's released code finds: on the steps 0, 0.0001, ... 1 and then 1.1 the
    one where FPR and FNR lie closest, of several the last.

    Raises UserError where live or spoof has no score, or a score lies outside of [0, 1].
    """
    for row in rows:
        if row.score is not None and not 0 <= row.score <= 1:
            raise UserError(
                f"SSDG's rule looks from 0 to 1, and video '{row.video}' has the score"
                f" {row.score:g}"
            )
    return float(counted_once(rows).ssdg_thresholds()[0])


def eer_rule(rows: list[Score], origin: str) -> Rule:
    """The EER threshold of some scores: target_eer (the literature's rule) of the very scores that
    it is used on, sources_eer (the rule of deployment) of others'. origin: whose they are.

    Raises UserError where live or spoof has no score.
    """
    thresholds = {level: eer_threshold(those) for level, those in by_level(rows).items()}
    return Rule(thresholds["frame"], thresholds["video"], CLOSEST, origin)


def fixed(number: float | None) -> Rule:
    """A number that was given, or where it is None FIXED. UserError where it is not finite."""
    if number is None:
        return Rule(FIXED, FIXED, GIVEN, f"the default, {FIXED}")
    if not math.isfinite(number):
        raise UserError(f"the threshold is {number}: give a finite number")
    return Rule(number, number, GIVEN, "the one who measures")


def ssdg(rows: list[Score]) -> Rule:
    """SSDG's rule; none where the scores are not what its code takes."""
    try:
        thresholds = {level: ssdg_threshold(those) for level, those in by_level(rows).items()}
    except UserError as error:
        return Rule(None, None, GRID, f"none: {error}")
    return Rule(thresholds["frame"], thresholds["video"], GRID, ITSELF)


def rules_for(rows: list[Score], sources: Rule, given: Rule) -> Mapping[str, Rule]:
    """All four rules for some scores. sources: what is carried over from others' scores; given: the
    rule fixed.

    Raises UserError where live or spoof has no score.
    """
    return {
        "target_eer": eer_rule(rows, ITSELF),
        "sources_eer": sources,
        "fixed": given,
        "ssdg": ssdg(rows),
    }


def fixed_threshold(why: str) -> dict[str, Any]:
    """What a model carries where there was nothing to find a threshold on (checkpoint.Model).

    why: there was nothing, as text for people.
    """
    return {"frame": FIXED, "video": FIXED, "rule": "fixed", "how": GIVEN, "from": why}


def no_sources(why: str) -> Rule:
    """The rule sources_eer where there is nothing to find it from. why: as text for people."""
    return Rule(None, None, CLOSEST, f"none: {why}")
