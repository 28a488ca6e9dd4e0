"""Tensors are read from weight files without running anything, and must fit their network."""

import pickle

import pytest
import torch
from made_weights import Harmful, refusal, write
from torch import nn

from labels.tensors import load_strict, read_tensors


def test_a_plain_pickle_and_rubbish_are_refused(own_store, tmp_path):
    plain = write(tmp_path / "a.pth", pickle.dumps(Harmful(), protocol=2))
    refusal(read_tensors, plain)
    assert not (tmp_path / "store-was-run").exists()
    for name in ("b.pth", "b.safetensors", "b.npz", "none.pth", "none.safetensors"):
        if not name.startswith("none"):
            write(tmp_path / name)
        assert str(tmp_path / name) in refusal(read_tensors, tmp_path / name)
    torch.save([1, 2], tmp_path / "c.pth")
    assert "no table of named tensors" in refusal(read_tensors, tmp_path / "c.pth")


def small():
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def changed(changes):
    """The small network's tensors, some with another value, or without one where it is None."""
    tensors = small().state_dict() | changes
    return {name: one for name, one in tensors.items() if one is not None}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"0.weight": None}, ["0.weight", "missing"]),
        ({"0.weight": torch.zeros(2, 4)}, ["0.weight", "(2, 4)", "(2, 3)"]),
        ({"2.extra": torch.zeros(1)}, ["2.extra", "no tensor"]),
    ],
)
def test_loading_is_strict_and_names_the_tensor_that_does_not_fit(tmp_path, changes, words):
    said = refusal(load_strict, small(), changed(changes), tmp_path / "w.pth")
    assert all(word in said for word in [str(tmp_path / "w.pth"), *words])


def test_loading_gives_the_network_every_value(tmp_path):
    wanted = changed({"1.num_batches_tracked": None, "0.bias": torch.tensor([3.0, 4.0])})
    network = small()
    load_strict(network, wanted, tmp_path / "w.pth")
    assert all(torch.equal(network.state_dict()[name], one) for name, one in wanted.items())
