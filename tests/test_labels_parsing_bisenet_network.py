"""BiSeNet's network against the reference: its tensors, its logits, their size."""

from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
import torch

from labels.parsing.bisenet_network import BiSeNet
from labels.parsing.networks import normalised


def test_its_tensors_are_those_of_the_public_checkpoint(reference):
    wanted = reference("bisenet_state_dict")
    assert {name: list(one.shape) for name, one in BiSeNet(19).state_dict().items()} == wanted
    assert len(wanted) == 191


@pytest.mark.slow
def test_it_gives_the_logits_of_the_reference(reference, shared: Path):
    tensor = run_path(str(shared / "reference" / "rule_tensors.py"))["tensor"]
    network = BiSeNet(19).eval()
    network.load_state_dict({
        name: torch.as_tensor(tensor(name, shape))
        for name, shape in reference("bisenet_state_dict").items()
    })  # fmt: skip
    with np.load(shared / "reference" / "bisenet_case.npz") as case:
        with torch.inference_mode():
            logits = network(torch.from_numpy(normalised(case["image"])))[0]
        assert logits.shape == (19, 512, 512)
        y, x = case["points_yx"].T
        wanted = case["logits"]
        off = np.abs(logits[:, y, x].T.numpy() - wanted).max()
        assert off < 1e-4 * np.abs(wanted).max()
        assert (logits.argmax(0).numpy() == case["labels19"]).mean() >= 0.9999


def test_its_logits_have_the_size_of_the_picture():
    with torch.inference_mode():
        assert BiSeNet(classes=4).eval()(torch.zeros(2, 3, 64, 96)).shape == (2, 4, 64, 96)
