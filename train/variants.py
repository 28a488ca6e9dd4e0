"""What can be trained, by name: the paper's method, its ablations (Table II), and the baselines."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple


class Parts(NamedTuple):
    """What a variant keeps of the method. train/model.py leaves out networks by it, train/meta.py
    losses and passes.
    """

    parsing: bool = True
    """The U-Net parser and the segmentation loss."""
    asc: bool = True
    """The attention skip from the parser to the meta learner."""
    triplet: Literal["live", "both"] | None = "live"
    """Which classes are anchors of the triplet loss; None: no triplet loss."""
    meta: bool = True
    """The inner step and the meta-test pass."""


def _as_the_paper(target: str) -> dict[str, Any]:
    return {}


class Variant(NamedTuple):
    """A way to train.

    title: what the paper's tables call it. own: its published settings where they are not the
    paper's, which may depend on the target; each holds as long as the configuration does not state
    that key.
    """

    title: str
    parts: Parts = Parts()
    method: Literal["meta", "ssdg", "ssan"] = "meta"
    """Which networks and which step: train/meta.py, or a baseline of train/baselines."""
    own: Callable[[str], Mapping[str, Any]] = _as_the_paper


def _rfmetafas(target: str) -> dict[str, Any]:
    """RFMetaFAS's released code: M's running statistics are those of the last batch, the weight
    decay is read and never used, HSV is what PIL makes of 8 bits.
    """
    return {"meta_learner_momentum": 1.0, "weight_decay": 0.0, "hsv": "rounded"}


def _ssdg(target: str) -> dict[str, Any]:
    """SSDG's released code, whose settings are for its ResNet-18: taken over for M, unverified."""
    return {
        "colours": "rgb-imagenet",
        "initialisation": "published",
        "augmentation": "flip",
        "frames": "first",
        "steps": 4001,
        "optimizer": "sgd",
        "weight_decay": 5e-4,
        "schedule": "steps",
        "decay_at": (500 / 4001,) if target in ("casia", "replay") else (1500 / 4001,),
        "decay_factor": 0.1,
        "triplet_weight": 2.0 if target == "oulu" else 1.0,
        "domain_weight": 0.1 if target == "oulu" else 0.5,
    }


def _ssan(target: str) -> dict[str, Any]:
    """SSAN's released code. A batch of 16 is drawn over all sources together."""
    return {
        "colours": "rgb-centred",
        "initialisation": "published",
        "augmentation": "flip",
        "frames": "random",
        "drawing": "pooled",
        "batch": 16,
        "epochs": 1200,
        "learning_rate": 1e-4,
        "schedule": "steps",
        "decay_at": (500 / 1200, 1000 / 1200),
        "decay_factor": 0.5,
        "domain_weight": 1.0,
        "reversal": "none",
    }


NONE = Parts(parsing=False, asc=False, triplet=None, meta=False)
"""Of the method nothing: a baseline with networks and a step of its own."""

VARIANTS: dict[str, Variant] = {
    "ours": Variant("Ours"),
    "without_parsing": Variant("Ours w/o parsing", Parts(parsing=False, asc=False)),
    "without_asc": Variant("Ours w/o ASC", Parts(asc=False)),
    "without_triplet": Variant("Ours w/o one-side trip.", Parts(triplet=None)),
    "without_meta": Variant("Ours w/o meta", Parts(meta=False)),
    "normal_triplet": Variant("Ours w/ normal trip.", Parts(triplet="both")),
    "rfmetafas": Variant(
        "RFMetaFAS", Parts(parsing=False, asc=False, triplet=None), own=_rfmetafas
    ),
    "ssdg": Variant("SSDG-M", NONE, "ssdg", _ssdg),
    "ssan": Variant("SSAN-M", NONE, "ssan", _ssan),
}
"""The whole method, the five ablations of Table II, and three baselines of Table I."""

if TYPE_CHECKING:
    Name = str
else:  # so that a variant is added in one place, and its name is still checked where it is read
    Name = Literal[tuple(VARIANTS)]

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "demo": {"width": 0.125, "input_size": 64, "steps": 120, "threads": 2},
}
"""Sizes of a run by name: the paper's, and one for two cores of a CPU."""
