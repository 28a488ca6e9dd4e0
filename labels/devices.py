"""Where torch runs a network, how exactly, and how that is told in what was made there."""

from contextlib import AbstractContextManager

import torch

from pipeline.errors import UserError


def choose(device: str) -> str:
    """`cpu` or `cuda`, which `auto` means where torch sees a GPU; UserError where cuda is not."""
    here = torch.cuda.is_available()
    if device == "cuda" and not here:
        raise UserError("device: cuda, but torch sees no GPU here; use cpu or auto")
    return "cuda" if here and device == "auto" else device.replace("auto", "cpu")


def kind(device: str) -> str:
    """`cpu`, or `cuda` and the model of the GPU, for two models do not round alike."""
    return device if device == "cpu" else f"{device} ({torch.cuda.get_device_name(device)})"


def exact() -> AbstractContextManager[None]:
    """Within it a GPU gives the same bytes twice, and float32 is float32.

    TF32 is not, and an algorithm that is found by trying is not the same twice.
    """
    return torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
