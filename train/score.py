"""Scores of the samples of a dataset by trained networks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.bundle import FIELDS
from train import augment, loader, metrics
from train.buffers import Buffers
from train.config import Settings
from train.domain import Domain
from train.methods import METHODS

IMAGES_AT_ONCE = 16  # a constant, so that scores do not depend on the machine


def score_samples(
    networks: nn.Module, domain: Domain, settings: Settings, samples: Sequence[int] | np.ndarray
) -> np.ndarray:
    """Score samples of a domain: (n,) float64, higher is live; networks in evaluation mode.

    The scale is the method's own (train/methods.py).
    """
    device = next(networks.parameters()).device
    memory, on_gpu = Buffers(), device.type == "cuda"
    shape, dtype = FIELDS["image"].shape, np.dtype(FIELDS["image"].dtype)
    score = METHODS[settings.method].score

    def read(first: int) -> Tensor:
        those = samples[first : first + IMAGES_AT_ONCE]
        images = memory.take((len(those), *shape), dtype, on_gpu)
        domain.fill(those, {"image": images.numpy()})
        return images

    found = [np.empty(0)]
    firsts = range(0, len(samples), IMAGES_AT_ONCE)
    with torch.inference_mode(), loader.ahead(read, firsts, settings.prefetch) as pictures:
        for images in pictures:
            images = images.to(device, non_blocking=True)
            inputs = augment.to_input(images, settings.input_size, settings.colours, settings.hsv)
            inputs = augment.laid_out(inputs, settings.channels_last)
            found.append(score(networks, inputs).double().cpu().numpy())
    return np.concatenate(found)


def as_scores(domain: Domain, samples: np.ndarray, scores: np.ndarray) -> list[metrics.Score]:
    """Rows as metrics take them."""
    return [
        metrics.Score(
            str(domain.paths[domain.number[i]]),
            int(domain.frame[i]),
            int(domain.live[i]),
            float(score),
        )
        for i, score in zip(samples, scores, strict=True)
    ]


def summary_of(
    networks: nn.Module, domain: Domain, settings: Settings, samples: np.ndarray
) -> dict[str, Any]:
    """Error rates by video of samples that there are, failures to acquire left out."""
    scores = score_samples(networks, domain, settings, samples)
    return metrics.rates(metrics.video_scores(as_scores(domain, samples, scores)))
