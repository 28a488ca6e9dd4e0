"""The named tensors of a weight file, read without running anything, and put into a network.

A torch file (.pth) is a pickle, which could hold code: only tensors, numbers and text are let in.
"""

import codecs
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from pipeline.errors import UserError


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The named tensors of a .safetensors or torch file (.pth, .pt, .tar), on the CPU.

    Nothing that a file holds is ever run: torch files are read with weights_only, so one with other
    than tensors, numbers and text is refused. A checkpoint's `state_dict` is taken out of it, and
    `module.` off all its names. UserError in one line where that gives no tensors.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix not in (".pth", ".pt", ".tar"):
        raise UserError(f"{path}: weights are read from .safetensors, .pth, .pt or .tar files")
    content = _load_torch(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not (
        isinstance(content, Mapping)
        and content
        and all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items())
    ):
        raise UserError(f"{path}: holds no table of named tensors")
    names = {name: name.removeprefix("module.") for name in content}
    if not all(name.startswith("module.") for name in content):
        names = {name: name for name in content}
    return {names[name]: tensor.detach() for name, tensor in content.items()}


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: cannot be read as safetensors: {error}") from error


def _load_torch(path: Path) -> Any:
    """What a torch file holds, by weights_only, with the scalars of numpy that old ones keep."""
    # A score beside the tensors is a numpy scalar: its type, and the bytes of its value as text.
    scalars: list[Any] = [
        (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
        np.dtype,
        codecs.encode,
        *(type(np.dtype(kind)) for kind in ("f4", "f8", "i8")),
    ]
    try:
        with torch.serialization.safe_globals(scalars):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        if named:
            why = f"it holds {named[1]}, which is more than tensors and could run code"
        else:
            why = f"it does not read as tensors alone ({str(error).splitlines()[0]})"
        raise UserError(f"{path}: refused, {why}") from error
    except Exception as error:  # rubbish takes the reader to errors of any kind
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: cannot be read as a torch file: {reason}") from error


def load_strict(network: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Load tensors, all of them and no other, into a network; path is where they came from.

    UserError names the first tensor that is missing, has another shape, or is left over. Counters
    of batches, which old files lack and no result depends on, may be missing.
    """
    wanted = network.state_dict()
    for name, own in wanted.items():
        if name not in tensors:
            if name.endswith(".num_batches_tracked"):
                continue
            raise UserError(f"{path}: does not fit: the tensor {name} is missing")
        if tensors[name].shape != own.shape:
            shapes = f"{tuple(tensors[name].shape)}, not {tuple(own.shape)}"
            raise UserError(f"{path}: does not fit: the tensor {name} has the shape {shapes}")
    for name in tensors:
        if name not in wanted:
            raise UserError(f"{path}: does not fit: the network has no tensor {name}")
    # torch itself fills in the counters where a table has no version, as a plain dict has none.
    network.load_state_dict(dict(tensors), strict=True)
