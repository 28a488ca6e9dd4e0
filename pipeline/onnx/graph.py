"""What lies between a crop and its score as one graph, without the layers that only training needs.

The reduction by area is written so that it rounds as torch's does, bit by bit: where two colours
of a pixel are equal, the hue beside red, and that of grey, hang by the last digit, and a whole
turn of hue is a thousandth of a score and more.
"""

import functools
import io
import warnings
from collections.abc import Callable
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from pipeline.bundle import IMAGE_SIDE
from train.batches import pixels
from train.config import Settings

OPSET = 17
SCALES: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "meta": lambda networks, images: networks(images).sigmoid(),
    "ssdg": lambda networks, images: networks(images).softmax(1)[:, 1],
    "ssan": lambda networks, images: networks(images).mean((1, 2, 3)),
}
"""Scores of images as train.methods.METHODS has them, in float32."""


class Blocks(nn.Module):
    """Reduction by area where a new pixel is the mean of k x k old ones.

    These are added one by one, row by row, as torch's avg_pool2d does.
    """

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, images: Tensor) -> Tensor:
        """The images, n x c x S x S float32, reduced to n x c x S/k x S/k."""
        times = range(self.times)
        parts = [images[:, :, i :: self.times, j :: self.times] for i in times for j in times]
        return functools.reduce(torch.add, parts) / self.times**2


class Shares(nn.Module):
    """Reduction by area where a new pixel takes shares of old ones: W X, then (W X) W^T.

    A product of float32 matrices adds w x to what is there and rounds once (a fused multiply-add),
    pixel by pixel. In float64 w x is exact, so rounding each sum to float32 is the same.
    """

    def __init__(self, size: int, new_size: int) -> None:
        super().__init__()
        weights = pixels.area_weights(size, new_size).float()
        first = (weights > 0).float().argmax(1)
        most = int((weights > 0).sum(1).max())
        places = first[:, None] + torch.arange(most)
        # Beyond the last pixel a new one takes nothing.
        taken = weights.gather(1, places.clamp(max=size - 1)).where(places < size, torch.zeros(()))
        self.places: Tensor
        self.shares: Tensor
        self.register_buffer("places", places.clamp(max=size - 1).T.contiguous())
        self.register_buffer("shares", taken.double().T.contiguous())

    def along(self, images: Tensor, axis: int) -> Tensor:
        """The images reduced along one axis, 2 or 3."""
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        total = torch.zeros((), dtype=torch.float32)
        for places, shares in zip(self.places, self.shares, strict=True):
            product = images.index_select(axis, places).double() * shares.view(shape)
            total = (product + total.double()).float()
        return total

    def forward(self, images: Tensor) -> Tensor:
        """The images, n x c x S x S float32, reduced to n x c x s x s."""
        return self.along(self.along(images, 2), 3)


def reduction(size: int) -> nn.Module:
    """A layer from n x c x 256 x 256 to n x c x size x size; its numbers are reduce_by_area's."""
    times, rest = divmod(IMAGE_SIDE, size)
    return Shares(IMAGE_SIDE, size) if rest else Blocks(times)


class Graph(nn.Module):
    """From crops (n, 256, 256, 3) uint8 RGB to scores (n,) float32."""

    def __init__(self, networks: nn.Module, settings: Settings) -> None:
        super().__init__()
        self.networks, self.settings = networks, settings
        self.reduction = reduction(settings.input_size)

    def forward(self, crops: Tensor) -> Tensor:
        """The scores (n,) float32 of crops (n, 256, 256, 3) uint8 RGB."""
        rgb = self.reduction(crops.permute(0, 3, 1, 2).float() / 255)
        images = pixels.planes(rgb, self.settings.colours, self.settings.hsv)
        return SCALES[self.settings.method](self.networks, images)


def exported(networks: nn.Module, settings: Settings) -> onnx.ModelProto:
    """The graph of networks on the CPU: `crops` (n, 256, 256, 3) uint8 RGB to `scores` (n,)
    float32.

    The networks are in evaluation mode. The same networks give the same bytes.
    """
    written = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter by tracing is the older one; the newer needs a package more. The tracer
        # warns of sizes that become constants, which here they are.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Graph(networks, settings).eval(),
            (torch.zeros(2, IMAGE_SIDE, IMAGE_SIDE, 3, dtype=torch.uint8),),
            written,  # type: ignore[arg-type]  # a file will do
            dynamo=False,
            opset_version=OPSET,
            input_names=["crops"],
            output_names=["scores"],
            dynamic_axes={"crops": {0: "n"}, "scores": {0: "n"}},
        )
    return onnx.load_from_string(written.getvalue())
