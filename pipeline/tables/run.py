"""One run of a table: trained and evaluated, or found finished."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.tables.stamp import RESULTS, SCORES, Run
from train.config import Settings
from train.engine import train
from train.evaluation.evaluate import evaluate


def make_run(
    run: Run,
    settings: Settings,
    bundle: Path,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> bool:
    """Train and evaluate into the run's folder; False where both were finished.

    A training that fails (it diverges, a dataset lacks a class) leaves its reason there and raises
    UserError; the next call tries again. One that was stopped goes on from its checkpoint. What is
    there of other settings or another bundle is replaced.
    """
    try:
        model = train(settings, bundle, run.folder, progress, replace="everything")
        run.clear_failure()
        if run.is_evaluated():
            return False
        evaluate(model, bundle, run.folder / RESULTS, run.folder / SCORES)
    except UserError as error:
        run.set_failed(str(error))
        raise
    run.set_evaluated()
    return True
