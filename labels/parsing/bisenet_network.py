"""The network BiSeNet, the face parser of the public checkpoint 79999_iter.pth.

The network is the one of Yu et al., "BiSeNet: Bilateral Segmentation Network for Real-time Semantic
Segmentation" (ECCV 2018), as zllrunning/face-parsing.PyTorch built it: the spatial path is the
eighth-size stage of the ResNet-18 that is the context path too. Tensor names and shapes are the
checkpoint's own. How it is run is told in labels/parsing/bisenet.py.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvBNReLU(nn.Module):
    """Convolution without bias that keeps the size, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        return functional.relu(self.bn(self.conv(x)))


class BasicBlock(nn.Module):
    """The residual block of ResNet-18; its shortcut is a 1 x 1 convolution where sizes differ."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        inner = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(shortcut + self.bn2(self.conv2(inner)))


class ResNet18(nn.Module):
    """The trunk; gives its stages at an eighth, a sixteenth and a thirty-second of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64), BasicBlock(64, 64))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, H, W) to 128, 256 and 512 channels."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer1(functional.max_pool2d(x, 3, stride=2, padding=1))
        eighth = self.layer2(x)
        sixteenth = self.layer3(eighth)
        return eighth, sixteenth, self.layer4(sixteenth)


class AttentionRefinement(nn.Module):
    """Channels weighted by a gate made of their own means."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = ConvBNReLU(inputs, outputs)
        self.conv_atten = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        features = self.conv(x)
        gate = self.bn_atten(self.conv_atten(functional.adaptive_avg_pool2d(features, 1)))
        return features * gate.sigmoid()


class ContextPath(nn.Module):
    """ResNet-18, its last two stages refined and brought back to an eighth of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet18()
        self.arm16 = AttentionRefinement(256, 128)
        self.arm32 = AttentionRefinement(512, 128)
        self.conv_head32 = ConvBNReLU(128, 128)
        self.conv_head16 = ConvBNReLU(128, 128)
        self.conv_avg = ConvBNReLU(512, 128, kernel=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) to spatial and context features, (N, 128, H / 8, W / 8) each."""
        eighth, sixteenth, last = self.resnet(x)
        context = self.arm32(last) + self.conv_avg(functional.adaptive_avg_pool2d(last, 1))
        context = self.conv_head32(_enlarged(context, sixteenth))
        context = self.arm16(sixteenth) + context
        return eighth, self.conv_head16(_enlarged(context, eighth))


class FeatureFusion(nn.Module):
    """Spatial and context features joined, and a gate of their means added on top."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = ConvBNReLU(256, 256, kernel=1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, spatial: Tensor, context: Tensor) -> Tensor:
        """Twice (N, 128, H, W) to (N, 256, H, W)."""
        features = self.convblk(torch.cat([spatial, context], dim=1))
        gate = self.conv2(functional.relu(self.conv1(functional.adaptive_avg_pool2d(features, 1))))
        return features * gate.sigmoid() + features


class Head(nn.Module):
    """Features to logits."""

    def __init__(self, inputs: int, middle: int, classes: int) -> None:
        super().__init__()
        self.conv = ConvBNReLU(inputs, middle)
        self.conv_out = nn.Conv2d(middle, classes, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, classes, H, W)."""
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    """The face parser: logits of each pixel's class.

    classes: how many the weights tell apart, 19 in the public ones. conv_out16 and conv_out32 are
    the heads that only training reads: they are here so that a checkpoint loads strictly, and are
    never computed.
    """

    def __init__(self, classes: int = 19) -> None:
        super().__init__()
        self.cp = ContextPath()
        self.ffm = FeatureFusion()
        self.conv_out = Head(256, 256, classes)
        self.conv_out16 = Head(128, 64, classes)
        self.conv_out32 = Head(128, 64, classes)

    def coarse(self, x: Tensor) -> Tensor:
        """Logits (N, classes, H / 8, W / 8) of x as for forward; what forward enlarges."""
        return self.conv_out(self.ffm(*self.cp(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of the main head.

        x: (N, 3, H, W) float, RGB in [0, 1] with ImageNet's mean taken off and divided by its
        deviation. Enlarged bilinearly, corner pixels on corner pixels, as the original does.
        """
        logits = self.coarse(x)
        return functional.interpolate(logits, x.shape[2:], mode="bilinear", align_corners=True)


class Coarse(nn.Module):
    """A BiSeNet that stops in front of its last enlargement, as a module of its own."""

    def __init__(self, network: BiSeNet) -> None:
        super().__init__()
        self.network = network
        self.train(network.training)

    def forward(self, x: Tensor) -> Tensor:
        """See BiSeNet.coarse."""
        return self.network.coarse(x)


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[2:], mode="nearest")
