"""The training step as RFMetaFAS does it, written anew from its description, to be timed beside.

Three networks with the names and shapes of its snapshots, float32, channels first, torch's own
defaults. M's adapted passes are written out function by function over a dict of tensors.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from train.batches.data import Batch

DEPTH_WEIGHT, META_STEP = 10.0, 1e-3


def double_conv(inside: int, outside: int) -> list[nn.Module]:
    """3x3 convolution with bias, batch norm, ReLU."""
    return [nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(True)]


class Inc(nn.Module):
    """The stem: 6 planes to 64."""

    def __init__(self, outside: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(*double_conv(6, outside))

    def forward(self, x: Tensor) -> Tensor:
        """x: n x 6 x S x S."""
        return self.conv(x)


class Down(nn.Module):
    """Three convolutions and a 2x2 max pool."""

    def __init__(self, inside: int, wide: int, outside: int) -> None:
        super().__init__()
        self.downconv = nn.Sequential(
            *double_conv(inside, outside), *double_conv(outside, wide), *double_conv(wide, outside),
            nn.MaxPool2d(2),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """To half the side."""
        return self.downconv(x)


class FeatExtractor(nn.Module):
    """Gives stages 1 and 2 pooled beside stage 3 (for D), and stage 3 (for M)."""

    def __init__(self, stem: int = 64, channels: int = 128, wide: int = 196) -> None:
        super().__init__()
        self.inc = Inc(stem)
        self.down1 = Down(stem, wide, channels)
        self.down2 = Down(channels, wide, channels)
        self.down3 = Down(channels, wide, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: n x 6 x S x S. Returns n x 384 x S/8 x S/8 and n x 128 x S/8 x S/8."""
        one = self.down1(self.inc(x))
        two = self.down2(one)
        three = self.down3(two)
        size = three.shape[-2:]
        pooled = [functional.adaptive_avg_pool2d(stage, size) for stage in (one, two)]
        return torch.cat([*pooled, three], 1), three


class DepthEstmator(nn.Module):
    """Spelled as in the snapshots: three convolutions to one map."""

    def __init__(self, inside: int = 384, first: int = 128, second: int = 64) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *double_conv(inside, first), *double_conv(first, second), *double_conv(second, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Depth, n x 1 x S/8 x S/8, of what the extractor has put together."""
        return self.conv(x)


class FeatEmbedder(nn.Module):
    """M: with its own parameters by modules, with adapted ones by functions; momentum 1."""

    def __init__(self, inside: int = 128, widths: tuple[int, int, int] = (128, 256, 512)) -> None:
        super().__init__()
        blocks = []
        for number, (before, after) in enumerate(zip((inside, *widths), widths, strict=False)):
            layers: list[tuple[str, nn.Module]] = [
                (f"conv{number}", nn.Conv2d(before, after, 3, padding=1)),
                (f"bn{number}", nn.BatchNorm2d(after, momentum=1.0)),
                (f"relu{number}", nn.ReLU(True)),
            ]
            if number < 2:
                layers.append((f"pool{number}", nn.MaxPool2d(2)))
            blocks.append(nn.Sequential(OrderedDict(layers)))
        self.features = nn.Sequential(*blocks)
        self.fc = nn.Linear(widths[-1], 1)

    def forward(self, x: Tensor, adapted: Mapping[str, Tensor] | None = None) -> Tensor:
        """The logit n x 1."""
        if adapted is None:
            x = self.features(x)
            return self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1))
        for number in range(3):
            conv, norm = f"features.{number}.conv{number}.", f"features.{number}.bn{number}."
            x = functional.conv2d(x, adapted[conv + "weight"], adapted[conv + "bias"], padding=1)
            x = functional.batch_norm(
                x, adapted[norm + "running_mean"], adapted[norm + "running_var"],
                adapted[norm + "weight"], adapted[norm + "bias"], training=True, momentum=1.0,
            )  # fmt: skip
            x = functional.relu(x, inplace=True)
            if number < 2:
                x = functional.max_pool2d(x, 2)
        x = functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return functional.linear(x, adapted["fc.weight"], adapted["fc.bias"])


class RFMetaFAS(nn.Module):
    """Its three networks; width multiplies the channel counts, for tests."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()

        def wide(channels: int) -> int:
            return max(1, round(channels * width))

        channels = wide(128)
        self.extractor = FeatExtractor(wide(64), channels, wide(196))
        self.estimator = DepthEstmator(3 * channels, wide(128), wide(64))
        self.embedder = FeatEmbedder(channels, (wide(128), wide(256), wide(512)))

    def states(self) -> list[dict[str, Tensor]]:
        """State dicts as its snapshots have them."""
        return [dict(network.state_dict()) for network in self.children()]


def losses(networks: RFMetaFAS, domains: Sequence[Batch]) -> dict[str, Tensor]:
    """Its losses of one step and `Loss_all`, to go back from; the last domain is meta-test."""
    extractor: nn.Module = networks.extractor
    estimator: nn.Module = networks.estimator
    if domains[0].images.is_cuda:  # its wrapping; with one GPU it passes through
        devices = list(range(torch.cuda.device_count()))
        extractor = nn.DataParallel(extractor, device_ids=devices)
        estimator = nn.DataParallel(estimator, device_ids=devices)
    embedder = networks.embedder
    binary, squared = nn.BCEWithLogitsLoss(), nn.MSELoss()
    zero = torch.zeros((), device=domains[0].images.device)
    terms = dict.fromkeys(("cls_train", "dep_train", "cls_test", "dep_test"), zero)

    of_domains: list[dict[str, Tensor]] = []
    for batch in domains[:-1]:
        pyramid, features = extractor(batch.images)
        logit = embedder(features)
        depth = estimator(pyramid)
        classified = binary(logit.squeeze(1), batch.live)
        terms["cls_train"] = terms["cls_train"] + classified
        terms["dep_train"] = terms["dep_train"] + squared(depth, batch.depth)
        gradients = torch.autograd.grad(classified, list(embedder.parameters()), create_graph=True)
        adapted = {name: value.clone() for name, value in embedder.state_dict().items()}
        for (name, value), gradient in zip(embedder.named_parameters(), gradients, strict=True):
            adapted[name] = value - META_STEP * gradient
        of_domains.append(adapted)

    batch = domains[-1]
    pyramid, features = extractor(batch.images)
    terms["dep_test"] = squared(estimator(pyramid), batch.depth)
    for adapted in of_domains:
        classified = binary(embedder(features, adapted).squeeze(1), batch.live)
        terms["cls_test"] = terms["cls_test"] + classified
    train = terms["cls_train"] + DEPTH_WEIGHT * terms["dep_train"]
    test = terms["cls_test"] + DEPTH_WEIGHT * terms["dep_test"]
    return {**terms, "Loss_all": train + test}


def make_optimizer(networks: RFMetaFAS) -> torch.optim.Optimizer:
    """Adam over the three networks, without weight decay."""
    return torch.optim.Adam(networks.parameters(), lr=1e-3, betas=(0.9, 0.999))


def one_step(
    networks: RFMetaFAS, optimizer: torch.optim.Optimizer, domains: Sequence[Batch]
) -> dict[str, float]:
    """One training step; the losses are read out after it, as its code does."""
    terms = losses(networks, domains)
    optimizer.zero_grad()
    terms["Loss_all"].backward()
    optimizer.step()
    return {name: value.item() for name, value in terms.items()}
