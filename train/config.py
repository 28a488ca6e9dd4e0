"""The settings of a training run: a standard dataclass, so that train/ needs nothing to read them.

The defaults are the paper's, and where the paper is silent the choices of docs/method.md.
pipeline/config.py nests the class into its validated model; a run of train/ alone gets the same
keys as JSON.
"""

import dataclasses
import json
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pipeline.errors import UserError
from train.protocols import parse

Variant = Literal[
    "ours",
    "without_parsing",
    "without_asc",
    "without_triplet",
    "without_meta",
    "normal_triplet",
    "rfmetafas",
]


class Parts(NamedTuple):
    """What a variant keeps of the method; train/meta.py and train/model.py read these."""

    parsing: bool = True
    """The U-Net parser and the segmentation loss."""
    asc: bool = True
    """The attention skip from the parser to the meta learner."""
    triplet: Literal["live", "both"] | None = "live"
    """Which classes are anchors of the triplet loss; None: no triplet loss."""
    meta: bool = True
    """The inner step and the meta-test pass."""


VARIANTS: dict[str, Parts] = {
    "ours": Parts(),
    "without_parsing": Parts(parsing=False, asc=False),
    "without_asc": Parts(asc=False),
    "without_triplet": Parts(triplet=None),
    "without_meta": Parts(meta=False),
    "normal_triplet": Parts(triplet="both"),
    "rfmetafas": Parts(parsing=False, asc=False, triplet=None),
}
"""Table II of the paper, and its baseline RFMetaFAS."""


AUGMENTATIONS = ("flip", "zoom", "colour", "blur", "erase", "jpeg")
"""What augmentation may name."""


@dataclass(frozen=True)
class Settings:
    """Every key of a training run. Raises ValueError, naming the key, for impossible values."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    protocol: str = "O&C&I to M"
    """Sources and target: letters O, C, I, M or names of datasets of the bundle."""
    variant: Variant = "ours"
    """The whole method, one of the five ablations of Table II, or the baseline RFMetaFAS."""

    # Size of the networks and of what they see
    width: float = 1.0
    """Multiplier of the paper's channel counts."""
    input_size: int = 256
    """Side of the networks' input in pixels; a multiple of 16, 64 to 256."""
    decoder_widths: tuple[int, int, int] = (128, 64, 64)
    """Channels of the parser's three decoder blocks at width 1."""
    asc_gradient: Literal["through", "detach"] = "through"
    """Whether cls and trip reach the parser through the attention skip."""
    meta_learner_momentum: float = 0.1
    """Batch-norm momentum of M's running statistics; RFMetaFAS has 1."""
    initialisation: Literal["xavier_normal", "kaiming_normal"] = "xavier_normal"
    """Of convolutions and linear layers; biases start at zero."""

    # How long, and on what
    epochs: int = 10
    """Passes over the longest (domain, class) list; `steps` overrides it."""
    steps: int = 0
    """Number of steps of the whole run; 0: as many as `epochs` needs."""
    batch: int = 20
    """Images a domain in each step, half of them live; even."""
    augmentation: str = "none"
    """none, or some of AUGMENTATIONS joined by +, such as flip+colour; train/chance.py draws."""
    colour_range: float = 0.2
    """colour: brightness, contrast and saturation each times 1 - this to 1 + this."""
    zoom_most: float = 1.25
    """zoom: a part of the crop, 1 to this times enlarged to the whole; the labels with it."""
    erase_most: float = 0.2
    """erase: the largest rectangle, as a share of the picture, that the mean colour covers."""
    blur_most: float = 1.5
    """blur: the largest sigma, in pixels of the input."""
    jpeg_least: int = 40
    """jpeg: the lowest quality; the highest is 95."""
    hsv: Literal["exact", "rounded"] = "exact"
    """rounded: HSV cut to 8 bits as PIL does it, the way RFMetaFAS reads it."""
    depth_target: Literal["map", "mask"] = "map"
    """The depth map (section III), or the binary mask of it (the introduction's word)."""

    # Optimiser (Adam over F, D, S, ASC and M together)
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    """cosine: from learning_rate to 0 over the run."""
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 5e-5
    """L2 penalty added to the gradient, as torch's Adam does it."""

    # The meta step
    inner_learning_rate: float = 1e-3
    """alpha of the inner step on M."""
    inner_triplet_weight: float = 1.0
    """Weight of trip beside cls inside the inner step."""

    # The losses (lambdas of equation 7)
    classification_weight: float = 1.0
    depth_weight: float = 10.0
    segmentation_weight: float = 1.0
    triplet_weight: float = 0.5
    meta_train_weight: float = 1.0
    meta_test_weight: float = 1.0
    reduction: Literal["mean", "sum"] = "mean"
    """mean over batch, pixels and triplets; sum: as equations 1 to 6 are written."""
    embedding: Literal["normalised", "raw"] = "normalised"
    """What the triplet loss measures: M's embedding divided by its L2 norm, or as it is."""
    margin: float = 0.1
    """Of the first stage, batch-all; squared L2 distance of embeddings."""
    second_margin: float = 0.3
    """Of the second stage, batch-hard."""
    switch: float = 0.5
    """Share of the run after which the second stage begins; 1: never."""

    # Running
    seed: int = 0
    threads: int = 0
    """CPU threads; 0: torch's own number. Curves repeat exactly for the same number."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the GPU when torch sees one."""
    prefetch: int = 2
    """Steps that are read while the device works on another; 0: none. Changes no number."""

    def __post_init__(self) -> None:
        rules = {
            "width": (0 < self.width <= 8, "above 0, at most 8"),
            "input_size": (
                64 <= self.input_size <= 256 and self.input_size % 16 == 0,
                "a multiple of 16 from 64 to 256",
            ),
            "decoder_widths": (
                len(self.decoder_widths) == 3 and min(self.decoder_widths) >= 1,
                "three positive numbers",
            ),
            "meta_learner_momentum": (0 < self.meta_learner_momentum <= 1, "above 0, at most 1"),
            "epochs": (self.epochs >= 1, "at least 1"),
            "steps": (self.steps >= 0, "0 (as epochs say) or more"),
            "batch": (
                self.batch >= 2 and self.batch % 2 == 0,
                "an even number: half live, half spoof",
            ),
            "learning_rate": (0 < self.learning_rate < float("inf"), "a finite number above 0"),
            "beta1": (0 <= self.beta1 < 1, "at least 0, below 1"),
            "beta2": (0 <= self.beta2 < 1, "at least 0, below 1"),
            "switch": (0 <= self.switch <= 1, "a share from 0 to 1"),
            "seed": (0 <= self.seed < 2**31, "from 0 to 2147483647"),
            "threads": (0 <= self.threads <= 1024, "0 (torch's own number) to 1024"),
            "prefetch": (0 <= self.prefetch <= 64, "from 0 to 64"),
            **self._augmentation_rules(),
        }
        for key in (
            *("weight_decay", "inner_learning_rate", "inner_triplet_weight"),
            *("classification_weight", "depth_weight", "segmentation_weight", "triplet_weight"),
            *("meta_train_weight", "meta_test_weight", "margin", "second_margin"),
        ):
            rules[key] = (0 <= getattr(self, key) < float("inf"), "a finite number, not negative")
        for key, (good, rule) in rules.items():
            if not good:
                raise ValueError(f"{key} is {getattr(self, key)!r}: it must be {rule}")
        if self.variant not in VARIANTS:
            raise ValueError(f"variant is '{self.variant}': one of {', '.join(VARIANTS)}")
        try:
            protocol = parse(self.protocol)
        except UserError as error:
            raise ValueError(str(error)) from None
        if len(protocol.sources) < 2 and self.parts.meta:
            raise ValueError(
                f"protocol '{self.protocol}' has one source: the meta step needs two or more, "
                "so set variant to without_meta"
            )

    def _augmentation_rules(self) -> dict[str, tuple[bool, str]]:
        return {
            "augmentation": (
                self.augmentation == "none" or set(self.augmentations) <= set(AUGMENTATIONS),
                f"none, or some of {', '.join(AUGMENTATIONS)} joined by +",
            ),
            "colour_range": (0 <= self.colour_range <= 1, "from 0 to 1"),
            "zoom_most": (1 <= self.zoom_most <= 4, "from 1 to 4"),
            "erase_most": (0.02 <= self.erase_most <= 0.5, "from 0.02 to 0.5"),
            "blur_most": (0 <= self.blur_most <= 5, "from 0 to 5"),
            "jpeg_least": (1 <= self.jpeg_least <= 95, "from 1 to 95"),
        }

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The names that augmentation joins, none of them for "none"."""
        names = tuple(name.strip() for name in self.augmentation.split("+"))
        return () if names == ("none",) else names

    @property
    def parts(self) -> Parts:
        """What this run's variant keeps of the method."""
        return VARIANTS[self.variant]


def _mistake(value: Any, kind: Any) -> str | None:
    """Say what is expected where `value`, from JSON, is not of the annotated `kind`."""
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        return None if value in choices else "one of " + ", ".join(choices)
    if typing.get_origin(kind) is tuple:
        kinds = typing.get_args(kind)
        good = isinstance(value, list | tuple) and len(value) == len(kinds)
        good = good and all(_mistake(v, k) is None for v, k in zip(value, kinds, strict=True))
        return None if good else f"{len(kinds)} whole numbers"
    if isinstance(value, bool):
        good = kind is bool
    else:
        good = isinstance(value, int | float if kind is float else kind)
    return None if good else {int: "a whole number", float: "a number"}.get(kind, "text")


def settings_from_dict(values: Any, source: str) -> Settings:
    """Check a parsed JSON object and make Settings of it; missing keys keep their defaults.

    source: what to call it in messages. Raises UserError naming `source` and the key.
    """
    if not isinstance(values, dict):
        raise UserError(f"{source}: expected a JSON object of settings")
    kinds = typing.get_type_hints(Settings)
    names = [field.name for field in dataclasses.fields(Settings)]
    for key, value in values.items():
        if key not in names:
            raise UserError(f"{source}: {key}: unknown key; known are {', '.join(names)}")
        if (expected := _mistake(value, kinds[key])) is not None:
            raise UserError(f"{source}: {key}: expected {expected}, found {value!r}")
        if kinds[key] is float:
            values = {**values, key: float(value)}
        elif isinstance(value, list):
            values = {**values, key: tuple(value)}
    try:
        return Settings(**values)
    except ValueError as error:
        raise UserError(f"{source}: {error}") from None


def settings_from_json(path: Path) -> Settings:
    """Read Settings from a JSON file; UserError names the file and the key."""
    try:
        values = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a readable JSON file: {error}") from None
    return settings_from_dict(values, str(path))


def settings_to_dict(settings: Settings) -> dict[str, Any]:
    """All keys and values as JSON has them; settings_from_dict takes them back."""
    values = dataclasses.asdict(settings)
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
