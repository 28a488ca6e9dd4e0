"""The trained model as one file: networks, settings, protocol, and what they were trained on."""

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.errors import UserError
from pipeline.store import replace_whole
from train.config import Settings, settings_from_dict, settings_to_dict
from train.model import Networks

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Model:
    """What model.pt holds.

    networks: state dict of Networks. bundle: hash of the bundle trained on. steps: done.
    selection: how this state was chosen (last: the state after the last step).
    environment: torch's version, device and threads of the training.
    """

    networks: dict[str, Tensor]
    settings: Settings
    protocol: str
    bundle: str
    steps: int
    selection: str
    environment: dict[str, Any]

    def build(self) -> Networks:
        """Networks with these parameters, in evaluation mode on the CPU."""
        with torch.random.fork_rng(devices=[]):
            networks = Networks(self.settings)
        networks.load_state_dict(self.networks)
        return networks.eval()


def save(path: Path, model: Model) -> None:
    """Write model.pt, whole or not at all; the same model gives the same bytes."""
    content = {
        "format": FORMAT,
        **{field.name: getattr(model, field.name) for field in dataclasses.fields(Model)},
        "settings": settings_to_dict(model.settings),
        "networks": {name: value.cpu() for name, value in model.networks.items()},
    }
    # A file object, not a path: torch writes the name of the path into the file.
    with replace_whole(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)


def load(path: Path) -> Model:
    """Read model.pt without unpickling code. Raises UserError where it is something else."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such model; make one with ocim train") from None
    except Exception as error:  # torch raises whatever the bytes lead it to
        raise UserError(f"{path}: not a model.pt: {type(error).__name__}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path}: not a model.pt of format {FORMAT}")
    settings = settings_from_dict(content.pop("settings"), str(path))
    del content["format"]
    return Model(settings=settings, **content)
