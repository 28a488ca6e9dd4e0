"""One cell of a table: trained and evaluated, or found finished."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.keys import sha256_file
from pipeline.store import write_json
from pipeline.tables.cells import FAILED, RESULTS
from train.config import Settings
from train.engine import train
from train.evaluate import evaluate
from train.published import RESULTS_SCHEMA

SCORES, STAMP = "scores.csv", "evaluated.json"


def run_cell(
    settings: Settings,
    bundle_folder: Path,
    bundle_hash: str,
    folder: Path,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> bool:
    """Train and evaluate into `folder`; False where both were finished.

    A training that fails (it diverges, a dataset lacks a class) leaves failed.json with the reason
    and raises UserError; the next call tries again. One that was stopped goes on from its
    checkpoint. What is there of other settings is replaced.
    """
    failed = folder / FAILED
    try:
        model = train(settings, bundle_folder, folder, progress, replace=True)
        failed.unlink(missing_ok=True)
        if is_evaluated(folder, model, bundle_hash):
            return False
        evaluate(model, bundle_folder, folder / RESULTS, folder / SCORES)
    except UserError as error:
        write_json(failed, {"reason": str(error)})
        raise
    write_json(folder / STAMP, stamp(folder, model, bundle_hash))
    return True


def stamp(folder: Path, model: Path, bundle_hash: str) -> dict[str, Any]:
    """What an evaluation was made of and what it has made."""
    return {
        "bundle": bundle_hash,
        "model": sha256_file(model),
        "results": sha256_file(folder / RESULTS),
        "schema": RESULTS_SCHEMA,
        "scores": sha256_file(folder / SCORES),
    }


def is_evaluated(folder: Path, model: Path, bundle_hash: str) -> bool:
    """Whether results and scores are there, whole, and of this model on this bundle."""
    try:
        written = json.loads((folder / STAMP).read_text("utf-8"))
        return bool(written == stamp(folder, model, bundle_hash))
    except (OSError, ValueError):
        return False
