"""Evaluation on the left-out dataset: scores.csv and results.json."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.files.store import write_json, write_text
from train import protocols
from train.batches.domain import Domain
from train.evaluation import published
from train.evaluation.card_file import write_card
from train.evaluation.metrics import measure
from train.evaluation.score import as_scores, failures, in_order, score_samples
from train.evaluation.scores import Score, named, read_scores, scores_text
from train.evaluation.thresholds import fixed, rules_for
from train.methods import METHODS
from train.protocols import Protocol
from train.running import checkpoint
from train.running.checkpoint import Model
from train.running.device import for_scoring, reproducible
from train.running.held_out import carried
from train.running.opened import as_user_errors, open_bundle
from train.running.origin import section
from train.running.run import CARD


def score_target(model: Model, bundle: Bundle, target: str, name: str) -> list[Score]:
    """Rows of every sample of the target, train and test splits, and of those that failed, in the
    order of a scores file.

    name: what to call the model in messages. Raises UserError where the model's networks are not
    those of its settings, or the bundle cannot be read or holds no sample of the target.
    """
    settings = for_scoring(model.settings)
    with as_user_errors(), reproducible(settings) as device:
        domain = Domain(bundle, target)
        try:
            networks = model.build().to(device)
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
        every = np.arange(len(domain))
        scores = score_samples(networks, domain, settings, every)
        rows = as_scores(domain, every, scores)
    return in_order(rows + failures(bundle, target, protocols.SPLITS))


def about(model: Model, bundle: Bundle, protocol: Protocol) -> dict[str, Any]:
    """What results.json says of the model and the data, besides the numbers (docs/results.md)."""
    settings = model.settings
    sampling = {name: facts.get("sampling", {}) for name, facts in model.data["datasets"].items()}
    return {
        "schema": published.RESULTS_SCHEMA,
        "protocol": str(protocol),
        "sources": list(protocol.sources),
        "target": protocol.target,
        "variant": settings.variant,
        "meta_step": settings.parts.meta,
        "width": settings.width,
        "input_size": settings.input_size,
        "steps": model.steps,
        "all_steps": model.all_steps,
        "seed": settings.seed,
        "score": METHODS[settings.method].scale,
        "selection": model.selection,
        "trained_on": model.bundle,
        "evaluated_on": bundle.hash,
        "environment": model.environment,
        "sampling": {**sampling, protocol.target: section(bundle, protocol.target, "sampling")},
    }


def evaluate(
    model_path: Path,
    bundle_folder: Path,
    results_path: Path,
    scores_path: Path,
    number: float | None = None,
) -> dict[str, Any]:
    """Score the protocol's target (train and test splits) and write scores and results.

    scores_path: CSV (train/evaluation/scores.py), sorted by video and frame; higher is live
    (train/methods.py says what a method's score is), empty for a frame or video (frame -1) that
    gave no face.
    results_path: JSON, returned too (docs/results.md); rates are fractions, the paper's own in
    percent. number: the threshold of the rule `fixed`. The card beside a model.pt is written anew.
    Raises UserError for a model or bundle that cannot be read or does not hold the target.
    """
    given = fixed(number)
    model = checkpoint.load(model_path)
    bundle = open_bundle(bundle_folder)
    protocol = protocols.parse(model.protocol)
    protocols.require([protocol.target], bundle.datasets, str(bundle_folder))
    scored = score_target(model, bundle, protocol.target, str(model_path))
    write_text(scores_path, scores_text(scored))
    rows = read_scores(scores_path)  # the file is what counts, so the file is measured
    with named(scores_path):
        rules = rules_for(rows, carried(model.threshold), given)
    results = {
        **about(model, bundle, protocol),
        **measure(rows, rules),
        "published": published.beside(protocol),
    }
    write_json(results_path, results)
    if model_path.name == "model.pt":
        renew_card(model, results, model_path.parent)
    return results


def renew_card(model: Model, results: dict[str, Any], folder: Path) -> None:
    """Write the model's card anew with the results; where that cannot be, say so on stderr."""
    try:
        write_card(model, results, folder)
        return
    except UserError as error:
        why = str(error)
    except OSError as error:
        why = f"{error.filename or folder}: {error.strerror}"
    with suppress(OSError):  # nobody listens
        print(f"note: {folder / CARD} is not written: {why}", file=sys.stderr)
