"""Memory for the samples that a step reads, used again when nothing refers to it any more.

New memory costs a page fault every 4 KB, about as much as the copy that fills it.
"""

import math

import numpy as np
import torch
from torch import Tensor

Kind = tuple[tuple[int, ...], np.dtype]


class Block:
    """One piece of memory, given away as a tensor and taken back when none is left of it."""

    def __init__(self, size: int) -> None:
        self._memory = bytearray(size + 1)  # one more, to be taken off and put on again

    def is_free(self) -> bool:
        """Whether no tensor made of it, and no view of one, is left: Python lets nobody change the
        length of memory that is in use.
        """
        try:
            self._memory.pop()
        except BufferError:
            return False
        self._memory.append(0)  # within what is allocated: nothing moves
        return True

    def tensor(self, shape: tuple[int, ...], dtype: np.dtype) -> Tensor:
        """A tensor in this memory, its values undefined; it must fit."""
        count = math.prod(shape)
        return torch.from_numpy(np.frombuffer(self._memory, dtype, count).reshape(shape))


class Buffers:
    """Gives tensors of a kind; as many stay as were ever in use at the same time.

    One thread takes them; any may hold them.
    """

    def __init__(self) -> None:
        self._known: dict[Kind, list[Block]] = {}

    def take(self, shape: tuple[int, ...], dtype: np.dtype, pinned: bool = False) -> Tensor:
        """A tensor, its values undefined. pinned: in memory that a GPU copies from by itself, which
        torch keeps and uses again in its own way.
        """
        if pinned:
            kind = torch.from_numpy(np.empty(0, dtype)).dtype
            return torch.empty(shape, dtype=kind, pin_memory=True)
        known = self._known.setdefault((shape, dtype), [])
        for block in known:
            if block.is_free():
                return block.tensor(shape, dtype)
        known.append(Block(math.prod(shape) * dtype.itemsize))
        return known[-1].tensor(shape, dtype)
