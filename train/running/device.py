"""Where a training runs: the device, threads, and algorithms that repeat."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from pipeline.errors import UserError
from train.config import Settings


def for_scoring(settings: Settings) -> Settings:
    """Settings to score with: on whatever device there is, with float32 in full (no TF32)."""
    return dataclasses.replace(settings, device="auto", tf32=False)


@contextmanager
def reproducible(settings: Settings, local_rank: int = 0) -> Iterator[torch.device]:
    """Set threads and algorithms for the block; give the device. All is put back.

    local_rank: which GPU, where there are several. Raises UserError where cuda is asked for and
    torch sees none, or fewer than local_rank + 1.
    """
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device is 'cuda', and torch sees no GPU: set it to auto or cpu")
    gpu = settings.device != "cpu" and torch.cuda.is_available()
    if gpu and local_rank >= torch.cuda.device_count():
        raise UserError(
            f"process {local_rank} of this machine has no GPU of its own: torch sees"
            f" {torch.cuda.device_count()}; start as many processes"
        )
    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    fill = memory.fill_uninitialized_memory
    tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        torch.set_num_threads(settings.threads or threads)
        # Where an operation has no deterministic form (some on a GPU) torch warns and goes on.
        torch.use_deterministic_algorithms(settings.deterministic, warn_only=True)
        memory.fill_uninitialized_memory = False  # nothing here reads what it has not written
        if gpu:
            torch.backends.cuda.matmul.allow_tf32 = settings.tf32
            torch.backends.cudnn.allow_tf32 = settings.tf32
            # cuBLAS repeats only with a workspace of a fixed size, asked for before it starts.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.cuda.set_device(local_rank)
        yield torch.device("cuda", local_rank) if gpu else torch.device("cpu")
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        memory.fill_uninitialized_memory = fill
        if gpu:
            torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32
