"""BiSeNet by torch: on a processor picture by picture, on CUDA a fixed batch at a time."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from labels import devices
from labels.parsing.bisenet_network import BiSeNet
from labels.parsing.networks import (
    DEVIATION,
    MEAN,
    SIDE,
    NotFiniteError,
    check_picture,
    numbers_of,
    threads,
)


class Torch:
    """A network in memory, channels last. See labels.parsing.networks.Network.

    precision: `float32` or `bfloat16` (autocast). batch: how many pictures go through it at a time;
    the last batch is filled up. device: `cpu` or `cuda`.
    """

    def __init__(self, network: BiSeNet, precision: str, batch: int, device: str) -> None:
        self._device = torch.device(device)
        self._bfloat16 = precision == "bfloat16"
        self._batch = batch
        if device == "cpu":
            torch.set_num_threads(threads())
        placed = network.eval().to(self._device)
        # torch has the keyword, and its type stubs have not.
        self._network = placed.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._numbers = numbers_on_processor if device == "cpu" else numbers_on_device
        self.made_on = f"{devices.kind(device)} {precision}"

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The numbers of the pictures' classes."""
        found: list[np.ndarray] = []
        for start in range(0, len(pictures), self._batch):
            part = list(pictures[start : start + self._batch])
            filled = part + [part[0]] * (self._batch - len(part))
            found += self._numbers(self.coarse(filled))[: len(part)]
        return found

    @torch.inference_mode()
    def coarse(self, pictures: list[np.ndarray]) -> Tensor:
        """Logits (N, C, 64, 64) float32 on the device, in front of the last enlargement."""
        x = on_device(pictures, self._device)
        autocast = torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16)
        with devices.exact(), autocast:
            return self._network.coarse(x).float()


def on_device(pictures: list[np.ndarray], device: torch.device) -> Tensor:
    """Pictures as the network reads them, (N, 3, 512, 512) float32, channels last.

    They go over as bytes, a quarter of the floats. Raises ValueError for another size or dtype.
    """
    for picture in pictures:
        check_picture(picture)
    x = torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2)
    mean, deviation = (
        torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, DEVIATION)
    )
    return ((x.float() / 255 - mean) / deviation).contiguous(memory_format=torch.channels_last)


def numbers_on_processor(coarse: Tensor) -> list[np.ndarray]:
    """The numbers of the classes (512, 512) uint8 of logits (N, C, 64, 64).

    Raises NotFiniteError where a logit is no number.
    """
    return [numbers_of(logits) for logits in coarse.cpu().numpy()]


def numbers_on_device(coarse: Tensor) -> list[np.ndarray]:
    """The same as numbers_on_processor, NotFiniteError too, all of it where the logits are."""
    if not bool(torch.isfinite(coarse).all()):
        raise NotFiniteError("logits are not finite")
    logits = functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear", align_corners=True)
    return list(logits.argmax(1).to(torch.uint8).cpu().numpy())
