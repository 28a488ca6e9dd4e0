"""Figures 2 and 4 of the paper: feature extractor F, depth estimator D, parser S, attention skip,
and meta learner M.

Shapes are written for an S x S input at width 1. F, D and M are those of RFMetaFAS (the MADDG
backbone); train/baselines/rfmetafas.py takes its state dicts over.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from train.config import Settings

CLASSES = 13
"""Face-parsing classes; pipeline/bundle.py names their numbers' range."""

INPUT_CHANNELS = 6  # RGB and HSV


def scaled(channels: int, width: float) -> int:
    """The paper's channel count times the width, at least 1."""
    return max(1, round(channels * width))


def conv_block(inside: int, outside: int, momentum: float = 0.1) -> list[nn.Module]:
    """3x3 convolution with bias, batch norm, ReLU: the block of which all networks are made.

    n x inside x H x W to n x outside x H x W, not below 0.
    """
    return [
        nn.Conv2d(inside, outside, 3, padding=1),
        nn.BatchNorm2d(outside, momentum=momentum),
        nn.ReLU(inplace=True),
    ]


def pool_to(x: Tensor, size: int) -> Tensor:
    """Adaptive average pooling of n x C x S x S to n x C x size x size, S a multiple of size."""
    return functional.avg_pool2d(x, x.shape[-1] // size)


class Features(NamedTuple):
    """What F gives: stem 64 x S x S; stages 128 x S/2 x S/2, 128 x S/4 x S/4, 128 x S/8 x S/8."""

    stem: Tensor
    stage1: Tensor
    stage2: Tensor
    stage3: Tensor


class FeatureExtractor(nn.Module):
    """F: a stem and three blocks of three convolutions, each block ending in a 2x2 max pool."""

    def __init__(self, width: float) -> None:
        super().__init__()
        self.stem_channels, self.channels, wide = (scaled(c, width) for c in (64, 128, 196))
        self.stem = nn.Sequential(*conv_block(INPUT_CHANNELS, self.stem_channels))
        stages = [
            nn.Sequential(
                *conv_block(inside, self.channels),
                *conv_block(self.channels, wide),
                *conv_block(wide, self.channels),
                nn.MaxPool2d(2),
            )
            for inside in (self.stem_channels, self.channels, self.channels)
        ]
        self.stage1, self.stage2, self.stage3 = stages

    def forward(self, images: Tensor) -> Features:
        """images: n x 6 x S x S in [0, 1], S a multiple of 16."""
        stem = self.stem(images)
        stage1 = self.stage1(stem)
        stage2 = self.stage2(stage1)
        return Features(stem, stage1, stage2, self.stage3(stage2))


class DepthEstimator(nn.Module):
    """D: stages 1 and 2 pooled to the size of stage 3, all three side by side, to one map."""

    def __init__(self, width: float, inside: int) -> None:
        super().__init__()
        first, second = scaled(128, width), scaled(64, width)
        self.layers = nn.Sequential(
            *conv_block(inside, first), *conv_block(first, second), *conv_block(second, 1)
        )

    def forward(self, features: Features) -> Tensor:
        """Depth, n x 1 x S/8 x S/8, never negative."""
        size = features.stage3.shape[-1]
        pooled = [pool_to(stage, size) for stage in (features.stage1, features.stage2)]
        return self.layers(torch.cat([*pooled, features.stage3], 1))


class Parser(nn.Module):
    """S without its encoder, which is F: three decoder blocks, up to the size of the input.

    Each block: bilinear to the size of the next encoder output, that output beside it, two
    convolutions. Blocks and widths are a choice of ours (docs/method.md).
    """

    def __init__(
        self, width: float, widths: tuple[int, int, int], skips: list[int], inside: int
    ) -> None:
        super().__init__()
        outs = [scaled(c, width) for c in widths]
        self.blocks = nn.ModuleList(
            nn.Sequential(*conv_block(before + skip, out), *conv_block(out, out))
            for before, skip, out in zip([inside, *outs[:-1]], skips, outs, strict=True)
        )
        self.classify = nn.Conv2d(outs[-1], CLASSES, 1)
        self.channels = outs[-1]

    def forward(self, features: Features) -> Tensor:
        """Features of the last decoder block, 64 x S x S; `classify` makes 13 logits of them."""
        x = features.stage3
        encoder = (features.stage2, features.stage1, features.stem)
        for block, skip in zip(self.blocks, encoder, strict=True):
            x = functional.interpolate(x, skip.shape[-2:], mode="bilinear", align_corners=False)
            x = block(torch.cat([x, skip], 1))
        return x


def eca_kernel_size(channels: int) -> int:
    """ECA-Net's kernel (its figure 3): |log2(C) / 2 + 1/2| cut to a whole number, made odd."""
    size = channels.bit_length() // 2  # the largest t with 2^(2t - 1) <= C, without a logarithm
    return size if size % 2 else size + 1


class ChannelAttention(nn.Module):
    """ECA: each channel times a gate in (0, 1), made of the means of its neighbours in number."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        size = eca_kernel_size(channels)
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: n x C x H x W; returns the same shape."""
        means = x.mean((2, 3))
        gate = self.conv(means[:, None]).sigmoid()[:, 0]
        return x * gate[:, :, None, None]


class AttentionSkip(nn.Module):
    """ASC: the parser's last features, one block, ECA, pooled to the size of stage 3.

    Pooled before the gate, which is one number a channel, made of means that pooling keeps: the
    same, and no gated picture of the full size is kept for the way back.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(*conv_block(channels, channels))
        self.attention = ChannelAttention(channels)

    def forward(self, decoded: Tensor, size: int) -> Tensor:
        """decoded: n x 64 x S x S; returns n x 64 x size x size."""
        return self.attention(pool_to(self.block(decoded), size))


class MetaLearner(nn.Module):
    """M: the network that the inner step adapts."""

    def __init__(self, width: float, inside: int, momentum: float) -> None:
        super().__init__()
        first, second, last = (scaled(c, width) for c in (128, 256, 512))
        self.layers = nn.Sequential(
            *conv_block(inside, first, momentum),
            nn.MaxPool2d(2),
            *conv_block(first, second, momentum),
            nn.MaxPool2d(2),
            *conv_block(second, last, momentum),
        )
        self.classify = nn.Linear(last, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: n x C x S/8 x S/8. Returns the logit (n,), live above 0, and the embedding n x 512."""
        embedding = self.layers(x).mean((2, 3))
        return self.classify(embedding)[:, 0], embedding


class Upstream(NamedTuple):
    """All that lies before M, of one batch."""

    shared: Tensor
    """M's input: n x 192 x S/8 x S/8, without ASC n x 128 x S/8 x S/8."""
    depth: Tensor
    """n x 1 x S/8 x S/8, never negative."""
    parsing: Tensor | None
    """Logits of the classes, n x 13 x S x S; None without parser."""


class Networks(nn.Module):
    """F, D, S, ASC and M of one variant."""

    parser: Parser | None
    skip: AttentionSkip | None

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width, parts = settings.width, settings.parts
        self.features = FeatureExtractor(width)
        channels, stem = self.features.channels, self.features.stem_channels
        self.depth = DepthEstimator(width, 3 * channels)
        self.parser = self.skip = None
        shared = channels
        if parts.parsing:
            skips = [channels, channels, stem]
            self.parser = Parser(width, settings.decoder_widths, skips, channels)
            if parts.asc:
                self.skip = AttentionSkip(self.parser.channels)
                shared += self.parser.channels
        self.detach = settings.asc_gradient == "detach"
        self.meta = MetaLearner(width, shared, settings.meta_learner_momentum)

    def upstream(self, images: Tensor) -> Upstream:
        """Features, depth and parsing of n x 6 x S x S images, and M's input."""
        features = self.features(images)
        decoded = parsing = None
        if self.parser is not None:
            decoded = self.parser(features)
            parsing = self.parser.classify(decoded)
        return Upstream(self.joined(features, decoded), self.depth(features), parsing)

    def joined(self, features: Features, decoded: Tensor | None) -> Tensor:
        """M's input: stage 3, and beside it, with ASC, what the parser's last block gives.

        decoded: what Parser gives, n x 64 x S x S; None where there is none. Returns
        Upstream.shared.
        """
        shared = features.stage3
        if self.skip is None or decoded is None:
            return shared
        decoded = decoded.detach() if self.detach else decoded
        return torch.cat([shared, self.skip(decoded, shared.shape[-1])], 1)

    def forward(self, images: Tensor) -> Tensor:
        """The logit (n,) of n x 6 x S x S images: live above 0.

        In evaluation mode what it does not need, depth and parsing, is not made.
        """
        if self.training:  # by way of `upstream`, which train/running/speed.py may have made faster
            return self.meta(self.upstream(images).shared)[0]
        features = self.features(images)
        parser = None if self.skip is None else self.parser
        decoded = None if parser is None else parser(features)
        return self.meta(self.joined(features, decoded))[0]


def initialise(networks: nn.Module, settings: Settings, generator: torch.Generator) -> None:
    """Fill the parameters from `generator` alone: convolutions and linear layers Xavier normal
    (RFMetaFAS) or Kaiming normal, their biases 0.
    """
    for module in networks.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
            if settings.initialisation == "xavier_normal":
                nn.init.xavier_normal_(module.weight, generator=generator)
            else:
                nn.init.kaiming_normal_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
