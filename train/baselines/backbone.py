"""MADDG's backbone as SSDG-M and SSAN-M have it: convolutions without bias, pools that overlap.

RFMetaFAS took the same layers with bias and 2x2 pools: that one is in train/model.py.
"""

from torch import Tensor, nn

from train.model import scaled


def conv_block(
    inside: int, outside: int, *, stride: int = 1, momentum: float = 0.1, leak: float = 0.0
) -> list[nn.Module]:
    """3x3 convolution without bias, batch norm, ReLU; leak: its slope below zero.

    n x inside x H x W to n x outside x H/stride x W/stride, a whole one more where that is odd.
    """
    return [
        nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outside, momentum=momentum),
        nn.LeakyReLU(leak, inplace=True) if leak else nn.ReLU(inplace=True),
    ]


def pool() -> nn.MaxPool2d:
    """3x3 max pool to half the side, a whole one more where that is odd."""
    return nn.MaxPool2d(3, stride=2, padding=1)


class Backbone(nn.Module):
    """Ten convolutions: a stem to 64, then three stages, each to 128, 196, 128 and a pool."""

    def __init__(self, width: float, momentum: float = 0.1) -> None:
        super().__init__()
        stem, self.channels, wide = (scaled(c, width) for c in (64, 128, 196))
        self.stem = nn.Sequential(*conv_block(3, stem, momentum=momentum))
        stages = [
            nn.Sequential(
                *conv_block(inside, self.channels, momentum=momentum),
                *conv_block(self.channels, wide, momentum=momentum),
                *conv_block(wide, self.channels, momentum=momentum),
                pool(),
            )
            for inside in (stem, self.channels, self.channels)
        ]
        self.stage1, self.stage2, self.stage3 = stages

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """images: n x 3 x S x S. Returns n x 128 x S/2 x S/2, S/4 x S/4 and S/8 x S/8."""
        stage1 = self.stage1(self.stem(images))
        stage2 = self.stage2(stage1)
        return stage1, stage2, self.stage3(stage2)
