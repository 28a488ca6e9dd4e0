"""A step that spares memory gives the numbers of one that does not."""

import torch

from benchmarks.parts.rule_tensors import rule_batches
from benchmarks.parts.sparing import spare
from train.baselines import ssdg
from train.baselines.joined import join
from train.settings import settings_from_dict

torch.set_num_threads(1)  # networks this small only wait for a second thread on busy cores


def test_sparing_memory_changes_no_number():
    settings = settings_from_dict(
        {"variant": "ssdg", "dropout": 0.0, "width": 0.05, "input_size": 64}, "test"
    )
    joined = join(rule_batches(3, 1, 3, 64, depth=False))
    found = []
    for spared in (False, True):
        networks = ssdg.SSDG(settings, 3)
        ssdg.initialise(networks, torch.Generator().manual_seed(0))
        networks.double().train()
        parameters = dict(networks.named_parameters())
        if spared:
            spare(networks, networks.backbone)
        passed = ssdg.forward_pass(networks, joined, settings, 0)
        total = ssdg.losses_of(passed, joined, settings)["total"]
        total.backward()
        found.append((total.detach(), {name: p.grad for name, p in parameters.items()}))
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-12)
