"""One training step on weights and a batch made by rule, to hold beside a method's released code.

In float64 on the CPU, by the code that trains.

A case is a JSON object: seed and B of the batch, the method's own numbers, and what its released
code gave. The former are read, the latter are worked out anew and printed under the same names.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

import torch
from torch import Tensor, nn

from benchmarks.parts.case import Case
from benchmarks.parts.rule_tensors import DOMAINS, rule_batches, rule_state
from benchmarks.parts.sparing import spare
from pipeline.errors import UserError
from train import meta
from train.baselines import ssan, ssdg
from train.baselines.adversary import coefficient
from train.baselines.joined import join
from train.baselines.rfmetafas import RFMETAFAS_NAMES
from train.model import Networks

SHOWN = 8  # of each row, where a case holds the first numbers of many
Values = dict[str, Any]


def theirs(ours: str, names: Mapping[str, str]) -> str:
    """The released code's name of one of our tensors."""
    for beginning, own in names.items():
        if ours.startswith(own):
            return beginning + ours.removeprefix(own)
    raise KeyError(ours)


def prepared(
    networks: nn.Module, backbone: Any, called: Callable[[str], str], before: str = ""
) -> tuple[dict[str, nn.Parameter], dict[str, Tensor]]:
    """Give networks, in place, float64, the rule's values and less memory to need; training mode.

    backbone: their part that sees the full size. called: the released code's name of a tensor;
    before: what stands before that name where it decides a value. Returns the parameters, by the
    released code's names, and the buffers, by ours.
    """
    networks.double().train()
    full_names = {name: before + called(name) for name in networks.state_dict()}
    networks.load_state_dict(rule_state(full_names, networks.state_dict()))
    parameters = {called(name): value for name, value in networks.named_parameters()}
    buffers = dict(networks.named_buffers())
    spare(networks, backbone)
    return parameters, buffers


def gradient_norms(parameters: Mapping[str, nn.Parameter]) -> dict[str, float | None]:
    """L2 norm of each gradient; None where there is none."""
    return {
        name: None if value.grad is None else float(value.grad.norm())
        for name, value in parameters.items()
    }


def buffer_norms(buffers: Mapping[str, Tensor], called: Callable[[str], str]) -> dict[str, float]:
    """L2 norm of each running mean and variance."""
    return {
        called(name): float(value.norm())
        for name, value in buffers.items()
        if name.endswith(("running_mean", "running_var"))
    }


def first(rows: Tensor) -> list[list[float]]:
    """The first numbers of each row."""
    return rows.detach()[:, :SHOWN].tolist()


def scalars(values: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, float]:
    """Losses under the case's names. names: by ours."""
    return {name: float(values[ours].detach()) for ours, name in names.items()}


def rfmetafas(case: Case) -> Values:
    """One meta step of RFMetaFAS: domains 0 and 1 are meta-train, domain 2 is meta-test."""
    inputs: Values = {"seed": case.whole("seed", 0), "B": case.whole("B", 1)}
    inputs |= {key: case.number(key) for key in ("meta_step_size", "W_depth", "W_metatest")}
    settings = case.settings(
        variant="rfmetafas",
        inner_learning_rate=inputs["meta_step_size"],
        depth_weight=inputs["W_depth"],
        meta_test_weight=inputs["W_metatest"],
    )
    networks = Networks(settings)
    parts = {"features": "FeatExtractor", "depth": "DepthEstmator", "meta": "FeatEmbedder"}

    def called(name: str) -> str:
        return f"{parts[name.partition('.')[0]]}.{theirs(name, RFMETAFAS_NAMES)}"

    parameters, _ = prepared(networks, networks.features, called)
    batches = rule_batches(inputs["seed"], inputs["B"], 6, settings.input_size, depth=True)
    step = meta.step_losses(networks, batches, settings, meta.Mining("batch_all", settings.margin))
    step["total"].backward()
    names = {"total": "loss_all", "train_cls": "loss_cls_train", "train_dep": "loss_dep_train"}
    names |= {"test_cls": "loss_cls_test", "test_dep": "loss_dep_test"}
    return {**inputs, **scalars(step, names), "grad_norm": gradient_norms(parameters)}


def ssdg_step(case: Case) -> Values:
    """One iteration of SSDG-M. Dropout is the identity."""
    inputs: Values = {"seed": case.whole("seed", 0), "B": case.whole("B", 1)}
    inputs |= {key: case.whole(key, 1) for key in ("iteration", "max_iter")}
    inputs |= {key: case.number(key) for key in ("lambda_triplet", "lambda_adreal", "margin")}
    inputs["dropout"] = case.word("dropout", "identity")
    settings = case.settings(
        variant="ssdg",
        dropout=0.0,
        margin=inputs["margin"],
        triplet_weight=inputs["lambda_triplet"],
        domain_weight=inputs["lambda_adreal"],
        reversal_steps=inputs["max_iter"],
    )
    networks = ssdg.SSDG(settings, DOMAINS)

    def called(name: str) -> str:
        network = "ad_net_real" if name.startswith("discriminator.") else "net"
        return f"{network}.{theirs(name, ssdg.NAMES)}"

    parameters, buffers = prepared(networks, networks.backbone, called)
    side = settings.input_size
    joined = join(rule_batches(inputs["seed"], inputs["B"], 3, side, depth=False))
    passed = ssdg.forward_pass(networks, joined, settings, inputs["iteration"] - 1)
    moved = buffer_norms(buffers, called)
    terms = ssdg.losses_of(passed, joined, settings)
    by_domain, by_triplet = (
        torch.autograd.grad(terms[name], passed.embedding, retain_graph=True)[0]
        for name in ("domain", "trip")
    )
    terms["total"].backward()
    classes = ssdg.classes_of(joined)
    mined = ssdg.class_triplets(passed.embedding.detach(), classes, settings.margin)
    names = {"total": "total_loss", "cls": "cls_loss", "trip": "triplet_loss"}
    return {
        **inputs,
        **scalars(terms, names | {"domain": "real_adloss"}),
        "grl_coefficient": coefficient(inputs["iteration"], inputs["max_iter"]),
        "triplet_terms": {"valid": int(mined.valid), "positive": int(mined.counted)},
        "embedding_norm": passed.embedding.detach().norm(dim=1).tolist(),
        "embedding_first8": first(passed.embedding),
        "classifier_out": passed.logits.tolist(),
        "discriminator_out": passed.domain.tolist(),
        "adloss_grad_at_live_embeddings_first8": first(by_domain[joined.live]),
        "triplet_grad_at_embeddings_first8": first(by_triplet),
        "buffer_norm_after": moved,
        "grad_norm": gradient_norms(parameters),
    }


def ssan_step(case: Case) -> Values:
    """One iteration of SSAN-M as its released code does it, without a reversal."""
    inputs: Values = {"seed": case.whole("seed", 0), "B": case.whole("B", 1)}
    inputs["rand_idx"] = case.order("rand_idx", 2 * inputs["B"] * DOMAINS)
    settings = case.settings(variant="ssan")
    networks = ssan.SSAN(settings, DOMAINS)

    def called(name: str) -> str:
        return theirs(name, ssan.NAMES)

    parameters, buffers = prepared(networks, networks.encoder.backbone, called, "ssan.")
    side = settings.input_size
    joined = join(rule_batches(inputs["seed"], inputs["B"], 3, side, depth=True))
    partner = torch.tensor(inputs["rand_idx"])
    passed = ssan.forward_pass(networks, joined.images, partner, None)
    moved = buffer_norms(buffers, called)
    terms = ssan.losses_of(passed, joined, partner, settings)
    terms["total"].backward()
    names = {"total": "loss_all", "dep": "map_loss", "contrast": "contrast_loss"}
    unused: dict[str, float | None] = dict.fromkeys(ssan.UNUSED)  # theirs have no gradient
    return {
        **inputs,
        **scalars(terms, names | {"domain": "adv_loss"}),
        "fea_self_first8": first(passed.own),
        "fea_mixed_first8": first(passed.mixed),
        "discriminator_out": passed.domain.tolist(),
        "map_row16_first8": first(passed.depth[:, 0, side // 16]),
        "buffer_norm_after": moved,
        "grad_norm": gradient_norms(parameters) | unused,
    }


METHODS = {"rfmetafas": rfmetafas, "ssdg": ssdg_step, "ssan": ssan_step}


def left_out(case: Case, values: Iterable[str]) -> list[str]:
    """Keys of the case that its method does not give, other cases nested in it apart."""
    return [
        key
        for key, value in case.values.items()
        if key not in values and not (isinstance(value, dict) and "seed" in value)
    ]


def main() -> int:
    """Print the step's numbers as one JSON object; 2 and one line where the case will not do."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", required=True, choices=METHODS)
    parser.add_argument("--case", required=True, type=Path, help="JSON file of the case")
    parser.add_argument("--entry", help="key under which the file holds the case; else the file")
    parser.add_argument("--width", type=float, default=1.0, help="of a smaller network (1)")
    parser.add_argument("--input-size", type=int, default=256, help="of smaller pictures (256)")
    arguments = parser.parse_args()
    try:
        size = {"width": arguments.width, "input_size": arguments.input_size}
        case = Case(arguments.case, arguments.entry, **size)
        values = METHODS[arguments.method](case)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    if unknown := left_out(case, values):
        print(f"{case.where}: not known, left out: {', '.join(unknown)}", file=sys.stderr)
    print(json.dumps({key: values[key] for key in case.values if key in values}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
