"""The model card beside a model: after the training, and again with what evaluation found."""

from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.files.store import write_text
from train.evaluation.card import card_text
from train.evaluation.metrics import measure
from train.evaluation.scores import Score, named, read_scores
from train.evaluation.thresholds import eer_threshold
from train.running import held_out
from train.running.checkpoint import Model
from train.running.run import CARD


def held_out_level(model: Model, rows: list[Score]) -> dict[str, Any]:
    """{"thresholds", "frame", "video"} of the held-out subjects at the threshold that the model
    carries, as metrics.measure gives them.

    Raises UserError where the rows are not those that it was found on.
    """
    rule = held_out.carried(model.threshold)
    if rule.frame is None or eer_threshold(rows) != rule.frame:
        raise UserError("not the scores that the model's threshold was found on")
    return measure(rows, {"sources_eer": rule})


def write_card(model: Model, results: dict[str, Any] | None, folder: Path) -> None:
    """Write the card to the folder where the model lies, held-out scores beside it.

    results: what evaluation found, None where there was none. Raises UserError for held-out scores
    that are not the model's, OSError where the folder cannot be written.
    """
    scores, measured = folder / held_out.FILE, None
    if model.threshold is not None and model.threshold["rule"] == "sources_eer":
        with named(scores):
            measured = held_out_level(model, read_scores(scores)) if scores.is_file() else None
    write_text(folder / CARD, card_text(model, results, measured))
