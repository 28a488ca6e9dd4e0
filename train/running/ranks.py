"""Several processes that train one model, as torchrun starts them: one a GPU.

Each draws its own batch of every domain, so batch statistics and mining mean what they mean with
one process; gradients are averaged, and running statistics with them, so all stay the same.
"""

import datetime
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.distributed as distributed
from torch import Tensor, nn

from pipeline.errors import UserError

PATIENCE = datetime.timedelta(hours=2)
"""How long a process waits for the others: one of them evaluates and saves alone."""


class Process(NamedTuple):
    """This process among those that train one model together; names as torchrun has them."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the one that writes files and speaks."""
        return self.rank == 0


@contextmanager
def joined(on_gpu: bool) -> Iterator[Process]:
    """Join the processes that torchrun has started, for the block; alone where it has not.

    Raises UserError where torchrun's variables are incomplete or the others do not answer.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield Process()
        return
    try:
        process = Process(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
        distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    except (KeyError, ValueError, RuntimeError) as error:
        raise UserError(f"torchrun's processes cannot be joined: {error}") from None
    try:
        yield process
    finally:
        distributed.destroy_process_group()


def speaks() -> bool:
    """Whether this process is the one that tells people what happens."""
    return os.environ.get("RANK", "0") == "0"


def average(tensors: Iterable[Tensor], process: Process) -> None:
    """Replace floating tensors by their means over all processes, in place and in one exchange.

    tensors: of one dtype and device, in the same order and shapes in each process.
    """
    if process.world_size == 1:
        return
    each = list(tensors)
    flat = torch.cat([tensor.detach().reshape(-1) for tensor in each])
    distributed.all_reduce(flat)
    flat /= process.world_size
    for tensor, part in zip(each, flat.split([tensor.numel() for tensor in each]), strict=True):
        tensor.detach().copy_(part.view_as(tensor))


def shared_state(networks: nn.Module) -> Iterator[Tensor]:
    """What is averaged after each step: gradients, and batch norm's running statistics."""
    for parameter in networks.parameters():
        if parameter.grad is not None:
            yield parameter.grad
    for buffer in networks.buffers():
        if buffer.is_floating_point():
            yield buffer


def largest(number: int, process: Process, device: torch.device) -> int:
    """The largest of the whole numbers that the processes give; every process must call it."""
    if process.world_size == 1:
        return number
    each = torch.tensor([number], device=device)
    distributed.all_reduce(each, distributed.ReduceOp.MAX)
    return int(each)


def from_the_first(data: bytes | None, process: Process, device: torch.device) -> bytes | None:
    """What the first process has read, None where it has nothing, in every process.

    data: of the first; of the others it is not looked at. Every process must call it.
    """
    if process.world_size == 1:
        return data
    size = torch.tensor([-1 if data is None else len(data)], device=device)
    distributed.broadcast(size, 0)
    if int(size) < 0:
        return None
    content = torch.empty(int(size), dtype=torch.uint8, device=device)
    if data is not None:
        content.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
    distributed.broadcast(content, 0)
    return content.cpu().numpy().tobytes()
