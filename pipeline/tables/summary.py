"""The results of many runs: read, and gone together to means and deviations over seeds."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal, NamedTuple

from pipeline.errors import UserError
from pipeline.tables.cells import Cell, folder_of
from pipeline.tables.stamp import RESULTS, Run
from train.config import Settings
from train.evaluation.scores import LevelName

SCHEMA = 1
"""Version of tables.json."""

Tradition = Literal["frames", "videos", "mixed"]
TRADITIONS: dict[Tradition, str] = {
    "frames": "every n-th frame, each scored by itself",
    "videos": "a few frames a video, and their mean",
    "mixed": "datasets sampled in different ways",
}
"""How the literature takes its samples: numbers of one cannot be set beside those of another."""

LEVEL: dict[Tradition, LevelName] = {"frames": "frame", "videos": "video", "mixed": "frame"}
"""What a tradition's numbers are of."""


class Value(NamedTuple):
    """A number over the seeds. deviation: of the sample (n - 1); None with fewer than two."""

    mean: float
    deviation: float | None
    seeds: int


def value(numbers: Iterable[float]) -> Value | None:
    """Mean and deviation of the finite numbers that are there; None of nothing."""
    known = [number for number in numbers if math.isfinite(number)]
    if not known:
        return None
    return Value(fmean(known), stdev(known) if len(known) > 1 else None, len(known))


def tradition_of(sampling: Iterable[str]) -> Tradition:
    """The tradition that datasets sampled in these ways (datasets.NAME.sampling) belong to."""
    kinds: set[Tradition] = {"frames" if one in ("every", "all") else "videos" for one in sampling}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def read_run(tables: Path, cell: Cell, wanted: Settings, bundle: str) -> dict[str, Any]:
    """One run as tables.json lists it: its results, or why there are none.

    tables: the folder of the tables. wanted, bundle: the settings, and the hash of the bundle, that
    it must be of; a run of others is as good as none. Raises UserError where its results cannot be
    read.
    """
    run = Run(folder_of(tables, cell), wanted, bundle)
    entry: dict[str, Any] = {**cell._asdict(), "run": run.folder.relative_to(tables).as_posix()}
    if run.is_evaluated():
        # What is published is the same in every run of a protocol.
        results = _read(run.folder / RESULTS)
        return {**entry, "results": {k: v for k, v in results.items() if k != "published"}}
    reason = run.failure()
    return {**entry, "failed": "not finished" if reason is None else reason}


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: cannot be read: {error}; run ocim tables again") from None


def summary(
    name: str, bundle: str, sampling: dict[str, str], runs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """One set of runs, all on one bundle, as tables.json holds it. sampling: by dataset."""
    return {
        "schema": SCHEMA,
        "name": name,
        "bundle": bundle,
        "sampling": sampling,
        "tradition": tradition_of(sampling.values()),
        "runs": list(runs),
    }


def read_summary(path: Path) -> dict[str, Any]:
    """A tables.json of another set. Raises UserError where it is none of this version."""
    found = _read(path)
    if found.get("schema") != SCHEMA or not isinstance(found.get("runs"), list):
        raise UserError(f"{path}: no tables.json of this version; run ocim tables there again")
    return found


def over_seeds(
    runs: Iterable[dict[str, Any]], number: Callable[[dict[str, Any]], float | None]
) -> Value | None:
    """A number of the results of runs that differ in their seed alone; of failed ones none."""
    found = (number(run["results"]) for run in runs if "results" in run)
    return value(one for one in found if one is not None)
