"""Models that were not trained, as files that `ocim predict` can score with."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.bundle import CLASS_NAMES
from pipeline.onnx.check import fixed_crops
from train import methods
from train.batches import pixels
from train.running import checkpoint
from train.settings import settings_from_dict

CROP = {"landmarks": "embedded", "mode": "box", "margin": 1.4, "shift": 0.0}
THRESHOLD = {
    "frame": 0.25,
    "video": 0.75,
    "rule": "sources_eer",
    "how": "where FAR and FRR lie closest",
    "from": "held-out subjects of O and C",
}


def made_model(changes: dict[str, Any] | None = None, **stated: Any) -> checkpoint.Model:
    """A model that was not trained, whose layers see values of the usual size: scores differ."""
    given = {"width": 0.125, "input_size": 64, "threads": 1, "protocol": "O&C to M", **stated}
    settings = settings_from_dict(given, "made")
    networks = methods.make(settings, len(settings.sources))
    for module in networks.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    images = torch.from_numpy(np.concatenate(list(fixed_crops().values()))[:8])
    inputs = pixels.to_input(images, settings.input_size, settings.colours, settings.hsv)
    with torch.no_grad():
        networks.train()(inputs)
    whole = checkpoint.Model(
        networks=networks.state_dict(),
        settings=settings,
        protocol=settings.protocol,
        bundle="0" * 64,
        steps=7,
        all_steps=9,
        selection="last",
        environment={"torch": "2.13.0"},
        crop=CROP,
        classes=list(CLASS_NAMES),
        threshold=THRESHOLD,
        data={"datasets": {}, "licences": []},
    )
    return dataclasses.replace(whole, **(changes or {}))


def write_model(path: Path, changes: dict[str, Any] | None = None, **stated: Any) -> Path:
    """The same as a file. changes: of the fields of Model; stated: settings."""
    checkpoint.save(path, made_model(changes, **stated))
    return path
