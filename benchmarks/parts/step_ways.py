"""The ways to make a training step that benchmarks/train_step.py compares, and what each costs."""

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.parts import rfmetafas_way
from train import methods
from train.batches.data import Batch
from train.config import Settings
from train.running.ranks import Process
from train.settings import settings_from_dict
from train.training import Training

DOMAINS = 3
BASELINE = "rfmetafas_way"
OFF = {"precision": "float32", "tf32": False, "channels_last": False}
FLOAT32, HALF = OFF | {"channels_last": True}, {"precision": "bfloat16"}
COMPILED, FREE = HALF | {"compile": True}, {"deterministic": False}
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    BASELINE: {},
    "rfmetafas float32": {"variant": "rfmetafas", **OFF},
    "rfmetafas float32 channels_last": {"variant": "rfmetafas", **FLOAT32},
    "rfmetafas bfloat16": {"variant": "rfmetafas", **HALF},
    "ours float32": {"variant": "ours", **FLOAT32},
    "ours bfloat16": {"variant": "ours", **HALF},
    "rfmetafas tf32": {"variant": "rfmetafas", **FLOAT32, "tf32": True},
    "rfmetafas bfloat16 free": {"variant": "rfmetafas", **HALF, **FREE},
    "rfmetafas bfloat16 compile": {"variant": "rfmetafas", **COMPILED},
    "rfmetafas bfloat16 compile free": {"variant": "rfmetafas", **COMPILED, **FREE},
    "ours bfloat16 free": {"variant": "ours", **HALF, **FREE},
    "ours bfloat16 compile": {"variant": "ours", **COMPILED},
    "ours bfloat16 compile free": {"variant": "ours", **COMPILED, **FREE},
    "ours bfloat16 graphs free": {"variant": "ours", **COMPILED, **FREE, "cuda_graphs": True},
}
"""Settings by the name of the configuration; the baseline knows none. free: not deterministic."""
ON_CPU = tuple(CONFIGURATIONS)[:6]


def batches(images: int, size: int, device: torch.device) -> list[Batch]:
    """A made batch for each domain: half live, half spoof."""
    made = []
    for seed in range(DOMAINS):
        random = torch.Generator().manual_seed(seed)
        depth = torch.rand(images, 1, size // 8, size // 8, generator=random)
        depth[images // 2 :] = 0
        live = (torch.arange(images) < images // 2).float()
        parsing = torch.randint(0, 13, (images, size, size), generator=random)
        planes = torch.rand(images, 6, size, size, generator=random)
        made.append(Batch(*(part.to(device) for part in (planes, live, depth, parsing))))
    return made


def settings_of(name: str, arguments: argparse.Namespace) -> Settings:
    """Settings of a configuration; those of the baseline say only how it is run."""
    sizes = {"width": arguments.width, "input_size": arguments.size, "threads": arguments.threads}
    return settings_from_dict(CONFIGURATIONS[name] | sizes, name)


def stepper(
    name: str, settings: Settings, device: torch.device
) -> tuple[Callable[[list[Batch]], object], dict[str, Any]]:
    """What makes one step of a configuration, and what is in force."""
    if name == BASELINE:
        networks = rfmetafas_way.RFMetaFAS(settings.width).to(device).train()
        optimizer = rfmetafas_way.make_optimizer(networks)
        defaults = {
            "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
            "matmul_allow_tf32": torch.backends.cuda.matmul.allow_tf32,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }
        return lambda domains: rfmetafas_way.one_step(networks, optimizer, domains), defaults
    training = Training(settings, 10**6, device, Process())
    return training.step, training.in_force | {"deterministic": settings.deterministic}


def operations(name: str, arguments: argparse.Namespace) -> int:
    """Floating-point operations of one step without the optimizer, a product and a sum as two."""
    device, settings = torch.device("meta"), settings_of(name, arguments)
    domains = batches(arguments.images_per_domain, arguments.size, device)
    with FlopCounterMode(display=False) as counter:
        if name == BASELINE:
            way = rfmetafas_way.RFMetaFAS(settings.width).to(device).train()
            rfmetafas_way.losses(way, domains)["Loss_all"].backward()
        else:
            method = methods.METHODS[settings.method]
            networks = methods.build(settings, DOMAINS).to(device).train()
            method.losses(networks, domains, settings, 0, 2)["total"].backward()
    return counter.get_total_flops()


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Spent(NamedTuple):
    """Seconds by the clock, and those of all cores of the CPU together."""

    seconds: float
    cpu_seconds: float


def seconds_of(work: Callable[[], object], device: torch.device) -> Spent:
    """How long a call takes, with all that it asks of the device."""
    synchronise(device)
    started, before = time.perf_counter(), time.process_time()
    work()
    synchronise(device)
    return Spent(time.perf_counter() - started, time.process_time() - before)


def shares(work: Callable[[], object], device: torch.device) -> list[dict[str, Any]]:
    """The twenty operators that take the most time of their own, by torch's profiler."""
    kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    with profile(activities=kinds) as profiled:
        seconds_of(work, device)
    name = f"self_{'device' if device.type == 'cuda' else 'cpu'}_time_total"
    table = sorted(
        ((getattr(e, name), e.key, e.count) for e in profiled.key_averages()), reverse=True
    )
    whole = sum(spent for spent, _, _ in table)
    return [
        {"operator": key, "share": round(spent / whole, 4), "calls": calls}
        for spent, key, calls in table[:20]
    ]
