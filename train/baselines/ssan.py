"""SSAN-M (Wang et al., CVPR 2022, "Shuffled Style Assembly"), as its released code trains it: a
picture's content is put together with its own style and with that of another picture, and the
result has to tell live from spoof by the style.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from train.baselines.adversary import coefficient, domain_loss, reverse
from train.baselines.backbone import Backbone, conv_block
from train.baselines.joined import Joined, join
from train.baselines.names import renamed
from train.batches.data import Batch
from train.batches.streams import generator as generator_of
from train.config import Settings
from train.losses import depth_loss
from train.model import scaled

LOSSES = ("dep", "contrast", "domain")
"""What step_losses reports beside the total."""

TWICE = 1 - (1 - 0.1) ** 2
"""Batch-norm momentum of the encoder. The released code runs it on a batch and again on the same
batch in another order, for the styles: batch statistics do not know the order, so one pass gives
both, its rows exchanged, and its running statistics take two steps of 0.1 at once.
"""


class Encoded(NamedTuple):
    """content: n x 256 x S/16 x S/16; gamma, beta: n x 256, the style."""

    content: Tensor
    gamma: Tensor
    beta: Tensor


class Encoder(nn.Module):
    """The backbone, and from its stages content and style."""

    def __init__(self, width: float) -> None:
        super().__init__()
        self.channels = scaled(256, width)
        self.backbone = Backbone(width, TWICE)
        inside = self.backbone.channels
        self.content = nn.Sequential(
            *conv_block(inside, self.channels, stride=2, momentum=TWICE)
        )  # fmt: skip
        self.style = nn.ModuleList(
            nn.Conv2d(inside, outside, 3, 2, padding=1, bias=False)
            for outside in (inside, inside, self.channels)
        )
        self.code, self.gamma, self.beta = (
            nn.Linear(self.channels, self.channels, bias=False) for _ in range(3)
        )

    def forward(self, images: Tensor) -> Encoded:
        """images: n x 3 x S x S, S a multiple of 16."""
        stage1, stage2, stage3 = self.backbone(images)
        first, second, third = self.style
        a = functional.relu(functional.instance_norm(first(stage1))) + stage2
        a = functional.relu(functional.instance_norm(second(a))) + stage3
        a = functional.instance_norm(third(a))
        code = functional.relu(self.code(a.amax((2, 3))))
        return Encoded(self.content(stage3), self.gamma(code), self.beta(code))


class Decoder(nn.Module):
    """The depth map: twice up by 2 (bilinear), with convolutions, never negative."""

    def __init__(self, width: float) -> None:
        super().__init__()
        inside, first, second = (scaled(c, width) for c in (512, 128, 64))
        self.first = nn.Sequential(*conv_block(inside, first))
        self.second = nn.Sequential(*conv_block(first, second))
        self.last = nn.Conv2d(second, 1, 3, padding=1, bias=False)

    def forward(self, assembled: Tensor, size: int) -> Tensor:
        """assembled: n x 512 x S/32 x S/32; returns n x 1 x size x size."""
        x = assembled
        for side, block in ((size // 2, self.first), (size, self.second)):
            x = functional.interpolate(x, (side, side), mode="bilinear", align_corners=False)
            x = block(x)
        return functional.relu(self.last(x))


class Discriminator(nn.Module):
    """Which source a content map is from: two convolutions, their mean, one linear layer."""

    def __init__(self, width: float, domains: int) -> None:
        super().__init__()
        first, second = scaled(256, width), scaled(512, width)
        self.layers = nn.Sequential(
            *conv_block(first, first, stride=2, leak=0.2),
            *conv_block(first, second, stride=2, leak=0.2),
        )
        self.classify = nn.Linear(second, domains)

    def forward(self, content: Tensor) -> Tensor:
        """content: n x 256 x S/16 x S/16; returns n x domains logits."""
        return self.classify(self.layers(content).mean((2, 3)))


def assembly_block(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """x + gamma (x - mean) / sqrt(var + 1e-5) + beta, mean and variance per image and channel.

    x: n x C x h x w; gamma, beta: n x C; the variance is the unbiased one. The released block's two
    convolutions are left out: their results are thrown away there.
    """
    variance, mean = torch.var_mean(x, (2, 3), keepdim=True)
    plain = (x - mean) / (variance + 1e-5).sqrt()
    return x + gamma[:, :, None, None] * plain + beta[:, :, None, None]


class SSAN(nn.Module):
    """Encoder, assembly, decoder, and the discriminator, which only training needs."""

    def __init__(self, settings: Settings, domains: int) -> None:
        super().__init__()
        width = settings.width
        self.encoder = Encoder(width)
        final = scaled(512, width)
        self.final = nn.Sequential(
            nn.Conv2d(self.encoder.channels, final, 3, 2, padding=1, bias=False),
            nn.BatchNorm2d(final),
        )
        self.decoder = Decoder(width)
        self.discriminator = Discriminator(width, domains)

    def assemble(self, content: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """A content n x 256 x S/16 x S/16 with a style (gamma, beta: n x 256), put on it twice and
        reduced: n x 512 x S/32 x S/32.
        """
        x = content
        for _ in range(2):
            x = assembly_block(x, gamma, beta)
        return self.final(x)

    def depth(self, encoded: Encoded, assembled: Tensor) -> Tensor:
        """The map of an assembly n x 512 x S/32 x S/32, n x 1 x S/8 x S/8, >= 0; encoded: of the
        same images, for the size alone.
        """
        return self.decoder(assembled, 2 * encoded.content.shape[-1])

    def forward(self, images: Tensor) -> Tensor:
        """Depth, n x 1 x S/8 x S/8, >= 0, of n x 3 x S x S images, each in its own style."""
        encoded = self.encoder(images)
        return self.depth(encoded, self.assemble(*encoded))

    def score(self, images: Tensor) -> Tensor:
        """Mean of the depth map, (n,) float64, >= 0, of n x 3 x S x S images."""
        return self(images).double().mean((1, 2, 3))


class Passed(NamedTuple):
    """What one pass of training gives.

    depth: n x 1 x S/8 x S/8; own, mixed: n x 512, the means of the assemblies with a picture's own
    style and with its partner's; domain: n x sources logits.
    """

    depth: Tensor
    own: Tensor
    mixed: Tensor
    domain: Tensor


def forward_pass(networks: SSAN, images: Tensor, partner: Tensor, reversal: float | None) -> Passed:
    """Encode once, assemble twice.

    images: n x 3 x S x S; partner: n int64, a permutation, whose style each picture is given.
    reversal: the coefficient of the gradient reversal before the discriminator; None: no reversal.
    """
    encoded = networks.encoder(images)
    own = networks.assemble(*encoded)
    mixed = networks.assemble(encoded.content, encoded.gamma[partner], encoded.beta[partner])
    content = encoded.content if reversal is None else reverse(encoded.content, reversal)
    return Passed(
        networks.depth(encoded, own),
        own.mean((2, 3)),
        mixed.mean((2, 3)),
        networks.discriminator(content),
    )


def contrast_loss(own: Tensor, mixed: Tensor, same: Tensor) -> Tensor:
    """Mean of -cos(own, mixed) where the style is of the same class, else +cos.

    own, mixed: n x C, what Passed has; no gradient goes through own. same: n bool, whether a
    picture and the one that its style is from are both live or both spoof. Returns a scalar from
    -1 to 1.
    """
    cosine = functional.cosine_similarity(own.detach(), mixed, dim=1)
    return torch.where(same, -cosine, cosine).mean()


def losses_of(
    passed: Passed, joined: Joined, partner: Tensor, settings: Settings
) -> dict[str, Tensor]:
    """The three losses, scalars named as in LOSSES, and as `total` their sum.

    total = dep + contrast + domain_weight * domain, where 1 is the published domain_weight.
    partner: as forward_pass takes it.
    """
    terms = {
        "dep": depth_loss(passed.depth, joined.depth),
        "contrast": contrast_loss(passed.own, passed.mixed, joined.live == joined.live[partner]),
        "domain": domain_loss(passed.domain, joined.domain),
    }
    total = terms["dep"] + terms["contrast"] + settings.domain_weight * terms["domain"]
    return {**terms, "total": total}


def step_losses(
    networks: SSAN, domains: Sequence[Batch], settings: Settings, step: int, steps: int
) -> dict[str, Tensor]:
    """The losses of one step, counted from 0, of so many, named as in LOSSES, and `total` to go
    back from.

    domains: one batch a source, always in the same order, of any sizes; networks in training mode.
    settings.reversal: "none" is the released code, whose reversal does nothing; "real" is what the
    paper describes, with the coefficient that the released module works out and never applies:
    SSDG's formula, over the whole run.
    """
    joined = join(domains)
    random = generator_of(settings.seed, "style", step)
    partner = torch.from_numpy(random.permutation(len(joined.live))).to(joined.live.device)
    real = settings.reversal == "real"
    reversal = coefficient(step + 1, steps) if real else None
    passed = forward_pass(networks, joined.images, partner, reversal)
    return losses_of(passed, joined, partner, settings)


NAMES = {
    "conv1.": "encoder.backbone.stem.",
    "Block1.": "encoder.backbone.stage1.",
    "Block2.": "encoder.backbone.stage2.",
    "Block3.": "encoder.backbone.stage3.",
    "layer4.": "encoder.content.",
    "ada_conv1.0.": "encoder.style.0.",
    "ada_conv2.0.": "encoder.style.1.",
    "ada_conv3.0.": "encoder.style.2.",
    "FC.0.": "encoder.code.",
    "gamma.": "encoder.gamma.",
    "beta.": "encoder.beta.",
    "conv_final.": "final.",
    "decoder.1.": "decoder.first.0.",
    "decoder.2.": "decoder.first.1.",
    "decoder.5.": "decoder.second.0.",
    "decoder.6.": "decoder.second.1.",
    "decoder.8.": "decoder.last.",
    "dis.ad_net.": "discriminator.layers.",
    "dis.fc.": "discriminator.classify.",
}
"""Beginnings of names: SSAN-M's network, and ours."""

UNUSED = tuple(f"adaIN_layers.{block}.conv{number}.weight" for block in (0, 1) for number in (1, 2))
"""Weights whose products the released code throws away: they never train and are dropped here."""


def from_ssan(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a state dict of SSAN-M's released code (with `module.` or not) to ours.

    Load the result into SSAN. Raises KeyError for a name that is not one of theirs.
    """
    return renamed(state, NAMES, "SSAN", UNUSED)
