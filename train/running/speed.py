"""How fast a step runs: precision, layout in memory, compilation. The method does not know of it.

All of it is put on the networks once, before the first step. Only what lies before M changes:
bfloat16 and torch.compile wrap `Networks.upstream` while the networks train. M is differentiated
twice, which a compiled function cannot be, and rounding would double: it stays plain float32, as do
all losses, parameters, gradients and the optimizer. In evaluation mode `upstream` is the plain one,
so a network scores alike during a training and after it.

With precision float32 and all else off nothing is touched. On a CPU every choice repeats bit by
bit; on a GPU as far as its algorithms do (`deterministic`).
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from train.config import Settings
from train.model import Networks, Upstream


def chosen(settings: Settings, device: torch.device) -> dict[str, Any]:
    """What is really in force on this device, by the keys of Settings.

    precision: float32 or bfloat16. tf32: False where there is no GPU that has it. Raises UserError
    where something is asked for that this device or variant cannot give.
    """
    gpu = device.type == "cuda"
    upstream = settings.method == "meta"  # baselines have no part that the step leaves alone
    if not upstream and (settings.precision == "bfloat16" or settings.compile):
        key = "compile" if settings.compile else "precision"
        wanted = {"compile": "false", "precision": "auto or float32"}[key]
        raise UserError(
            f"{key} does not work with variant '{settings.variant}': set it to {wanted}"
        )
    if settings.cuda_graphs and not (gpu and settings.compile):
        raise UserError(
            "cuda_graphs plays back what was compiled for a GPU: "
            + ("set compile to true too" if gpu else "set it to false on a CPU")
        )
    if settings.compile and (missing := _missing_to_compile(gpu)):
        raise UserError(f"compile needs {missing}: install it, or set compile to false")
    halved = gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    if settings.precision == "bfloat16" and gpu and not halved:
        raise UserError("precision is 'bfloat16', and this GPU has none: set it to auto or float32")
    if settings.precision == "auto":
        precision = "bfloat16" if halved and upstream else "float32"
    else:
        precision = settings.precision
    return {
        "precision": precision,
        "tf32": settings.tf32 and gpu and torch.cuda.get_device_capability(device) >= (8, 0),
        "channels_last": settings.channels_last,
        "compile": settings.compile,
        "cuda_graphs": settings.cuda_graphs,
    }


def prepare(networks: nn.Module, settings: Settings, device: torch.device) -> dict[str, Any]:
    """Make the networks, on `device` already, run as the settings ask; give what is in force.

    Names, parameters and the state dict stay as they are. TF32 is a switch of the whole process:
    train/running/device.py sets it and puts it back.
    """
    force = chosen(settings, device)
    if force["channels_last"]:
        networks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if force["precision"] != "float32" or force["compile"]:
        assert isinstance(networks, Networks), "chosen() refuses the others"
        faster: Any = _faster(networks, force, device)
        networks.upstream = faster  # type: ignore[method-assign]
    return force


def _faster(
    networks: Networks, force: dict[str, Any], device: torch.device
) -> Callable[[Tensor], Upstream]:
    """`networks.upstream` in bfloat16, compiled, or both; gives float32 whatever it computes in."""
    plain = networks.upstream
    half = force["precision"] == "bfloat16"

    def cast(images: Tensor) -> Upstream:
        # A block for each call: casts of weights are kept while it lasts, never past a step.
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            shared, depth, parsing = plain(images)
        return Upstream(shared.float(), depth.float(), None if parsing is None else parsing.float())

    fast = _compiled(cast, force["cuda_graphs"]) if force["compile"] else cast

    def upstream(images: Tensor) -> Upstream:
        return fast(images) if networks.training else plain(images)

    return upstream


def _compiled(function: Callable[[Tensor], Upstream], graphs: bool) -> Callable[[Tensor], Upstream]:
    """Compile for one size of batch. A failure of the compiler is one line.

    graphs: recorded as CUDA graphs. Several calls before one way back are recorded one after the
    other, each with memory of its own, since ways back are still to come.
    """
    from torch._dynamo.exc import TorchDynamoException  # slow to import, and only needed here

    mode = "reduce-overhead" if graphs else None
    compiled = torch.compile(function, fullgraph=True, dynamic=False, mode=mode)

    def call(images: Tensor) -> Upstream:
        try:
            return compiled(images)
        except TorchDynamoException as error:
            first = str(error).strip().splitlines()[0]
            raise UserError(f"compile: torch.compile failed ({first}): set it to false") from error

    return call


def _missing_to_compile(gpu: bool) -> str | None:
    """What torch.compile needs and this machine lacks, as torch looks for it."""
    if gpu and importlib.util.find_spec("triton") is None:
        return "the package triton"
    standard = "clang++" if sys.platform == "darwin" else "g++"
    compiler = os.environ.get("CXX", standard)
    return None if shutil.which(compiler) else f"a C++ compiler (there is no '{compiler}')"
