"""The step beside which ours is timed does the same work, and the benchmark runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from made_bundle import make_bundle

from train import meta
from train.baselines.rfmetafas import from_rfmetafas
from train.batches.data import Batch
from train.model import Networks
from train.settings import settings_from_dict

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks/ is not installed
from benchmarks.parts import rfmetafas_way
from benchmarks.parts.step_ways import batches

torch.set_num_threads(1)

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "train_step.py"
WIDTH = 0.1


def made(kind: torch.dtype) -> tuple[rfmetafas_way.RFMetaFAS, Networks, list[Batch]]:
    """The baseline's networks, ours with the same values, and a batch for each domain."""
    theirs = rfmetafas_way.RFMetaFAS(WIDTH)
    random = torch.Generator().manual_seed(3)
    for parameter in theirs.parameters():
        spread = 1.4 / parameter[0].numel() ** 0.5 if parameter.ndim > 1 else 0.1
        torch.nn.init.normal_(parameter, float(parameter.ndim == 1), spread, generator=random)
    settings = settings_from_dict({"variant": "rfmetafas", "width": WIDTH}, "test")
    ours = Networks(settings)
    ours.load_state_dict(from_rfmetafas(*theirs.states()))
    domains = [
        Batch(*(part.to(kind) if part.is_floating_point() else part for part in batch[:4]))
        for batch in batches(4, 64, torch.device("cpu"))
    ]
    return theirs.to(kind).train(), ours.to(kind).train(), domains


@pytest.mark.parametrize(("kind", "within"), [(torch.float32, 2e-4), (torch.float64, 1e-10)])
def test_the_baselines_step_is_the_same_work_as_our_rfmetafas(kind: torch.dtype, within: float):
    theirs, ours, domains = made(kind)
    settings = settings_from_dict({"variant": "rfmetafas", "width": WIDTH}, "test")
    found = meta.step_losses(ours, domains, settings, meta.Mining("batch_all", 0.1))
    expected = rfmetafas_way.losses(theirs, domains)
    for name, value in expected.items():
        other = found["_".join(reversed(name.split("_"))) if name != "Loss_all" else "total"]
        torch.testing.assert_close(other, value, rtol=within, atol=0)
    found["total"].backward()
    expected["Loss_all"].backward()

    gradients = [{n: p.grad for n, p in part.named_parameters()} for part in theirs.children()]
    renamed = from_rfmetafas(*gradients)  # type: ignore[arg-type]
    whole = torch.cat([one.flatten() for one in renamed.values()]).norm()
    for name, parameter in ours.named_parameters():
        difference = (parameter.grad - renamed[name]).norm()  # type: ignore[operator]
        assert float(difference) <= within * float(whole), name
    for name, value in from_rfmetafas(*theirs.states()).items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=within, atol=within)


def test_the_baselines_names_and_shapes_are_those_of_the_reference(reference):
    shapes = [{n: list(v.shape) for n, v in s.items()} for s in rfmetafas_way.RFMetaFAS().states()]
    assert shapes == list(reference("rfmetafas_state_dict").values())


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--rounds", "1", "--threads", "1", "--matmul", "256"]
    return subprocess.run([*command, *options], capture_output=True, text=True)


@pytest.mark.slow
def test_steps_are_measured_beside_the_baseline(tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    names = ("rfmetafas float32", "rfmetafas bfloat16", "ours bfloat16")
    sizes = ("--size", "64", "--width", "0.1", "--images-per-domain", "2", "--waiting-steps", "2")
    done = run(*sizes, "--configurations", ",".join(names), "--profile", "--waiting", str(bundle))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert list(figures["steps"]) == list(figures["profile"]) == ["rfmetafas_way", *names]
    steps = figures["steps"]
    assert steps["rfmetafas_way"]["times_rfmetafas_way"] == 1
    assert steps["rfmetafas_way"]["gflop"] == steps["rfmetafas float32"]["gflop"]
    assert steps["rfmetafas float32"]["gflop"] < steps["ours bfloat16"]["gflop"]
    assert [one["precision"] for one in steps.values()] == ["float32"] * 2 + ["bfloat16"] * 2
    for one in steps.values():
        assert one["least"] <= one["images_per_second"] <= one["most"]
        assert one["peak_mb"] > 100 and one["utilisation"] > 0
    for operators in figures["profile"].values():
        assert 0.5 < sum(one["share"] for one in operators) <= 1.0001
    assert figures["waiting"]["steps"] == 2 and 0 <= figures["waiting"]["waiting"] <= 1


@pytest.mark.slow
def test_an_unknown_configuration_is_one_line():
    done = run("--configurations", "ours,float16")
    assert done.returncode == 1
    assert done.stderr.startswith("no configuration 'ours'; there are: rfmetafas_way, ")
    assert done.stderr.count("\n") == 1
