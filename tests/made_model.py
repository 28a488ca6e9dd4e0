"""Models that nobody trained: networks of small size with the initial weights of their seed."""

from pathlib import Path
from typing import Any

from pipeline.bundle import CLASS_NAMES, Bundle
from train import methods
from train.config import Settings
from train.running import checkpoint
from train.settings import settings_from_dict

SMALL = {"width": 0.0625, "input_size": 64, "threads": 1, "device": "cpu"}


def settings_of(variant: str, **values: Any) -> Settings:
    """Small settings of a variant, with what it was published with."""
    return settings_from_dict({"variant": variant, **SMALL, **values}, "made")


def make_model(path: Path, bundle: Path, variant: str = "ours", **values: Any) -> Path:
    """Write a model of small networks, as if it had been trained on a bundle; threshold and crop
    may be given beside the settings.
    """
    threshold, crop = values.pop("threshold", None), values.pop("crop", {})
    settings = settings_of(variant, **values)
    checkpoint.save(
        path,
        checkpoint.Model(
            networks=methods.make(settings, len(settings.sources)).state_dict(),
            settings=settings,
            protocol=settings.protocol,
            bundle=Bundle(bundle).hash,
            steps=1,
            all_steps=1,
            selection="last",
            environment={},
            crop=crop,
            classes=list(CLASS_NAMES),
            threshold=threshold,
            data={"datasets": {}, "licences": []},
        ),
    )
    return path
