"""Weights and batches by rule are those of the reference material."""

import importlib.util
from pathlib import Path

import numpy as np

from benchmarks.parts.rule_tensors import rule_batches, rule_tensor


def test_the_rule_is_the_reference_materials(shared: Path):
    spec = importlib.util.spec_from_file_location(
        "rule", shared / "reference" / "rule_tensors.py"
    )  # fmt: skip
    assert spec is not None and spec.loader is not None
    given = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(given)
    for name, shape in (
        ("net.conv.weight", (4, 3, 3, 3)),
        ("net.fc.weight", (2, 5)),
        ("net.bn.weight", (6,)),
        ("net.bn.bias", (6,)),
        ("net.bn.running_mean", (6,)),
        ("net.bn.running_var", (6,)),
        ("net.bn.num_batches_tracked", ()),
    ):
        ours, theirs = rule_tensor(name, shape), given.tensor(name, shape)
        assert np.array_equal(ours.numpy(), theirs), name
        assert ours.numpy().dtype == theirs.dtype, name


def test_all_images_are_drawn_before_all_depth_maps():
    batches = rule_batches(9, 1, 3, 64, depth=True)
    random = np.random.default_rng(9)
    images = [random.random((2, 3, 64, 64)) for _ in range(3)]
    maps = [random.random((2, 8, 8)) for _ in range(3)]
    for batch, image, depth in zip(batches, images, maps, strict=True):
        assert np.array_equal(batch.images.numpy(), image)
        assert batch.live.tolist() == [1, 0]
        assert np.array_equal(batch.depth.numpy()[0, 0], depth[0])
        assert not batch.depth[1].any()
