"""Which state of a training is kept: the last, the best on subjects held out, or on the target."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from torch import nn

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from train.batches.domain import Domain
from train.batches.streams import generator
from train.config import Settings
from train.evaluation.score import summary_of
from train.running.opened import as_user_errors

NAMES = {
    "last": "last",
    "sources": "best on the sources' held-out subjects",
    "target": "best on the target",
}
"""What each choice is called in every result."""


class Verdict(NamedTuple):
    """How good a state is, by video: a lower HTER at the EER threshold, of equals a higher AUC."""

    hter: float
    auc: float

    def beats(self, other: "Verdict | None") -> bool:
        """Whether it is better than another; of equals the earlier stays."""
        return other is None or (self.hter, -self.auc) < (other.hter, -other.auc)


def choose_held_out(domain: Domain, share: float, seed: int) -> frozenset[str]:
    """Subjects that a source keeps from training: a share of them, chosen by seed and name.

    share: from 0 to 1, rounded to whole subjects, at least one and never all. Raises UserError
    where there are fewer than two, or where those kept or those left lack live or spoof.
    """
    subjects = domain.column("subject")
    names = np.unique(subjects)
    if len(names) < 2:
        raise UserError(
            f"dataset '{domain.name}' has {len(names)} subject: selection 'sources' holds some out,"
            " and needs two or more"
        )
    count = min(max(1, round(share * len(names))), len(names) - 1)
    order = sorted(names, key=lambda name: generator(seed, "held out", domain.name, name).random())
    chosen = frozenset(str(name) for name in order[:count])
    apart = np.isin(subjects, list(chosen))
    for part, word in ((apart, "held out"), (~apart, "left")):
        if len(np.unique(domain.live[part])) < 2:
            raise UserError(
                f"dataset '{domain.name}': the subjects {word} for selection 'sources' lack live"
                " or spoof; change held_out or seed"
            )
    return chosen


class Part(NamedTuple):
    """Samples of a domain on which states are compared: (n,), their numbers, rising."""

    domain: Domain
    samples: np.ndarray


def _whole(domain: Domain) -> Part:
    return Part(domain, np.arange(len(domain)))


def has_dev(bundle: Bundle, source: str) -> bool:
    """Whether a dataset has samples in its dev split, on which nobody trains.

    Raises BundleError for a dataset that is not in the bundle.
    """
    return any(len(shard) for shard in bundle.shards(source, ("dev",)))


def held_out_parts(
    bundle: Bundle, domains: Sequence[Domain], held_out: Mapping[str, frozenset[str]]
) -> list[Part]:
    """What of the sources is not trained on: of each its dev split, or else the subjects that are
    held out, if there are any.

    held_out: by dataset, with an entry for each domain. Raises BundleError where a dev split cannot
    be read.
    """
    parts = []
    for domain in domains:
        subjects = held_out[domain.name]
        if has_dev(bundle, domain.name):
            parts.append(_whole(Domain(bundle, domain.name, ("dev",))))
        elif subjects:
            kept = np.isin(domain.column("subject"), list(subjects))
            parts.append(Part(domain, np.flatnonzero(kept)))
    return parts


class Selection:
    """What states of one training are compared on. held_out: by source, the subjects that it must
    not train on, because they are compared on.

    Raises UserError where what states are compared on lacks live or spoof, and as choose_held_out.
    """

    def __init__(self, bundle: Bundle, domains: Sequence[Domain], settings: Settings) -> None:
        self.settings = settings
        self.parts: list[Part] = []
        self.held_out: dict[str, frozenset[str]] = {domain.name: frozenset() for domain in domains}
        if settings.selection == "target":
            self.parts.append(_whole(Domain(bundle, settings.target)))
        elif settings.selection == "sources":
            for domain in domains:
                if not has_dev(bundle, domain.name):
                    subjects = choose_held_out(domain, settings.held_out, settings.seed)
                    self.held_out[domain.name] = subjects
            self.parts += held_out_parts(bundle, domains, self.held_out)
        for part in self.parts:
            if len(np.unique(part.domain.live[part.samples])) < 2:
                raise UserError(
                    f"dataset '{part.domain.name}' lacks live or spoof in"
                    f" {' or '.join(part.domain.splits)}, and selection '{settings.selection}'"
                    " compares states on it; set selection to last"
                )

    def due(self, done: int, steps: int, per_epoch: int) -> bool:
        """Whether the state after `done` of `steps` is compared: every so often, and the last.

        per_epoch: steps of one epoch.
        """
        every = self.settings.evaluate_every or per_epoch
        return bool(self.parts) and (done % every == 0 or done == steps)

    def judge(self, networks: nn.Module) -> Verdict:
        """How good networks are as they are, a mean over the datasets. Left in training mode.

        Raises UserError where the bundle can no longer be read.
        """
        networks.eval()
        with as_user_errors():
            summaries = [
                summary_of(networks, part.domain, self.settings, part.samples)
                for part in self.parts
            ]
        networks.train()
        return Verdict(
            *(
                math.fsum(summary[name] for summary in summaries) / len(summaries)
                for name in ("hter_at_eer_threshold", "auc")
            )
        )
