"""Grad-CAM (Selvaraju et al., ICCV 2017): where a layer speaks for live, or for spoof.

With A the layer's maps (channel k) and y the evidence for the class, equations 1 and 2 there:
alpha_k = mean over places of dy/dA_k, and the map is ReLU(sum over k of alpha_k A_k).
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn


def maps(
    evidence: Callable[[Tensor], Tensor], layer: nn.Module, images: Tensor, signs: Tensor
) -> Tensor:
    """Grad-CAM of n images: n x h x w, never negative, of the layer's size.

    evidence: (n,) for live of n x C x S x S images; layer: the module whose output is weighed;
    signs: (n,), 1 to look towards live, -1 towards spoof, for which the negative is the evidence.
    """
    from captum.attr import LayerGradCam  # type: ignore[import-untyped]

    def towards(images: Tensor, signs: Tensor) -> Tensor:
        return evidence(images) * signs

    with torch.enable_grad():
        found = LayerGradCam(towards, layer).attribute(
            images, additional_forward_args=signs, relu_attributions=True
        )
    assert isinstance(found, Tensor)  # one layer, so no tuple
    return found.detach()[:, 0]


def normalised(found: Tensor) -> Tensor:
    """Each map n x h x w over its own maximum, so in [0, 1]; a map of zeros stays one."""
    most = found.amax((1, 2), keepdim=True)
    return torch.where(most > 0, found / torch.where(most > 0, most, 1), 0)


def enlarged(found: Tensor, side: int) -> np.ndarray:
    """Maps n x h x w, bilinear, as n x side x side float32 on the CPU."""
    size = (side, side)
    large = functional.interpolate(found[:, None], size, mode="bilinear", align_corners=False)
    return large[:, 0].float().cpu().numpy()


def share_within(heat: np.ndarray, mask: np.ndarray) -> float | None:
    """What share of a map (H x W, not negative) lies within a mask (H x W bool); None of zeros."""
    total = float(heat.sum(dtype=np.float64))
    return float(heat[mask].sum(dtype=np.float64)) / total if total > 0 else None
