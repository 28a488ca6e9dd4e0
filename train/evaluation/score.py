"""Scores of the samples of a dataset by trained networks, and the rows that they make."""

from collections.abc import Container, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.bundle import FIELDS, Bundle
from train.batches import loader, pixels
from train.batches.buffers import Buffers
from train.batches.domain import Domain
from train.config import Settings
from train.evaluation.metrics import rates
from train.evaluation.scores import COLUMNS, Score, video_scores
from train.methods import METHODS

IMAGES_AT_ONCE = 16  # a constant, so that scores do not depend on the machine


def score_images(networks: nn.Module, images: Tensor, settings: Settings) -> Tensor:
    """Scores (n,) float64, on the CPU, of crops n x 256 x 256 x 3 uint8 on the networks' device.

    Higher is live; the scale is the method's own (train/methods.py). The networks are in evaluation
    mode.
    """
    inputs = pixels.to_input(images, settings.input_size, settings.colours, settings.hsv)
    inputs = pixels.laid_out(inputs, settings.channels_last)
    return METHODS[settings.method].score(networks, inputs).double().cpu()


def score_samples(
    networks: nn.Module, domain: Domain, settings: Settings, samples: Sequence[int] | np.ndarray
) -> np.ndarray:
    """Score samples of a domain: (n,) float64, higher is live; networks in evaluation mode.

    The scale is the method's own (train/methods.py). samples: their numbers, 0 to len(domain) - 1.
    Raises BundleError where a file of the bundle changed.
    """
    device = next(networks.parameters()).device
    memory, on_gpu = Buffers(), device.type == "cuda"
    shape, dtype = FIELDS["image"].shape, np.dtype(FIELDS["image"].dtype)

    def read(first: int) -> Tensor:
        those = samples[first : first + IMAGES_AT_ONCE]
        images = memory.take((len(those), *shape), dtype, on_gpu)
        domain.fill(those, {"image": images.numpy()})
        return images

    parts = [np.empty(0)]
    firsts = range(0, len(samples), IMAGES_AT_ONCE)
    with torch.inference_mode(), loader.ahead(read, firsts, settings.prefetch) as pictures:
        for images in pictures:
            images = images.to(device, non_blocking=True)
            parts.append(score_images(networks, images, settings).numpy())
    return np.concatenate(parts)


def as_scores(domain: Domain, samples: np.ndarray, scores: np.ndarray) -> list[Score]:
    """Rows of samples (n,), by their numbers, with their scores (n,), in the same order."""
    texts = {name: domain.column(name) for name in ("attack", "instrument", "subject")}
    return [
        Score(
            str(domain.paths[domain.number[i]]),
            int(domain.frame[i]),
            int(domain.live[i]),
            float(score),
            **{name: str(column[i]) for name, column in texts.items()},
            dataset=domain.name,
        )
        for i, score in zip(samples, scores, strict=True)
    ]


def failures(
    bundle: Bundle,
    dataset: str,
    splits: Sequence[str],
    subjects: Container[str] | None = None,
) -> list[Score]:
    """Rows of what gave no sample in some splits of a dataset: a frame, or as -1 the whole video.

    subjects: of these alone; None: of all.
    """
    return [
        Score(score=None, **{name: failure[name] for name in COLUMNS if name != "score"})
        for failure in bundle.failures
        if failure["dataset"] == dataset
        and failure["split"] in splits
        and (subjects is None or failure["subject"] in subjects)
    ]


def in_order(rows: Sequence[Score]) -> list[Score]:
    """Rows as a scores file has them: by dataset, video and frame."""
    return sorted(rows, key=lambda row: (row.dataset, row.video, row.frame))


def summary_of(
    networks: nn.Module, domain: Domain, settings: Settings, samples: np.ndarray
) -> dict[str, float]:
    """Error rates by video of samples that there are, failures to acquire left out.

    Returns eer, hter_at_eer_threshold and auc, as metrics.rates does. Raises UserError where live
    or spoof has no sample, BundleError where a file of the bundle changed.
    """
    scores = score_samples(networks, domain, settings, samples)
    return rates(video_scores(as_scores(domain, samples, scores)))
