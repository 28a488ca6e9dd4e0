"""A trained model, ready to score face crops."""

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.config import CropSettings
from pipeline.errors import UserError
from pipeline.files.keys import sha256_file
from train.evaluation.score import IMAGES_AT_ONCE, score_images
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
    """From which score on a frame or a video is called live; None where no one has said.

    It may be infinite. rule, how, origin: how it was come by, in words.
    """

    frame: float | None
    video: float | None
    rule: str
    how: str
    origin: str

    def at(self, level: str) -> float | None:
        """That of the level `frame` or `video`."""
        return self.frame if level == "frame" else self.video

    def decide(self, level: str, score: float | None) -> str | None:
        """`live` where the score is at least the threshold, else `spoof`; None without either."""
        threshold = self.at(level)
        if score is None or threshold is None:
            return None
        return "live" if score >= threshold else "spoof"


def given_threshold(number: float) -> Threshold:
    """A threshold of the user's. Raises UserError where it is no finite number."""
    if not math.isfinite(number):
        raise UserError(f"--threshold {number}: give a finite number")
    return Threshold(number, number, "fixed", GIVEN, "--threshold")


def threshold_of(model: checkpoint.Model) -> Threshold:
    """The threshold that a model carries; its reader has looked at what is in it."""
    carried = model.threshold
    if carried is None:
        why = "a checkpoint carries none; give --threshold"
        return Threshold(None, None, "none", "", why)
    return Threshold(*(carried[key] for key in ("frame", "video", "rule", "how", "from")))


def crop_settings(model: checkpoint.Model) -> CropSettings:
    """How the crops were made that a model learned from. UserError where it does not say so."""
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
    """Its networks, in evaluation mode. UserError where a parameter is not finite."""
    networks = model.build()
    for name, value in networks.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise UserError(f"its weights are not finite ({name}): the training diverged")
    return networks


class Scorer:
    """Scores crops by one model, IMAGES_AT_ONCE at a time."""

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
        """What the model is, as JSON has it."""
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
