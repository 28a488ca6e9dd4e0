"""PRNet's checkpoint, converted as docs/weights.md says, in the environment that has tensorflow."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_prnet import tf_shapes

from labels.depth.prnet_network import PRNet, convert
from labels.tensors import load_strict, read_tensors
from labels.weights import digest, find

ROOT = Path(__file__).parents[1]
EXTRA = ROOT / ".venv-extra" / "bin" / "python"
READY = ROOT / ".venv-extra" / "ready"
TOOL = ROOT / "tools" / "convert_prnet.py"
MAKER = ROOT / "tests" / "make_prnet_checkpoint.py"


def call(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Makes a checkpoint in a folder of its own; gives its prefix."""
    if not READY.exists():
        pytest.skip("tensorflow's environment is not here: run make env-extra")

    def build(*options):
        folder = tmp_path_factory.mktemp("checkpoint")
        (folder / "shapes.json").write_text(json.dumps(tf_shapes()))
        prefix = folder / "256_256_resfcn256_weight"
        done = call(EXTRA, MAKER, prefix, folder / "shapes.json", *options)
        assert done.returncode == 0, done.stderr
        return prefix

    return build


@pytest.fixture(scope="module")
def checkpoint(make):
    return make()


@pytest.mark.slow
def test_a_checkpoint_becomes_the_same_network(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("OCIM_WEIGHTS", str(tmp_path / "store"))
    out = tmp_path / "prnet.safetensors"
    done = call(EXTRA, TOOL, checkpoint, out)
    assert (done.returncode, done.stderr) == (0, "")
    fetched = call(
        Path(sys.executable).with_name("ocim"), "weights", "fetch", "prnet", "--from", out
    )
    assert (fetched.returncode, fetched.stderr) == (0, "")
    assert done.stdout == f"{out}: 245 variables, sha256 {digest('prnet')}\n"
    variables = {name: one.numpy() for name, one in read_tensors(find("prnet")).items()}
    assert variables.keys() == tf_shapes().keys()
    network = PRNet().eval()
    load_strict(network, convert(variables), find("prnet"))
    with np.load(f"{checkpoint}_case.npz") as case, torch.inference_mode():
        picture = torch.from_numpy(case["image"].transpose(2, 0, 1)[None].copy())
        position = network(picture)[0].permute(1, 2, 0).numpy()
        assert np.ptp(case["position"]) > 10  # pixels: it is no constant
        assert np.abs(position - case["position"]).max() < 1e-3


@pytest.mark.slow
def test_the_same_checkpoint_gives_the_same_bytes_by_any_of_its_names(checkpoint, tmp_path):
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    assert call(EXTRA, TOOL, checkpoint, first).returncode == 0
    assert call(EXTRA, TOOL, f"{checkpoint}.index", second).returncode == 0
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
def test_a_checkpoint_that_lacks_a_variable_is_refused(make, tmp_path):
    prefix = make("--without", "resfcn256/Conv/BatchNorm/gamma")
    done = call(EXTRA, TOOL, prefix, tmp_path / "out.safetensors")
    assert done.returncode == 2
    assert done.stderr == f"convert_prnet: {prefix}: 244 variables of PRNet's network, not 245\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_damaged_checkpoint_is_told_in_one_line(checkpoint, tmp_path):
    copy = tmp_path / checkpoint.name
    for suffix in (".index", ".data-00000-of-00001"):
        content = Path(f"{checkpoint}{suffix}").read_bytes()
        Path(f"{copy}{suffix}").write_bytes(content[: len(content) // 2])
    done = call(EXTRA, TOOL, copy, tmp_path / "out.safetensors")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"convert_prnet: {copy}: cannot be read: ")
    assert not (tmp_path / "out.safetensors").exists()


# What follows needs no tensorflow: the tool looks before it imports.


@pytest.mark.parametrize("words", [[], ["checkpoint"], ["checkpoint", "out.npz"]])
def test_a_wrong_call_shows_the_usage(words):
    done = call(sys.executable, TOOL, *words)
    assert done.returncode == 2
    assert done.stderr == "usage: python convert_prnet.py CHECKPOINT OUT.safetensors\n"


def test_a_missing_half_of_a_checkpoint_is_named(tmp_path):
    (tmp_path / "weight.index").write_bytes(b"")
    done = call(sys.executable, TOOL, tmp_path / "weight", tmp_path / "out.safetensors")
    assert done.returncode == 2
    assert f"{tmp_path / 'weight'}.data-00000-of-00001: no such file" in done.stderr
