"""The settings of a training run: a standard dataclass, so that train/ needs nothing to read them.

The defaults are the paper's, and where the paper is silent the choices of docs/method.md. A variant
of train/variants.py brings its own where it was published with others. train/settings.py reads and
writes them; pipeline/config.py nests them into its validated model.
"""

import dataclasses
import math
import typing
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.errors import UserError
from train.protocols import parse
from train.variants import VARIANTS, Name, Parts

AUGMENTATIONS = ("flip", "zoom", "colour", "blur", "erase", "jpeg")
"""What augmentation may name."""


HUGE = 1e30  # what a float32 holds


def number(default: float, least: float = 0, most: float = math.inf, above: bool = False) -> Any:
    """A field with a range: a finite number from least (above: not least itself) to most."""
    return dataclasses.field(default=default, metadata={"range": (least, most, above)})


@dataclass(frozen=True)
class Settings:
    """Every key of a training run. Raises ValueError, naming the key, for impossible values."""

    protocol: str = "O&C&I to M"
    """Sources and target: letters O, C, I, M or names of datasets of the bundle."""
    variant: Name = "ours"
    """The whole method, one of the five ablations of Table II, or a baseline."""

    # Size of the networks and what they see
    width: float = number(1.0, 0, 8, above=True)
    """Multiplier of the published channel counts."""
    input_size: int = number(256, 64, 256)
    """Side of the networks' input in pixels; a multiple of 16."""
    colours: Literal["rgb+hsv", "rgb-imagenet", "rgb-centred"] = "rgb+hsv"
    """The input's planes: RGB and HSV in [0, 1]; RGB less ImageNet's mean, over its deviation; RGB
    from about -1 to 1, (value - 127.5) / 128."""
    hsv: Literal["exact", "rounded"] = "exact"
    """rounded: HSV cut to 8 bits as PIL does it, the way RFMetaFAS reads it."""
    decoder_widths: tuple[int, int, int] = (128, 64, 64)
    """Channels of the parser's three decoder blocks at width 1."""
    asc_gradient: Literal["through", "detach"] = "through"
    """Whether cls and trip reach the parser through the attention skip."""
    meta_learner_momentum: float = number(0.1, 0, 1, above=True)
    """Batch-norm momentum of M's running statistics; RFMetaFAS has 1."""
    dropout: float = number(0.5, 0, 0.99)
    """SSDG: share of the embedder's and the discriminator's units that are left out."""
    initialisation: Literal["xavier_normal", "kaiming_normal", "published"] = "xavier_normal"
    """Of convolutions and linear layers, biases zero; published: a baseline's own, for it alone."""

    # How long, and on what
    epochs: int = number(10, 1, 10**6)
    """Passes over the longest (domain, class) list; `steps` overrides it."""
    steps: int = number(0, 0, 10**9)
    """Number of steps of the whole run; 0: as many as `epochs` needs."""
    batch: int = number(20, 2, 4096)
    """Images a domain in each step, half of them live; pooled: images of all domains together."""
    drawing: Literal["balanced", "pooled"] = "balanced"
    """pooled: over all sources and both classes together, as they come."""
    frames: Literal["all", "first", "random"] = "all"
    """Which samples of a video serve: all, the first, or one at random each time through."""
    augmentation: str = "none"
    """none, or some of AUGMENTATIONS joined by +, such as flip+colour."""
    colour_range: float = number(0.2, 0, 1)
    """colour: brightness, contrast and saturation each times 1 - this to 1 + this."""
    zoom_most: float = number(1.25, 1, 4)
    """zoom: a part of the crop, 1 to this times enlarged to the whole; the labels with it."""
    erase_most: float = number(0.2, 0.02, 0.5)
    """erase: the largest rectangle, as a share of the picture, that the mean colour covers."""
    blur_most: float = number(1.5, 0, 5)
    """blur: the largest sigma, in pixels of the input."""
    jpeg_least: int = number(40, 1, 95)
    """jpeg: the lowest quality; the highest is 95."""
    depth_target: Literal["map", "mask"] = "map"
    """The depth map (section III), or the binary mask of it (the introduction's word)."""

    # Optimiser, over all networks together
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = number(1e-3, 0, HUGE, above=True)
    schedule: Literal["constant", "cosine", "steps"] = "constant"
    """cosine: from learning_rate to 0 over the run; steps: times decay_factor at each decay_at."""
    decay_at: tuple[float, ...] = ()
    """Shares of the run."""
    decay_factor: float = number(0.1, 0, 1)
    beta1: float = number(0.9, 0, 0.999999)
    """Adam's, or the momentum of SGD."""
    beta2: float = number(0.999, 0, 0.999999)
    weight_decay: float = number(5e-5, 0, HUGE)
    """L2 penalty added to the gradient, as torch's Adam and SGD do it."""

    # The meta step
    inner_learning_rate: float = number(1e-3, 0, HUGE)
    """alpha of the inner step on M."""
    inner_triplet_weight: float = number(1.0, 0, HUGE)
    """Weight of trip beside cls inside the inner step."""

    # The losses (lambdas of equation 7; of the baselines' sums)
    classification_weight: float = number(1.0, 0, HUGE)
    depth_weight: float = number(10.0, 0, HUGE)
    segmentation_weight: float = number(1.0, 0, HUGE)
    triplet_weight: float = number(0.5, 0, HUGE)
    domain_weight: float = number(0.5, 0, HUGE)
    """SSDG, SSAN: the loss by which domains are told apart."""
    meta_train_weight: float = number(1.0, 0, HUGE)
    meta_test_weight: float = number(1.0, 0, HUGE)
    reduction: Literal["mean", "sum"] = "mean"
    """mean over batch, pixels and triplets; sum: as equations 1 to 6 are written."""
    embedding: Literal["normalised", "raw"] = "normalised"
    """What the triplet loss measures: M's embedding divided by its L2 norm, or as it is."""
    margin: float = number(0.1, 0, HUGE)
    """Of the first stage, batch-all; squared L2 distance of embeddings."""
    second_margin: float = number(0.3, 0, HUGE)
    """Of the second stage, batch-hard."""
    switch: float = number(0.5, 0, 1)
    """Share of the run after which the second stage begins; 1: never."""
    reversal: Literal["real", "none"] = "real"
    """SSAN: whether the domain loss's gradient is reversed; its released code does not."""
    reversal_steps: int = number(4000, 1, 10**9)
    """SSDG: steps over which the reversal grows to its full strength; SSAN: the whole run."""

    # Which state is kept
    selection: Literal["last", "sources", "target"] = "last"
    """The last one; the best on the sources' held-out subjects; the best on the target itself."""
    held_out: float = number(0.2, 0, 0.9, above=True)
    """sources: share of a source's subjects kept from training, where it has no dev split."""
    evaluate_every: int = number(0, 0, 10**9)
    """sources, target: steps between evaluations; 0: one an epoch."""
    checkpoint_every: int = number(500, 0, 10**9)
    """Steps between checkpoints; 0: none but one when it is stopped."""
    keep_checkpoints: int = number(2, 1, 10**6)
    """How many of the last ones stay."""

    # Running
    seed: int = number(0, 0, 2**31 - 1)
    threads: int = number(0, 0, 1024)
    """CPU threads; 0: torch's own number. Curves repeat exactly for the same number."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the GPU when torch sees one."""
    deterministic: bool = True
    """Algorithms that repeat bit by bit, where there are any; on a GPU they can be slower."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of all before M (M and the losses are float32); auto: bfloat16 on a GPU that has it."""
    tf32: bool = True
    """GPU: float32 products with 10 bits of mantissa."""
    channels_last: bool = True
    """Pictures lie in memory pixel by pixel, not plane by plane."""
    compile: bool = False
    """torch.compile of all before M."""
    cuda_graphs: bool = False
    """GPU: what was compiled is recorded and played back as a whole."""
    prefetch: int = number(2, 0, 64)
    """Steps that are read while the device works on another; 0: none. Changes no number."""
    tensorboard: bool = True
    """Write TensorBoard's logs, where the package is installed."""

    def __post_init__(self) -> None:
        kinds = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            rule = _broken(value, kinds[field.name], field.metadata.get("range"))
            if rule is not None:
                raise ValueError(f"{field.name} is {value!r}: it must be {rule}")
        for key, (good, rule) in self._further_rules().items():
            if not good:
                raise ValueError(f"{key} is {getattr(self, key)!r}: it must be {rule}")
        try:
            parse(self.protocol)
        except UserError as error:
            raise ValueError(str(error)) from None

    def _further_rules(self) -> dict[str, tuple[bool, str]]:
        """What a range alone does not say, by key."""
        meta = self.method == "meta"
        return {
            "input_size": (self.input_size % 16 == 0, "a multiple of 16 from 64 to 256"),
            "decoder_widths": (
                len(self.decoder_widths) == 3 and all(0 < w <= 4096 for w in self.decoder_widths),
                "three numbers from 1 to 4096",
            ),
            "batch": (
                self.batch % 2 == 0 or self.drawing == "pooled",
                "an even number: half live, half spoof",
            ),
            "decay_at": (all(0 <= share <= 1 for share in self.decay_at), "shares from 0 to 1"),
            "augmentation": (
                self.augmentation == "none" or set(self.augmentations) <= set(AUGMENTATIONS),
                f"none, or some of {', '.join(AUGMENTATIONS)} joined by +",
            ),
            "initialisation": (
                meta == (self.initialisation != "published"),
                f"{'xavier_normal or kaiming_normal' if meta else 'published'} with this variant",
            ),
            "colours": (
                meta == (self.colours == "rgb+hsv"),
                f"{'rgb+hsv' if meta else 'rgb-imagenet or rgb-centred'} with this variant",
            ),
            "drawing": (
                self.drawing == "balanced" or self.method == "ssan",
                "balanced: this variant needs live and spoof of each source in every step",
            ),
        }

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The names that augmentation joins, none of them for "none"."""
        names = tuple(name.strip() for name in self.augmentation.split("+"))
        return () if names == ("none",) else names

    @property
    def sources(self) -> tuple[str, ...]:
        """The datasets that are trained on."""
        return parse(self.protocol).sources

    @property
    def target(self) -> str:
        """The dataset that is left out."""
        return parse(self.protocol).target

    @property
    def method(self) -> Literal["meta", "ssdg", "ssan"]:
        """Which networks and which step this run's variant has."""
        return VARIANTS[self.variant].method

    @property
    def parts(self) -> Parts:
        """What this run keeps of the method. One source alone leaves nothing for meta-test: it is
        trained without the meta step.
        """
        parts = VARIANTS[self.variant].parts
        return parts._replace(meta=parts.meta and len(self.sources) > 1)


def _broken(value: Any, kind: Any, limits: tuple[float, float, bool] | None) -> str | None:
    """What a value has to be, where it is something else; types are the reader's to check."""
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        return None if value in choices else "one of " + ", ".join(choices)
    if limits is None:
        return None
    least, most, above = limits
    # In this order nothing overflows, and what is not a number is none of these.
    if (least < value if above else least <= value) and value <= most and value < math.inf:
        return None
    start = f"above {least:g}" if above else f"at least {least:g}"
    return f"a finite number, {start}" + (f", at most {most:g}" if most < math.inf else "")
