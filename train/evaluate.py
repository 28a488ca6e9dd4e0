"""Evaluation on the left-out dataset: scores.csv and results.json."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.store import write_json, write_text
from train import checkpoint, metrics, protocols, published
from train.device import reproducible
from train.domain import Domain
from train.methods import METHODS
from train.opened import as_user_errors, open_bundle
from train.score import score_samples

COLUMNS = (*metrics.COLUMNS, "attack", "instrument", "subject", "dataset")


def score_rows(bundle: Bundle, domain: Domain, scores: np.ndarray) -> list[dict[str, Any]]:
    """Rows of scores.csv, sorted by video and frame: samples, and failures with no score.

    frame is -1 where a video gave nothing at all.
    """
    texts = {name: domain.column(name) for name in ("attack", "instrument", "subject")}
    rows = [
        {
            "video": str(domain.paths[domain.number[i]]),
            "frame": int(domain.frame[i]),
            "live": int(domain.live[i]),
            "score": format(float(scores[i]), ".17g"),
            **{name: str(column[i]) for name, column in texts.items()},
        }
        for i in range(len(domain))
    ]
    names = ("video", "frame", "live", "attack", "instrument", "subject")
    for failure in bundle.failures:
        if failure["dataset"] == domain.name and failure["split"] in protocols.SPLITS:
            rows.append({**{name: failure[name] for name in names}, "score": ""})
    for row in rows:
        row["dataset"] = domain.name
    return sorted(rows, key=lambda row: (row["video"], row["frame"]))


def scores_text(rows: list[dict[str, Any]]) -> str:
    """scores.csv."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def counts(rows: list[metrics.Score]) -> dict[str, int]:
    """Frames and videos of each class, and how many of them have no score."""
    found: dict[str, int] = {}
    for unit, those in (("frames", rows), ("videos", metrics.video_scores(rows))):
        found[f"{unit}_live"] = sum(row.live for row in those)
        found[f"{unit}_spoof"] = sum(not row.live for row in those)
        found[f"{unit}_failed"] = sum(row.score is None for row in those)
    return found


def evaluate(
    model_path: Path, bundle_folder: Path, results_path: Path, scores_path: Path
) -> dict[str, Any]:
    """Score the protocol's target (train and test splits) and write scores and results.

    scores_path: CSV with COLUMNS, sorted by video and frame; higher is live (train/methods.py says
    what a method's score is), empty for a frame or video (frame -1) that gave no face.
    results_path: JSON, returned too; rates are fractions, the paper's own in percent.
    Raises UserError for a model or bundle that cannot be read or does not hold the target.
    """
    model = checkpoint.load(model_path)
    bundle = open_bundle(bundle_folder)
    protocol = protocols.parse(model.protocol)
    protocols.require([protocol.target], bundle.datasets, str(bundle_folder))
    # Not only where it was trained, and in float32 that is no less.
    anywhere = dataclasses.replace(model.settings, device="auto", tf32=False)
    with as_user_errors(), reproducible(anywhere) as device:
        domain = Domain(bundle, protocol.target)
        try:
            networks = model.build().to(device)
        except UserError as error:
            raise UserError(f"{model_path}: {error}") from None
        scores = score_samples(networks, domain, anywhere, np.arange(len(domain)))
        scored = score_rows(bundle, domain, scores)
    write_text(scores_path, scores_text(scored))
    rows = metrics.read_scores(scores_path)  # the file is what counts, so the file is measured
    settings = model.settings
    results = {
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
        "threshold": "target EER: where FAR and FRR lie closest on the target itself",
        "selection": model.selection,
        "trained_on": model.bundle,
        "evaluated_on": bundle.hash,
        "environment": model.environment,
        "counts": counts(rows),
        **metrics.summary(rows),
        "published": published.beside(protocol),
    }
    write_json(results_path, results)
    return results
