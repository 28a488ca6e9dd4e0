"""Two real processes, as torchrun starts them, beside one that does the work of both."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from made_bundle import make_bundle

from pipeline.bundle import Bundle
from train import meta, methods
from train.batches import data
from train.batches.domain import Domain
from train.config import Settings
from train.optimizer import make_optimizer
from train.running import checkpoint
from train.running.ranks import Process, average, largest

ROOT = Path(__file__).resolve().parents[1]
STEPS = 3
SMALL: dict[str, Any] = {
    **{"width": 0.1, "input_size": 64, "batch": 4, "threads": 1, "device": "cpu", "steps": STEPS},
    **{"channels_last": False, "tensorboard": False, "switch": 0.4},
}


def torchrun(*words: str) -> subprocess.CompletedProcess[str]:
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    changes = [word for k, v in SMALL.items() for word in ("--set", f"{k}={str(v).lower()}")]
    command = [*start, "-m", "train", *changes, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def one_process_for_both(settings: Settings, bundle: Path) -> dict[str, torch.Tensor]:
    """Each step: the losses of either process's batches from the same networks, gradients and
    running statistics averaged, one step of Adam.
    """
    domains = [Domain(Bundle(bundle), name) for name in settings.sources]
    both = [data.make_sources(domains, settings, {}, rank, 2) for rank in range(2)]
    networks = methods.make(settings, len(domains)).train()
    optimizer = make_optimizer(networks, settings)
    for step in range(STEPS):
        copies = [copy.deepcopy(networks) for _ in both]
        for own, sources in zip(copies, both, strict=True):
            batches = [source.batch(step, torch.device("cpu")) for source in sources]
            order = meta.roles(settings.seed, step, len(batches))
            mining = meta.stage(settings, step, STEPS)
            own.zero_grad()
            meta.step_losses(own, [batches[i] for i in order], settings, mining)["total"].backward()
        for mine, a, b in zip(
            networks.parameters(), *(c.parameters() for c in copies), strict=True
        ):
            mine.grad = (a.grad + b.grad) / 2
        for mine, a, b in zip(networks.buffers(), *(c.buffers() for c in copies), strict=True):
            mine.copy_((a + b) / 2 if mine.is_floating_point() else a)
        optimizer.step()
    return dict(networks.state_dict())


@pytest.mark.slow
def test_two_processes_are_one_that_averages_over_both(tmp_path: Path):
    bundle = make_bundle(tmp_path / "bundle")
    done = torchrun("--bundle", str(bundle), "-o", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.count(f"step {STEPS}/{STEPS} ") == 1  # one of the two speaks
    found = checkpoint.load(tmp_path / "run" / "model.pt")
    assert found.environment["processes"] == 2
    expected = one_process_for_both(found.settings, bundle)
    assert set(found.networks) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found.networks[name], value, rtol=1e-5, atol=1e-7, msg=name)


@pytest.mark.slow
def test_a_training_that_diverges_stops_all_processes(tmp_path: Path):
    bundle = make_bundle(tmp_path / "bundle")
    words = ("--bundle", str(bundle), "-o", str(tmp_path / "run"), "--set", "learning_rate=1e30")
    done = torchrun(*words, "--set", "steps=50")
    assert done.returncode != 0
    assert done.stderr.count("error: step ") == 2
    assert done.stderr.count("Traceback") == 1  # torchrun's own, about its processes


def test_alone_nothing_is_exchanged():
    value = torch.ones(3)
    average([value], Process())
    assert value.tolist() == [1, 1, 1]
    assert largest(7, Process(), torch.device("cpu")) == 7
