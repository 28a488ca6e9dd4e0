"""What the networks of one run make of samples: of those shown, and of those measured."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from pipeline.bundle import IMAGE_SIDE, PIXELS
from pipeline.errors import UserError
from pipeline.explain import gradcam
from pipeline.explain.internals import INTERNALS, LayerName, Seen
from pipeline.explain.metrics import Tally
from pipeline.explain.runs import Run
from pipeline.explain.samples import Sample
from pipeline.explain.tsne import Points, compared
from train.batches.data import Batch, prepare
from train.evaluation.score import IMAGES_AT_ONCE


class Shown(NamedTuple):
    """What a run makes of the samples that are shown, n of them.

    score: n float64. towards: n, 1 live and -1 spoof. heat: n x 256 x 256 float32 in [0, 1],
    Grad-CAM; size: its side before it was enlarged, 0 where it was not asked for. depth:
    n x s x s; parsing: n x S x S classes; None where the run has none.
    """

    score: np.ndarray
    towards: np.ndarray
    heat: np.ndarray | None
    size: int
    depth: np.ndarray | None
    parsing: np.ndarray | None


def batches(samples: Sequence[Sample], run: Run, device: torch.device) -> Iterator[Batch]:
    """The samples at the run's input size, with their labels, at most IMAGES_AT_ONCE at once."""
    for first in range(0, len(samples), IMAGES_AT_ONCE):
        part = samples[first : first + IMAGES_AT_ONCE]
        image, depth, parsing = (_read(part, field).to(device) for field in PIXELS)
        live = [float(sample.domain.live[sample.at]) for sample in part]
        is_live = torch.tensor(live, device=device)
        yield prepare(image, depth, parsing, is_live, run.model.settings)


def _read(samples: Sequence[Sample], field: str) -> torch.Tensor:
    """A field of samples, which may be of several domains."""
    parts = []
    for _, group in itertools.groupby(samples, lambda sample: id(sample.domain)):
        of_domain = list(group)
        parts.append(of_domain[0].domain.read([sample.at for sample in of_domain], field))
    return torch.cat(parts)


def show(
    networks: nn.Module,
    run: Run,
    samples: Sequence[Sample],
    device: torch.device,
    layer: LayerName,
    towards: str,
    with_heat: bool,
) -> Shown:
    """What a run makes of the samples that are shown.

    networks: the run's, on `device`. layer: where Grad-CAM looks. towards: `live`, `spoof`, or
    `decision` for the class that the run gives each sample. with_heat: whether Grad-CAM is asked
    for. Raises UserError where the networks give numbers that are not finite.
    """
    inside = INTERNALS[run.model.settings.method]
    scores, signs, heats, depths, parsings, size = [], [], [], [], [], 0
    for batch in batches(samples, run, device):
        seen = _look(networks, run, batch)
        score = seen.score.cpu().numpy()
        sign = {"live": np.ones(len(score)), "spoof": -np.ones(len(score))}.get(
            towards, np.where(score >= run.threshold, 1.0, -1.0)
        )
        if with_heat:
            found = gradcam.maps(
                lambda images: inside.evidence(networks, images),
                inside.layers[layer](networks),
                batch.images,
                torch.from_numpy(sign).to(batch.images),
            )
            size = found.shape[-1]
            heats.append(gradcam.enlarged(gradcam.normalised(found), IMAGE_SIDE))
        scores.append(score)
        signs.append(sign)
        depths.append(None if seen.depth is None else seen.depth[:, 0].cpu().numpy())
        parsings.append(None if seen.parsing is None else seen.parsing.cpu().numpy())
    return Shown(
        np.concatenate(scores), np.concatenate(signs), _joined(heats) if with_heat else None,
        size, _joined(depths), _joined(parsings),
    )  # fmt: skip


def measure(
    networks: nn.Module, run: Run, samples: Sequence[Sample], device: torch.device
) -> tuple[Points, Tally]:
    """Embeddings of all samples; parsing and depth counted over those of the run's target.

    Raises UserError where the networks give numbers that are not finite.
    """
    settings, tally = run.model.settings, Tally()
    target = settings.target
    embeddings, scores, done = [], [], 0
    for batch in batches(samples, run, device):
        seen = _look(networks, run, batch)
        embeddings.append(seen.embedding.float().cpu().numpy())
        scores.append(seen.score.cpu().numpy())
        for place in range(len(batch.live)):
            if samples[done + place].domain.name == target:
                _count(tally, batch, seen, place)
        done += len(batch.live)
    domains = {sample.domain.name: sample.domain for sample in samples}
    subjects = {name: domain.column("subject") for name, domain in domains.items()}
    return Points(
        compared(np.concatenate(embeddings), INTERNALS[settings.method].distance(settings)),
        np.array([bool(domain.live[at]) for domain, at in samples]),
        np.array([domain.name != target for domain, _ in samples]),
        np.array([f"{domain.name} {subjects[domain.name][at]}" for domain, at in samples]),
        np.concatenate(scores),
    ), tally


def _look(networks: nn.Module, run: Run, batch: Batch) -> Seen:
    with torch.inference_mode():
        seen = INTERNALS[run.model.settings.method].look(networks, batch.images)
    if not (seen.score.isfinite().all() and seen.embedding.isfinite().all()):
        raise UserError(f"{run.path}: its networks give numbers that are not finite")
    return seen


def _count(tally: Tally, batch: Batch, seen: Seen, place: int) -> None:
    live = bool(batch.live[place] > 0.5)
    if seen.parsing is not None:
        found, label = seen.parsing[place], batch.parsing[place]
        tally.add_parsing(live, label.cpu().numpy(), found.cpu().numpy())
    if seen.depth is not None:
        found, label = seen.depth[place, 0], batch.depth[place, 0]
        tally.add_depth(live, label.cpu().numpy(), found.float().cpu().numpy())


def _joined(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None
