"""Where torch runs, and how that is told."""

import pytest
import torch

from labels import devices
from pipeline.errors import UserError


def test_a_device_is_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.choose("auto") == devices.choose("cpu") == "cpu"
    with pytest.raises(UserError, match="cuda"):
        devices.choose("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.choose("auto") == devices.choose("cuda") == "cuda"
    assert devices.choose("cpu") == "cpu"


def test_a_gpu_is_told_with_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA T4")
    assert devices.kind("cuda") == "cuda (NVIDIA T4)"
    assert devices.kind("cpu") == "cpu"
