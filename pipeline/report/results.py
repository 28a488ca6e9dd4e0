"""results.json as the page uses it: every field that is shown, checked when it is read."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import UserError
from train.evaluation.published import RESULTS_SCHEMA
from train.evaluation.scores import LevelName

RULES = ("target_eer", "sources_eer", "fixed", "ssdg")
"""Of train/evaluation/thresholds.py; the first that there is stands where only one can be shown."""


def _not_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("no number")
    return value


NumberOrInfinity = Annotated[float, AfterValidator(_not_nan)]
"""A threshold: also infinite, which JSON writes as "inf" and "-inf"."""
Rate = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Interval = tuple[Rate, Rate]


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Point(_Read):
    """What one threshold does, as fractions; apcer by instrument."""

    threshold: NumberOrInfinity
    far: Rate
    frr: Rate
    hter: Rate
    apcer: dict[str, Rate | None]
    apcer_worst: Rate
    worst_instrument: str
    bpcer: Rate
    acer: Rate


class PointIntervals(_Read):
    """The intervals of one threshold's rates."""

    hter: Interval
    apcer_worst: Interval
    bpcer: Interval
    acer: Interval


class Intervals(_Read):
    """From resampled subjects, as fractions (lowest, highest); share: how much of the resamples
    lies within; by: what was drawn.
    """

    share: Rate
    resamples: Count
    subjects: Count
    by: str
    auc: Interval
    eer: Interval
    hter_at_eer_threshold: Interval
    bpcer_at_apcer: dict[str, Interval | None]
    at: dict[str, PointIntervals | None]


class Level(_Read):
    """The numbers by frame or by video, as fractions."""

    counts: dict[str, Count]
    failure_to_acquire: Rate
    auc: Rate
    eer: Rate
    hter_at_eer_threshold: Rate
    bpcer_at_apcer: dict[str, Rate | None]
    at: dict[str, Point | None]
    intervals: Intervals | None


class Rule(_Read):
    """A Rule of train/evaluation/thresholds.py, read back: a threshold by frame and by video, None
    where there is none; how it was found, and from what (or why there is none).
    """

    frame: NumberOrInfinity | None
    video: NumberOrInfinity | None
    how: str
    origin: str = Field(alias="from")

    def at(self, level: LevelName) -> float | None:
        """Its threshold at a level."""
        return self.frame if level == "frame" else self.video


class Published(_Read):
    """The paper's numbers for this protocol, in percent: {name: {"hter", "auc"}}."""

    protocol: str
    table_1: dict[str, dict[str, float]]
    table_2: dict[str, dict[str, float]]


class Results(_Read):
    """What evaluate found, and of what."""

    protocol: str
    sources: list[str]
    target: str
    variant: str
    width: float
    input_size: int
    steps: int
    all_steps: int
    seed: int
    score: str
    selection: str
    trained_on: str
    evaluated_on: str
    environment: dict[str, Any]
    sampling: dict[str, dict[str, Any]]
    thresholds: dict[str, Rule]
    frame: Level
    video: Level
    published: Published | None

    def level(self, name: LevelName) -> Level:
        """The numbers of one level."""
        return self.frame if name == "frame" else self.video

    def rules(self, level: LevelName) -> dict[str, float]:
        """The thresholds that there are at a level, in the order of RULES."""
        found = {name: self.thresholds[name].at(level) for name in RULES if name in self.thresholds}
        return {name: value for name, value in found.items() if value is not None}


def text_of(path: Path, verb: str) -> str:
    """The text of a file that an earlier stage wrote.

    Raises UserError, naming the stage, where it cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run ocim {verb} first") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not text in UTF-8; run ocim {verb} again") from None


def read_results(path: Path) -> Results:
    """The results that evaluate wrote.

    Raises UserError where they are missing, another program's or version's, or damaged.
    """
    again = f"{path}: not the results of this version; run ocim evaluate again"
    try:
        values = json.loads(text_of(path, "evaluate"))
    except (ValueError, RecursionError):
        raise UserError(again) from None
    if not isinstance(values, dict) or values.get("schema") != RESULTS_SCHEMA:
        raise UserError(again)
    try:
        return Results.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{again} ({place}: {first['msg']})") from None
