"""A state of a training as one file: networks, settings, and what they were trained on.

model.pt is the state that is kept in the end. A checkpoint is the same with what a training needs
to go on from there; all that is random follows from the settings and the number of the step.
"""

import dataclasses
import io
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.files.store import write_bytes
from train import methods
from train.config import Settings
from train.settings import settings_from_dict, settings_to_dict

FORMAT = 3
"""Version of the files: another one is refused."""
_NAME = re.compile(r"step-(\d{8})\.pt")


@dataclasses.dataclass(frozen=True)
class Model:
    """What model.pt and checkpoints hold.

    networks: state dict of the method's networks. bundle: hash of the bundle trained on. steps:
    done at this state, of all_steps. selection: how this state was chosen. environment: torch's
    version, device, threads, precision and the like.

    crop: the section of that name in the sources' provenance (landmarks, mode, margin, shift);
    empty where it is not known or not the same for all. classes: names of the parsing classes, by
    number. threshold: {"frame", "video", "rule": "sources_eer" or "fixed", "how", "from"}, found at
    the end of the training; None in a checkpoint. data: {"datasets": {source: {"samples",
    "subjects", "videos", "live", "spoof", "sampling"}}, "licences": lines}, what was trained on.
    training: of a checkpoint, what going on needs (optimizer, curves, best: the best state so far).
    """

    networks: Mapping[str, Tensor]
    settings: Settings
    protocol: str
    bundle: str
    steps: int
    all_steps: int
    selection: str
    environment: dict[str, Any]
    crop: dict[str, Any]
    classes: list[str]
    threshold: dict[str, Any] | None
    data: dict[str, Any]
    training: dict[str, Any] | None = None

    def build(self) -> nn.Module:
        """Networks with these parameters, in evaluation mode on the CPU.

        Raises UserError where the parameters are not those of the settings' networks.
        """
        networks = methods.build(self.settings, len(self.settings.sources))
        try:
            networks.load_state_dict(self.networks)
        except (RuntimeError, AttributeError) as error:
            first = " ".join(str(error).split())[:200]
            raise UserError(f"its networks are not those of its settings: {first}") from None
        return networks.eval()


def copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """Copies on the CPU of the tensors of a state dict, which itself goes on being trained."""
    return {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}


def save(path: Path, model: Model) -> None:
    """Write a state, whole or not at all; the same state gives the same bytes.

    Raises OSError where the disk refuses it.
    """
    content = {
        "format": FORMAT,
        **{field.name: getattr(model, field.name) for field in dataclasses.fields(Model)},
        "settings": settings_to_dict(model.settings),
        "networks": {name: value.cpu().contiguous() for name, value in model.networks.items()},
    }
    file = io.BytesIO()  # torch writes the name of a path into the file, and hides a full disk
    torch.save(content, file)
    write_bytes(path, file.getvalue())


def read(data: bytes, name: str) -> Model:
    """A state from a file's bytes, without unpickling code. name: what to call it in messages.

    Raises UserError for bytes that are no model.pt, not a whole one, or one of another FORMAT.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong with a file is told in one line, below
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the bytes lead it to
        raise UserError(f"{name}: not a model.pt: {type(error).__name__}") from None
    names = {field.name for field in dataclasses.fields(Model)}
    number = content.get("format") if isinstance(content, dict) else None
    if number != FORMAT:
        reason = f"its format is {number}" if isinstance(number, int) else "it has no format"
        raise UserError(
            f"{name}: not a model.pt of format {FORMAT}, {reason}; train again to make one"
        )
    kinds = {
        "networks": dict,
        "settings": dict,
        "environment": dict,
        "steps": int,
        "all_steps": int,
        "crop": dict,
        "classes": list,
        "threshold": dict | None,
        "data": dict,
    }
    if (
        set(content) != names | {"format"}
        or not all(isinstance(content[key], kind) for key, kind in kinds.items())
        or not _is_threshold(content["threshold"])
        or not _is_data(content["data"])
    ):
        raise UserError(f"{name}: not a whole model.pt")
    settings = settings_from_dict(content.pop("settings"), name)
    del content["format"]
    return Model(settings=settings, **content)


def _is_threshold(threshold: dict[str, Any] | None) -> bool:
    """Whether it is what Model says of it."""
    if threshold is None:
        return True
    kinds: dict[str, type] = {"frame": float, "video": float, "rule": str, "how": str, "from": str}
    if threshold.get("rule") not in ("sources_eer", "fixed"):
        return False
    return set(threshold) == set(kinds) and all(
        isinstance(threshold[key], kind) and threshold[key] == threshold[key]  # no NaN
        for key, kind in kinds.items()
    )


def _is_data(data: dict[str, Any]) -> bool:
    """Whether it is what Model says of it."""
    datasets, licences = data.get("datasets"), data.get("licences")
    if not isinstance(datasets, dict) or not isinstance(licences, list):
        return False
    counts = ("samples", "subjects", "videos", "live", "spoof")
    return all(
        isinstance(facts, dict)
        and isinstance(facts.get("sampling"), dict)
        and all(isinstance(facts.get(name), int) for name in counts)
        for facts in datasets.values()
    )


def load(path: Path) -> Model:
    """Read model.pt or a checkpoint. Raises UserError where there is none, or something else."""
    try:
        return read(Path(path).read_bytes(), str(path))
    except FileNotFoundError:
        raise UserError(f"{path}: no such model; make one with ocim train") from None


class Folder:
    """The checkpoints of a run: step-NNNNNNNN.pt of the last states, and best.pt."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def steps(self) -> list[int]:
        """After how many steps the states are that lie here, rising."""
        names = [p.name for p in self.path.iterdir()] if self.path.is_dir() else []
        return sorted(int(found[1]) for found in map(_NAME.fullmatch, names) if found)

    def of(self, step: int) -> Path:
        """The file of the state after so many steps."""
        return self.path / f"step-{step:08d}.pt"

    @property
    def best(self) -> Path:
        """The best state so far, a model like any other; the training itself does not read it."""
        return self.path / "best.pt"

    def add(self, model: Model, keep: int) -> None:
        """Save a state; the newest `keep` of all, at least 1, stay."""
        save(self.of(model.steps), model)
        for step in self.steps()[:-keep]:
            self.of(step).unlink()

    def clear(self) -> None:
        """Remove all states."""
        for step in self.steps():
            self.of(step).unlink()
        self.best.unlink(missing_ok=True)
