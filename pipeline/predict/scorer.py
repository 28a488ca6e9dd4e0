"""A trained model, ready to score face crops."""

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.config import CropSettings
from pipeline.errors import UserError
from pipeline.files.keys import sha256_file
from train.evaluation.score import IMAGES_AT_ONCE, score_images
from train.evaluation.scores import LevelName
from train.evaluation.thresholds import GIVEN
from train.methods import METHODS
from train.running import checkpoint
from train.running.device import for_scoring, reproducible

NO_PROOF = (
    "A score is no proof that a person is alive: it says how much a face looks like the live ones"
    " that the model learned from, and attacks it has never seen may look alive to it."
)
"""What goes with every score that is handed out."""


class Threshold(NamedTuple):
    """The threshold of a model: from which score on a frame or a video is called live.

    frame, video: None where there is none; they may be infinite. how, origin: as those of a Rule
    (train/evaluation/thresholds.py); rule: its name, such as sources_eer.
    """

    frame: float | None
    video: float | None
    rule: str
    how: str
    origin: str

    def decide(self, level: LevelName, score: float | None) -> Literal["live", "spoof"] | None:
        """`live` where the score is at least the threshold, else `spoof`; None without either."""
        threshold = self.frame if level == "frame" else self.video
        if score is None or threshold is None:
            return None
        return "live" if score >= threshold else "spoof"


def given_threshold(number: float) -> Threshold:
    """A threshold of the user's. Raises UserError where it is no finite number."""
    if not math.isfinite(number):
        raise UserError(f"--threshold {number}: give a finite number")
    return Threshold(number, number, "fixed", GIVEN, "--threshold")


def threshold_of(model: checkpoint.Model) -> Threshold:
    """The threshold that a model carries, as its reader has checked it; a checkpoint has none."""
    carried = model.threshold
    if carried is None:
        why = "a checkpoint carries none; give --threshold"
        return Threshold(None, None, "none", "", why)
    return Threshold(*(carried[key] for key in ("frame", "video", "rule", "how", "from")))


def crop_settings(model: checkpoint.Model) -> CropSettings:
    """How the crops were made that a model learned from.

    Raises UserError where it does not say so, or names settings that this version has not.
    """
    if not model.crop:
        raise UserError(
            "it does not say how its crops were made (imported, or of sources that differ in that),"
            " so none can be made like them"
        )
    try:
        return CropSettings(**model.crop)
    except (ValidationError, TypeError) as error:
        text = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise UserError(f"its crop settings are not those of this version: {text}") from None


def networks_of(model: checkpoint.Model) -> nn.Module:
    """Its networks, on the CPU and in evaluation mode.

    Raises UserError where they are not those of its settings, or a parameter is not finite.
    """
    networks = model.build()
    for name, value in networks.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise UserError(f"its weights are not finite ({name}): the training diverged")
    return networks


class Scorer:
    """Scores crops by one model, IMAGES_AT_ONCE at a time.

    path: of its file. crop: how the crops must be made. threshold: the model's own. Raises
    UserError for a model that does not say how its crops were made, or whose weights are not
    finite.
    """

    def __init__(self, path: Path, model: checkpoint.Model, device: torch.device) -> None:
        self.path, self.model, self._settings = path, model, model.settings
        self.sha256 = sha256_file(path)
        self.crop = crop_settings(model)
        self.threshold = threshold_of(model)
        self._networks, self._device = networks_of(model).to(device), device

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """Scores (n,) float64 of crops (n, 256, 256, 3) uint8 RGB; not finite where the networks
        overflow.
        """
        parts = (crops[n : n + IMAGES_AT_ONCE] for n in range(0, len(crops), IMAGES_AT_ONCE))
        with torch.inference_mode():
            found = [
                score_images(self._networks, torch.tensor(part).to(self._device), self._settings)
                for part in parts
            ]
        return torch.cat(found).numpy() if found else np.empty(0)

    def about(self) -> dict[str, Any]:
        """What the model is, by the keys of `model` in docs/schemas/predict.schema.json."""
        model = self.model
        return {
            "file": str(self.path),
            "sha256": self.sha256,
            "protocol": model.protocol,
            "variant": model.settings.variant,
            "steps": model.steps,
            "bundle": model.bundle,
            "crop": self.crop.model_dump(exclude={"loose", "limits"}),
            "score": METHODS[model.settings.method].scale,
        }


@contextmanager
def scoring(path: Path, threads: int | None = None) -> Iterator[Scorer]:
    """The model of a file, ready to score, as `ocim evaluate` does: in float32, on a GPU where
    torch sees one.

    threads: of the processor; None: as it was trained. Raises UserError where the file is no model,
    or none that can score; OSError where it cannot be read.
    """
    model = checkpoint.load(path)
    settings = for_scoring(model.settings)
    if threads is not None:
        settings = dataclasses.replace(settings, threads=threads)
    with reproducible(settings) as device:
        try:
            scorer = Scorer(path, model, device)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        yield scorer
