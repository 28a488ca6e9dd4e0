"""train/batches/buffers.py: when memory is used again, and what keeps it."""

import numpy as np
import torch

from train.batches.buffers import Buffers

BYTE = np.dtype("|u1")


def test_memory_is_used_again_when_nothing_refers_to_it():
    buffers = Buffers()
    first = buffers.take((4, 5), BYTE)
    place = first.data_ptr()
    second = buffers.take((4, 5), BYTE)
    assert second.data_ptr() != place
    del first
    assert buffers.take((4, 5), BYTE).data_ptr() == place


def test_a_view_or_an_array_of_it_keeps_the_memory():
    buffers = Buffers()
    for view in (lambda t: t[1:, None], lambda t: t.numpy()[0], lambda t: t.to("cpu").detach()):
        tensor = buffers.take((4, 5), BYTE)
        place, held = tensor.data_ptr(), view(tensor)
        del tensor
        others = [buffers.take((4, 5), BYTE) for _ in range(5)]
        assert place not in {other.data_ptr() for other in others}
        del held, others


def test_kinds_do_not_mix():
    buffers = Buffers()
    assert buffers.take((2, 3), BYTE).dtype == torch.uint8
    assert buffers.take((2, 3), np.dtype("<f4")).dtype == torch.float32
    assert buffers.take((3, 2), BYTE).shape == (3, 2)
