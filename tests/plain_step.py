"""One training step written again from the paper's text and tables, in plain loops.

It shares no code with train/, and is slow; names of parameters are those of train/model.py.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

Parameters = Mapping[str, Tensor]
Sample = tuple[Tensor, Tensor, Tensor, Tensor]
"""A domain's images, live, depth, parsing."""


class Plan(NamedTuple):
    """What one step is told. within: lambdas of cls, trip, dep, seg; between: of train, test."""

    parsing: bool
    asc: bool
    anchors: str | None
    meta: bool
    hard: bool
    margin: float
    normalised: bool
    mean: bool
    detach: bool
    inner_weight: float
    alpha: float
    within: Mapping[str, float]
    between: Mapping[str, float]


def normalise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    mean = x.mean((0, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
    plain = (x - mean) / torch.sqrt(variance + 1e-5)
    return plain * weight[None, :, None, None] + bias[None, :, None, None]


def block(x: Tensor, p: Parameters, name: str, at: int) -> Tensor:
    x = functional.conv2d(x, p[f"{name}.{at}.weight"], p[f"{name}.{at}.bias"], padding=1)
    return torch.relu(normalise(x, p[f"{name}.{at + 1}.weight"], p[f"{name}.{at + 1}.bias"]))


def extract(x: Tensor, p: Parameters) -> list[Tensor]:
    """The stem and the three stages of F."""
    found = [block(x, p, "features.stem", 0)]
    for stage in (1, 2, 3):
        h = found[-1]
        for at in (0, 3, 6):
            h = block(h, p, f"features.stage{stage}", at)
        found.append(functional.max_pool2d(h, 2))
    return found


def depth_of(features: Sequence[Tensor], p: Parameters) -> Tensor:
    side = features[3].shape[-1]
    pooled = [functional.adaptive_avg_pool2d(stage, side) for stage in features[1:3]]
    h = torch.cat([*pooled, features[3]], 1)
    for at in (0, 3, 6):
        h = block(h, p, "depth.layers", at)
    return h


def enlarge(x: Tensor, side: int) -> Tensor:
    """Bilinear, pixel centres at halves, as two products with a matrix of weights."""
    old = x.shape[-1]
    weights = torch.zeros(side, old, dtype=x.dtype)
    for new in range(side):
        place = (new + 0.5) * old / side - 0.5
        left = math.floor(place)
        for pixel, share in ((left, 1 - (place - left)), (left + 1, place - left)):
            weights[new, min(max(pixel, 0), old - 1)] += share
    return weights @ x @ weights.T


def parse(features: Sequence[Tensor], p: Parameters) -> tuple[Tensor, Tensor]:
    h = features[3]
    for number, skip in enumerate((features[2], features[1], features[0])):
        h = torch.cat([enlarge(h, skip.shape[-1]), skip], 1)
        h = block(block(h, p, f"parser.blocks.{number}", 0), p, f"parser.blocks.{number}", 3)
    return h, functional.conv2d(h, p["parser.classify.weight"], p["parser.classify.bias"])


def attention_skip(decoded: Tensor, p: Parameters, side: int) -> Tensor:
    h = block(decoded, p, "skip.block", 0)
    channels = h.shape[1]
    t = int(abs((math.log2(channels) + 1) / 2))
    size = t if t % 2 else t + 1
    kernel = p["skip.attention.conv.weight"].reshape(-1)
    assert len(kernel) == size
    means, gates = h.mean((2, 3)), []
    for channel in range(channels):
        places = [(j, channel + j - size // 2) for j in range(size)]
        inside = [kernel[j] * means[:, c] for j, c in places if 0 <= c < channels]
        gates.append(torch.sigmoid(torch.stack(inside).sum(0)))
    return functional.adaptive_avg_pool2d(h * torch.stack(gates, 1)[:, :, None, None], side)


def learn(x: Tensor, p: Parameters) -> tuple[Tensor, Tensor]:
    """M: logit and embedding."""
    h = functional.max_pool2d(block(x, p, "meta.layers", 0), 2)
    h = functional.max_pool2d(block(h, p, "meta.layers", 4), 2)
    embedding = block(h, p, "meta.layers", 8).mean((2, 3))
    logit = embedding @ p["meta.classify.weight"].T + p["meta.classify.bias"]
    return logit[:, 0], embedding


def cls(logit: Tensor, live: Tensor, mean: bool) -> Tensor:
    chance = torch.sigmoid(logit)
    total = -(live * torch.log(chance) + (1 - live) * torch.log(1 - chance)).sum()
    return total / len(live) if mean else total


def trip(embedding: Tensor, live: Tensor, plan: Plan) -> Tensor:
    e = embedding / embedding.norm(dim=1, keepdim=True) if plan.normalised else embedding
    labels, costs = [int(label) for label in live], []

    def apart(i: int, j: int) -> Tensor:
        return ((e[i] - e[j]) ** 2).sum()

    for a, label in enumerate(labels):
        if plan.anchors == "live" and not label:
            continue
        positives = [apart(a, i) for i, other in enumerate(labels) if i != a and other == label]
        negatives = [apart(a, i) for i, other in enumerate(labels) if other != label]
        if plan.hard:
            farthest, nearest = max(positives, key=Tensor.item), min(negatives, key=Tensor.item)
            hardest = farthest - nearest + plan.margin
            costs.append(torch.relu(hardest))
        else:
            every = [p - n + plan.margin for p in positives for n in negatives]
            costs += [cost for cost in every if cost > 0]
    if not costs:
        return e.sum() * 0
    total = torch.stack(costs).sum()
    return total / len(costs) if plan.mean else total


def seg(logits: Tensor, parsing: Tensor, mean: bool) -> Tensor:
    total = -torch.log_softmax(logits, 1).gather(1, parsing[:, None]).sum()
    return total / parsing.numel() if mean else total


def dep(found: Tensor, depth: Tensor, mean: bool) -> Tensor:
    total = ((found - depth) ** 2).sum()
    return total / depth.numel() if mean else total


def adapt(theta: Parameters, terms: Sequence[Tensor], plan: Plan) -> Parameters:
    """M after one step down the gradients of a domain's cls and, where there is one, trip."""
    moved = dict(theta)
    for term, weight in zip(terms, (1.0, plan.inner_weight), strict=False):
        gradients = torch.autograd.grad(
            term, list(theta.values()), create_graph=True, allow_unused=True
        )
        for name, gradient in zip(theta, gradients, strict=True):
            if gradient is not None:
                moved[name] = moved[name] - plan.alpha * weight * gradient
    return moved


def step(p: Parameters, domains: Sequence[Sample], plan: Plan) -> dict[str, Tensor]:
    """All losses, named train_cls and so on, and their total; the last domain is meta-test."""
    found: dict[str, Any] = {}

    def add(name: str, value: Tensor) -> None:
        found[name] = found.get(name, 0) + value

    def before_m(part: str, domain: Sample) -> Tensor:
        features = extract(domain[0], p)
        add(f"{part}_dep", dep(depth_of(features, p), domain[2], plan.mean))
        x = features[3]
        if plan.parsing:
            decoded, logits = parse(features, p)
            add(f"{part}_seg", seg(logits, domain[3], plan.mean))
            if plan.asc:
                decoded = decoded.detach() if plan.detach else decoded
                x = torch.cat([x, attention_skip(decoded, p, x.shape[-1])], 1)
        return x

    def of_m(part: str, x: Tensor, theta: Parameters, live: Tensor) -> list[Tensor]:
        logit, embedding = learn(x, theta)
        terms = [cls(logit, live, plan.mean)]
        add(f"{part}_cls", terms[0])
        if plan.anchors:
            terms.append(trip(embedding, live, plan))
            add(f"{part}_trip", terms[1])
        return terms

    theta = {name: value for name, value in p.items() if name.startswith("meta.")}
    adapted = []
    for domain in domains[:-1] if plan.meta else domains:
        terms = of_m("train", before_m("train", domain), theta, domain[1])
        if plan.meta:
            adapted.append(adapt(theta, terms, plan))
    if plan.meta:
        x = before_m("test", domains[-1])
        for moved in adapted:
            of_m("test", x, moved, domains[-1][1])
    total: Any = 0
    for name, value in found.items():
        part, loss = name.split("_")
        total = total + plan.between[part] * plan.within[loss] * value
    return {**found, "total": total}
