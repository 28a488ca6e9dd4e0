"""Evaluation on the left-out dataset: scores.csv and results.json."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.bundle import FIELDS, Bundle, BundleError
from pipeline.errors import UserError
from pipeline.store import write_json, write_text
from train import augment, checkpoint, loader, metrics, protocols, published
from train.buffers import Buffers
from train.domain import Domain
from train.engine import open_bundle, reproducible
from train.model import Networks

SCHEMA = 1
COLUMNS = (*metrics.COLUMNS, "attack", "instrument", "subject", "dataset")
IMAGES_AT_ONCE = 16  # a constant, so that scores do not depend on the machine


def score_domain(networks: Networks, domain: Domain, model: checkpoint.Model) -> np.ndarray:
    """Score every sample of a domain: (N,) float64, the sigmoid of the logit; higher is live."""
    device = next(networks.parameters()).device
    settings, memory, on_gpu = model.settings, Buffers(), device.type == "cuda"
    shape, dtype = FIELDS["image"].shape, np.dtype(FIELDS["image"].dtype)

    def read(first: int) -> Tensor:
        samples = range(first, min(first + IMAGES_AT_ONCE, len(domain)))
        images = memory.take((len(samples), *shape), dtype, on_gpu)
        domain.fill(samples, {"image": images.numpy()})
        return images

    found = []
    firsts = range(0, len(domain), IMAGES_AT_ONCE)
    with torch.inference_mode(), loader.ahead(read, firsts, settings.prefetch) as pictures:
        for images in pictures:
            images = images.to(device, non_blocking=True)
            inputs = augment.to_input(images, settings.input_size, settings.hsv)
            found.append(networks(inputs).double().sigmoid().cpu().numpy())
    return np.concatenate(found)


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

    scores_path: CSV with COLUMNS, sorted by video and frame; score is the sigmoid of the logit,
    higher is live, empty for a frame or video (frame -1) that gave no face.
    results_path: JSON, returned too; rates are fractions, the paper's own in percent.
    Raises UserError for a model or bundle that cannot be read or does not hold the target.
    """
    model = checkpoint.load(model_path)
    bundle = open_bundle(bundle_folder)
    protocol = protocols.parse(model.protocol)
    protocols.require([protocol.target], bundle.datasets, str(bundle_folder))
    anywhere = dataclasses.replace(model.settings, device="auto")  # not only where it was trained
    try:
        domain = Domain(bundle, protocol.target)
        with reproducible(anywhere) as device:
            scores = score_domain(model.build().to(device), domain, model)
        scored = score_rows(bundle, domain, scores)
    except BundleError as error:
        raise UserError(str(error)) from None
    write_text(scores_path, scores_text(scored))
    rows = metrics.read_scores(scores_path)  # the file is what counts, so the file is measured
    settings = model.settings
    results = {
        "schema": SCHEMA,
        "protocol": str(protocol),
        "sources": list(protocol.sources),
        "target": protocol.target,
        "variant": settings.variant,
        "width": settings.width,
        "input_size": settings.input_size,
        "steps": model.steps,
        "seed": settings.seed,
        "score": "sigmoid of the logit; higher is live",
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
