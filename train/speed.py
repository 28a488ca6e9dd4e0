"""Placeholder by the lead until H2 writes this file: overwrite me."""

from typing import Any

import torch
from torch import nn

from train.config import Settings


def prepare(networks: nn.Module, settings: Settings, device: torch.device) -> dict[str, Any]:
    return {}
