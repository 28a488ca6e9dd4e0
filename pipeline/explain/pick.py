"""The samples of a call: which are shown, and which are measured."""

from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.bundle import SPLITS, Bundle
from pipeline.errors import UserError
from pipeline.explain.choose import Candidate, Identity, choose, draw, halves, named
from pipeline.explain.observe import Sample
from pipeline.inspect.read import printable
from train.batches.domain import Domain

DEFAULT = 8


def identity(domain: Domain, at: int) -> Identity:
    """Which sample number `at` of a domain is."""
    return Identity(domain.name, str(domain.paths[domain.number[at]]), int(domain.frame[at]))


def find(bundle: Bundle, text: str) -> Sample:
    """The sample that DATASET:VIDEO:FRAME names, of any split; UserError where there is none."""
    wanted = named(text)
    said = f"--sample {printable(text)}"
    if wanted.dataset not in bundle.datasets:
        raise UserError(
            f"{said}: no dataset '{wanted.dataset}' in {bundle.folder}; it has {bundle.datasets}"
        )
    domain = Domain(bundle, wanted.dataset, SPLITS)
    of_video = np.flatnonzero(domain.paths[domain.number] == wanted.video)
    if not len(of_video):
        raise UserError(f"{said}: no sample of this video in {bundle.folder}")
    frames = domain.frame[of_video]
    if wanted.frame not in frames:
        there = ", ".join(str(frame) for frame in frames[:10]) + (
            " ..." if len(frames) > 10 else ""
        )
        raise UserError(f"{said}: of this video there are the frames {there}")
    return Sample(domain, int(of_video[frames == wanted.frame][0]))


def shown(
    bundle: Bundle, target: Domain, texts: Sequence[str], count: int | None, seed: int
) -> list[Sample]:
    """The samples that are shown, the live ones first: those that are named, then others of the
    target that differ from them, `count` in all, half of them live. Without `count` the named ones
    alone, or where none is named DEFAULT.

    Raises UserError for a name that means no sample, or two names that mean one.
    """
    given = [find(bundle, text) for text in texts]
    known = [identity(*one) for one in given]
    if twice := [one for number, one in enumerate(known) if one in known[:number]]:
        raise UserError(f"--sample {printable(str(twice[0]))}: named twice")
    if count is None:
        count = 0 if given else DEFAULT
    subject, instrument = target.column("subject"), target.column("instrument")
    found: list[Sample] = []
    for live, share in zip((True, False), halves(count), strict=True):
        own = [one for one in given if bool(one.domain.live[one.at]) == live]
        places = np.flatnonzero(target.live == live).tolist()
        candidates = [
            Candidate(identity(target, at), str(subject[at]), str(instrument[at])) for at in places
        ]
        chosen = choose(
            candidates, max(0, share - len(own)), seed, [_candidate(one) for one in own]
        )
        found += own + [Sample(target, places[number]) for number in chosen]
    return found


def _candidate(one: Sample) -> Candidate:
    texts = (str(one.domain.column(name)[one.at]) for name in ("subject", "instrument"))
    return Candidate(identity(*one), *texts)


def measured(domains: Iterable[Domain], points: int, seed: int) -> list[Sample]:
    """Up to `points` samples of each class of each domain, by the hash of their identity."""
    found: list[Sample] = []
    for domain in domains:
        for live in (True, False):
            places = np.flatnonzero(domain.live == live).tolist()
            drawn = draw([identity(domain, at) for at in places], points, seed)
            found += [Sample(domain, places[number]) for number in drawn]
    return found
