"""Whether an exported graph gives in ONNX Runtime the scores that torch gives."""

from collections.abc import Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from pipeline.bundle import IMAGE_SIDE, Bundle
from pipeline.errors import UserError
from train.config import Settings
from train.evaluation.score import score_images

TOLERANCE = 1e-4
"""How far a score may be from torch's."""
INNER_TOLERANCE = 1e-2
"""And what goes into the scale, over its size: it is to tell a wrong graph, not the last digit."""
BATCHES = (1, 2, 5, 16)
"""So many crops at once, in turn."""
REAL = 64
"""So many crops of a bundle."""


class Check(NamedTuple):
    """How far ONNX Runtime's scores are from torch's.

    largest: difference of two scores, NaN where one is no number; on: the kind of crop that has it.
    inner: the same of what goes into the sigmoid or softmax, over its size where that is above 1;
    where all scores are 0 or 1, this alone tells a right graph from a wrong one. 0 where the score
    has neither. crops: how many there were. lowest, highest: of torch's scores.
    """

    largest: float
    on: str
    inner: float
    crops: int
    lowest: float
    highest: float

    @property
    def good(self) -> bool:
        """Whether nothing is further off than its tolerance; not so where it is NaN."""
        return self.largest <= TOLERANCE and self.inner <= INNER_TOLERANCE

    def __str__(self) -> str:
        return (
            f"ONNX Runtime and torch differ by {self.largest:.1e} at most ({self.on}; allowed"
            f" {TOLERANCE:g}), before the scale by {self.inner:.1e} (allowed {INNER_TOLERANCE:g}),"
            f" on {self.crops} crops that score {self.lowest:.4f} to {self.highest:.4f}"
        )


def fixed_crops() -> dict[str, np.ndarray]:
    """Crops of several kinds, each (n, 256, 256, 3) uint8 RGB, the same every time.

    Photographs; soft shapes and noise; flat and nearly grey ones, whose hue hangs by the last
    digit; every hue at every saturation.
    """
    from skimage.data import astronaut, coffee, rocket

    random = np.random.default_rng(0)
    side = IMAGE_SIDE
    photographs = [astronaut()[:256, 100:356], astronaut()[::2, ::2], astronaut()[128:384, :256],
                   coffee()[:256, 150:406], rocket()[100:356, 200:456]]  # fmt: skip
    coarse = torch.from_numpy(random.integers(0, 256, (6, 3, 8, 8)).astype(np.float32))
    soft = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
    noisy = soft.permute(0, 2, 3, 1).numpy() + random.normal(0, 4, (6, side, side, 3))
    levels = np.array([0, 1, 127, 128, 254, 255], np.uint8)
    grey = random.integers(100, 156, (2, side, side, 1)) + random.integers(0, 2, (2, side, side, 3))
    ramp = np.linspace(0, 255, side)
    planes = list(np.broadcast_arrays(ramp[:, None], ramp, ramp[::-1]))
    hues = [np.stack(planes[turn:] + planes[:turn], axis=-1) for turn in range(3)]
    return {
        "photographs": np.stack(photographs),
        "soft shapes": noisy.clip(0, 255).astype(np.uint8),
        "noise": random.integers(0, 256, (3, side, side, 3), np.uint8),
        "flat": np.broadcast_to(levels[:, None, None, None], (6, side, side, 3)),
        "nearly grey": grey.astype(np.uint8),
        "hues": np.stack(hues).astype(np.uint8),
    }


def crops_of(folder: Path) -> np.ndarray:
    """Up to REAL crops of a bundle, evenly spread over its shards: (n, 256, 256, 3) uint8 RGB.

    Raises BundleError where it is none, UserError where it has no sample.
    """
    bundle = Bundle(folder)
    shards = [shard for dataset in bundle.datasets for shard in bundle.shards(dataset)]
    places = [(shard, row) for shard in shards for row in range(len(shard))]
    if not places:
        raise UserError(f"{folder}: this bundle has no sample")
    those = np.linspace(0, len(places) - 1, min(REAL, len(places))).round().astype(int)
    return np.stack([places[i][0].image[places[i][1]] for i in those])


def check(
    model: bytes, networks: nn.Module, settings: Settings, crops: Mapping[str, np.ndarray]
) -> Check:
    """Score crops with an ONNX model and with the networks it was made of.

    model: the bytes of its file. crops: by their kind, each (n, 256, 256, 3) uint8 RGB. They are
    given to ONNX Runtime in batches of several sizes.
    """
    model, inner = with_inner(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    kinds = [kind for kind, those in crops.items() for _ in those]
    whole = np.concatenate(list(crops.values()))
    rights: list[np.ndarray] = []
    off: list[np.ndarray] = []
    inner_off = [0.0]
    for part in batches(whole):
        scores, *before = session.run(["scores", *inner], {"crops": part})
        right_scores, unscaled = scored(networks, settings, torch.tensor(part))
        rights.append(right_scores)
        off.append(np.abs(scores - right_scores))
        for values in before:
            size = np.maximum(1, np.abs(unscaled))
            inner_off.append(float((np.abs(values - unscaled) / size).max()))
    all_off, right = np.concatenate(off), np.concatenate(rights)
    worst = int(np.argmax(np.where(np.isfinite(all_off), all_off, np.inf)))
    return Check(
        float(all_off[worst]),
        kinds[worst],
        float(np.max(inner_off)),  # NaN where one is
        len(whole),
        float(right.min()),
        float(right.max()),
    )


def batches(crops: np.ndarray) -> Iterator[np.ndarray]:
    """The crops in batches of the sizes BATCHES, in turn."""
    first = 0
    for size in cycle(BATCHES):
        if first >= len(crops):
            return
        yield crops[first : first + size]
        first += size


def with_inner(model: bytes) -> tuple[bytes, list[str]]:
    """The bytes of a model that also gives what goes into its last sigmoid or softmax, and the
    names of the outputs that were added: one, none where the score is made by neither.
    """
    proto = onnx.load_from_string(model)
    producer = {name: node for node in proto.graph.node for name in node.output}
    node = producer["scores"]
    while node.op_type in ("Gather", "Squeeze", "Cast") and node.input[0] in producer:
        node = producer[node.input[0]]
    if node.op_type not in ("Sigmoid", "Softmax"):
        return model, []
    name = node.input[0]
    proto.graph.output.append(onnx.ValueInfoProto(name=name))
    return proto.SerializeToString(), [name]


def scored(
    networks: nn.Module, settings: Settings, crops: torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """torch's scores (n,) float32 of crops (n, 256, 256, 3) uint8, and what the networks gave:
    (n,), (n, 2) or maps (n, c, h, w).
    """
    given: list[torch.Tensor] = []
    hook = networks.register_forward_hook(lambda module, images, output: given.append(output))
    try:
        with torch.inference_mode():
            scores = score_images(networks, crops, settings).numpy()
    finally:
        hook.remove()
    return scores, given[0].numpy()
