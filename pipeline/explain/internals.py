"""Where the networks of each method hold what is shown: layers, evidence, embedding, maps."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from torch import Tensor, nn

LayerName = Literal["meta", "stage3"]
LAYERS: dict[LayerName, str] = {
    "meta": "the last convolution block before the global mean",
    "stage3": "the third and last stage of the feature extractor",
}
"""Where Grad-CAM may look, in words that hold for every method."""


class Seen(NamedTuple):
    """What networks make of n images.

    score: n float64, higher is live, as train/methods.py has it. embedding: n x C, as the networks
    give it. depth: n x 1 x S/8 x S/8, None without such a map. parsing: n x S x S classes, None
    without a parser.
    """

    score: Tensor
    embedding: Tensor
    depth: Tensor | None
    parsing: Tensor | None


class Internals(NamedTuple):
    """A method from within.

    layers: the module of each of LAYERS, whose output Grad-CAM weighs; names: what that module is
    called in the method. evidence: (n,) for live against spoof, the score before it is squeezed
    into a range, so that its negative is as much evidence for spoof; words: what it is. look: one
    pass. distance: how the method itself compares embeddings, `cosine` where it takes off their
    length first.
    """

    layers: Mapping[LayerName, Callable[[Any], nn.Module]]
    names: Mapping[LayerName, str]
    evidence: Callable[[Any, Tensor], Tensor]
    words: str
    look: Callable[[Any, Tensor], Seen]
    distance: Callable[[Any], Literal["cosine", "euclidean"]]


def _look_meta(networks: Any, images: Tensor) -> Seen:
    upstream = networks.upstream(images)
    logit, embedding = networks.meta(upstream.shared)
    parsing = None if upstream.parsing is None else upstream.parsing.argmax(1)
    return Seen(logit.double().sigmoid(), embedding, upstream.depth, parsing)


def _look_ssdg(networks: Any, images: Tensor) -> Seen:
    embedding = networks.embed(images)
    score = networks.classifier(embedding).double().softmax(1)[:, 1]
    return Seen(score, embedding, None, None)


def _look_ssan(networks: Any, images: Tensor) -> Seen:
    encoded = networks.encoder(images)
    assembled = networks.assemble(*encoded)
    depth = networks.depth(encoded, assembled)
    return Seen(depth.double().mean((1, 2, 3)), assembled.mean((2, 3)), depth, None)


def _ssdg_evidence(networks: Any, images: Tensor) -> Tensor:
    logits = networks(images)
    return logits[:, 1] - logits[:, 0]


INTERNALS: dict[str, Internals] = {
    "meta": Internals(
        {"meta": lambda n: n.meta.layers, "stage3": lambda n: n.features.stage3},
        {"meta": "meta.layers (the meta learner M)", "stage3": "features.stage3 (F)"},
        lambda networks, images: networks(images),
        "the logit",
        _look_meta,
        lambda settings: "cosine" if settings.embedding == "normalised" else "euclidean",
    ),
    "ssdg": Internals(
        {"meta": lambda n: n.embedder, "stage3": lambda n: n.backbone.stage3},
        {"meta": "embedder", "stage3": "backbone.stage3"},
        _ssdg_evidence,
        "the logit of live less that of spoof",
        _look_ssdg,
        lambda settings: "euclidean",  # its triplets take the embedding as it comes
    ),
    "ssan": Internals(
        {"meta": lambda n: n.final, "stage3": lambda n: n.encoder.backbone.stage3},
        {"meta": "final (the assembly before the depth map)", "stage3": "encoder.backbone.stage3"},
        lambda networks, images: networks(images).mean((1, 2, 3)),
        "the mean of the depth map",
        _look_ssan,
        lambda settings: "cosine",  # its contrastive loss is one of cosines
    ),
}
"""By the name of the method (train/methods.py)."""
