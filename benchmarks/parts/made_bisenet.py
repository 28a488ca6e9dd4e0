"""BiSeNet with weights by chance, for where no trained ones lie."""

import torch
from torch import nn

from labels.parsing.bisenet_network import BiSeNet


def made_network() -> BiSeNet:
    """A network with weights by chance that tells many classes apart."""
    torch.manual_seed(5)
    network = BiSeNet()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.normal_(module.bias, std=0.05)
    return network.eval()
