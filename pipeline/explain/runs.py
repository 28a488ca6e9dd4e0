"""The runs that are explained: their models opened, and named apart."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from pipeline.errors import UserError
from pipeline.files.keys import sha256_file
from pipeline.inspect.read import printable
from train.evaluation.thresholds import FIXED, as_json
from train.running import checkpoint


class Run(NamedTuple):
    """One run. sha256: of the model's file. threshold: from which score of a frame on it is called
    live, maybe infinite; rule: by which rule, and on what, it was found.
    """

    name: str
    path: Path
    sha256: str
    model: checkpoint.Model
    threshold: float
    rule: str

    def build(self) -> nn.Module:
        """The networks, in evaluation mode; UserError names the file."""
        try:
            return self.model.build()
        except UserError as error:
            raise UserError(f"{self.path}: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """What explain.json and explain.html say of it."""
        model, settings = self.model, self.model.settings
        return {
            "name": self.name,
            "file": printable(str(self.path)),
            "sha256": self.sha256,
            "variant": settings.variant,
            "protocol": model.protocol,
            "width": settings.width,
            "input_size": settings.input_size,
            "seed": settings.seed,
            "steps": model.steps,
            "all_steps": model.all_steps,
            "selection": model.selection,
            "trained_on": model.bundle,
            "threshold": as_json(self.threshold),
            "threshold_rule": self.rule,
        }


def model_file(given: Path) -> Path:
    """The model that a path means: itself, or in a folder model.pt or train/model.pt.

    Raises UserError where there is none.
    """
    if not given.is_dir():
        return given  # where it is missing, checkpoint.load says so
    for place in (given / "model.pt", given / "train" / "model.pt"):
        if place.is_file():
            return place
    raise UserError(f"{given}: no model.pt in this folder; name the folder of a run, or a model")


def open_runs(given: Sequence[Path], names: Sequence[str]) -> list[Run]:
    """Open runs, each named as `names` says, or where that is empty by its variant.

    Raises UserError for what is no model, for names that `checked` refuses, and where the runs do
    not leave out the same dataset.
    """
    files = [model_file(path) for path in given]
    models = [checkpoint.load(path) for path in files]
    targets = {str(path): model.settings.target for path, model in zip(given, models, strict=True)}
    if len(set(targets.values())) > 1:
        said = ", ".join(f"{path} {target}" for path, target in targets.items())
        raise UserError(
            f"these runs leave out different datasets ({said}), and the same pictures would be"
            " strange to one and known to another; explain those of one target together"
        )
    called = checked(names, len(given)) or named_apart(
        [model.settings.variant for model in models], given
    )
    return [
        Run(name, path, sha256_file(path), model, *frame_threshold(model))
        for name, path, model in zip(called, files, models, strict=True)
    ]


def frame_threshold(model: checkpoint.Model) -> tuple[float, str]:
    """The threshold of a frame's score, with its rule and origin; FIXED for a checkpoint, which has
    none.
    """
    own = model.threshold
    if own is None:
        return FIXED, "fixed: the model has no threshold of its own"
    return own["frame"], f"{own['rule']}: {own['from']}"


def checked(names: Sequence[str], runs: int) -> list[str]:
    """The names that were given, none or one a run, without control letters.

    Raises UserError for another number of names, an empty name, and one that is given twice.
    """
    if names and len(names) != runs:
        raise UserError(f"--names: {len(names)} for {runs} runs; give one for each, in their order")
    if not all(name.strip() for name in names):
        raise UserError("--names: a name is empty")
    if len(set(names)) < len(names):
        raise UserError("--names: two runs have the same name")
    return [printable(name.strip()) for name in names]


def named_apart(variants: Sequence[str], given: Sequence[Path]) -> list[str]:
    """Variants as names; those that occur twice with the name of the folder or file, then with the
    whole path, then with a number.
    """
    names = list(variants)
    for more in (lambda path: path.name, str):
        often = Counter(names)
        names = [
            f"{variant} ({printable(more(path))})" if often[name] > 1 else name
            for name, variant, path in zip(names, variants, given, strict=True)
        ]
    often, seen = Counter(names), Counter[str]()
    for number, name in enumerate(names):
        seen[name] += 1
        if often[name] > 1:
            names[number] = f"{name} {seen[name]}"
    return names
