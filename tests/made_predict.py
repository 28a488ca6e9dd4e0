"""Models that were not trained, and files that `ocim predict` can score with them."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import in_process
from PIL import Image

from pipeline.bundle import CLASS_NAMES
from pipeline.onnx.check import fixed_crops
from pipeline.predict.scorer import Scorer
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
ocim = partial(in_process, "predict")


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


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.pt")


@pytest.fixture(scope="session")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    portrait: np.ndarray,
    video_writer: Callable[..., Path],
) -> Path:
    """A folder as somebody has it: photographs, a video, others, with and without a face."""
    from skimage.data import coins

    place = tmp_path_factory.mktemp("a folder")
    Image.fromarray(portrait).save(place / "b face.png")
    Image.fromarray(coins()).save(place / "coins.png")
    (place / "notes.txt").write_text("no picture")
    (place / ".hidden.png").write_bytes((place / "b face.png").read_bytes())
    (place / "sub").mkdir()
    blank = np.zeros_like(portrait)
    seven = [portrait, portrait, blank, blank, portrait, blank, np.fliplr(portrait)]
    video_writer(place / "sub" / "clip.mp4", seven)
    (place / "sub" / "broken.avi").write_bytes(b"RIFF and then nothing")
    return place


class Recorder(Scorer):
    """A scorer of a model's file that keeps the crops it is given."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, checkpoint.load(path), torch.device("cpu"))
        self.seen: list[np.ndarray] = []

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        self.seen.append(crops)
        return super().__call__(crops)
