"""The step beside which ours is timed does the same work."""

import pytest
import torch

from benchmarks.parts import rfmetafas_way
from benchmarks.parts.step_ways import batches
from train import meta
from train.baselines.rfmetafas import from_rfmetafas
from train.batches.data import Batch
from train.model import Networks
from train.settings import settings_from_dict

torch.set_num_threads(1)

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
