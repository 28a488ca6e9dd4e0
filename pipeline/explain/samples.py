"""Which samples of a bundle are shown and which are measured: by a hash of their identity.

Nothing else decides it, so all runs are asked about the same samples, and a sample's place in a
draw does not change with what else is in the bundle.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.bundle import SPLITS, Bundle
from pipeline.errors import UserError
from pipeline.inspect.read import printable
from train.batches.domain import Domain

SHOWN = 8
"""How many samples are shown where no number is given."""
_NAMED = re.compile(r"([\w.-]+):(.+):([0-9]{1,9})", re.DOTALL)


class Identity(NamedTuple):
    """Which sample of a bundle: dataset, path of the video below its root, frame number."""

    dataset: str
    video: str
    frame: int

    def __str__(self) -> str:
        return f"{self.dataset}:{self.video}:{self.frame}"


class Sample(NamedTuple):
    """A sample of an open bundle: number `at` of a domain."""

    domain: Domain
    at: int


class Candidate(NamedTuple):
    """A sample with what it should differ in from the others that are shown beside it."""

    identity: Identity
    subject: str
    instrument: str


def rank(identity: Identity, seed: int) -> bytes:
    """The place of a sample in a draw: sha256 of seed and identity, 32 bytes."""
    text = f"{seed}\0{identity.dataset}\0{identity.video}\0{identity.frame}"
    return hashlib.sha256(text.encode()).digest()


def draw(identities: Sequence[Identity], count: int, seed: int) -> list[int]:
    """Places of the `count` samples (fewer where there are fewer) of lowest rank, in its order."""
    ranked = sorted(range(len(identities)), key=lambda i: rank(identities[i], seed))
    return ranked[:count]


def choose(
    candidates: Sequence[Candidate], count: int, seed: int, shown: Sequence[Candidate] = ()
) -> list[int]:
    """Places of up to `count` samples that differ: one after another, the sample whose instrument,
    then subject, then both together, then video was taken least often, of equals that of the lowest
    rank.

    shown: samples that are there already and count as taken; they are not taken again.
    """
    seen = {candidate.identity for candidate in shown}
    left = [i for i, candidate in enumerate(candidates) if candidate.identity not in seen]
    ranks = {i: rank(candidates[i].identity, seed) for i in left}
    instruments = Counter(candidate.instrument for candidate in shown)
    subjects = Counter(candidate.subject for candidate in shown)
    both = Counter((candidate.instrument, candidate.subject) for candidate in shown)
    videos = Counter(candidate.identity.video for candidate in shown)

    def order(i: int) -> tuple[int, int, int, int, bytes]:
        candidate = candidates[i]
        pair = both[candidate.instrument, candidate.subject]
        taken = instruments[candidate.instrument], subjects[candidate.subject], pair
        return (*taken, videos[candidate.identity.video], ranks[i])

    chosen: list[int] = []
    while left and len(chosen) < count:
        best = min(left, key=order)
        left.remove(best)
        chosen.append(best)
        candidate = candidates[best]
        instruments[candidate.instrument] += 1
        subjects[candidate.subject] += 1
        both[candidate.instrument, candidate.subject] += 1
        videos[candidate.identity.video] += 1
    return chosen


def named(text: str) -> Identity:
    """The sample that DATASET:VIDEO:FRAME names; the path may hold colons. UserError for others."""
    match = _NAMED.fullmatch(text)
    if match is None:
        raise UserError(
            f"--sample {printable(text)}: write DATASET:VIDEO:FRAME, like"
            " msu:scene01/real/client001.mov:15"
        )
    return Identity(match[1], match[2], int(match[3]))


def halves(count: int) -> tuple[int, int]:
    """How many of so many samples are live and how many spoof; the odd one is live."""
    return count - count // 2, count // 2


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
    alone, or where none is named SHOWN.

    Raises UserError for a name that means no sample, or two names that mean one.
    """
    given = [find(bundle, text) for text in texts]
    known = [identity(*sample) for sample in given]
    if twice := [name for number, name in enumerate(known) if name in known[:number]]:
        raise UserError(f"--sample {printable(str(twice[0]))}: named twice")
    if count is None:
        count = 0 if given else SHOWN
    subject, instrument = target.column("subject"), target.column("instrument")
    found: list[Sample] = []
    for live, share in zip((True, False), halves(count), strict=True):
        own = [sample for sample in given if bool(sample.domain.live[sample.at]) == live]
        places = np.flatnonzero(target.live == live).tolist()
        candidates = [
            Candidate(identity(target, at), str(subject[at]), str(instrument[at])) for at in places
        ]
        chosen = choose(
            candidates, max(0, share - len(own)), seed, [_candidate(sample) for sample in own]
        )
        found += own + [Sample(target, places[number]) for number in chosen]
    return found


def _candidate(sample: Sample) -> Candidate:
    texts = (str(sample.domain.column(name)[sample.at]) for name in ("subject", "instrument"))
    return Candidate(identity(*sample), *texts)


def measured(domains: Iterable[Domain], points: int, seed: int) -> list[Sample]:
    """Up to `points` samples of each class of each domain, by the hash of their identity."""
    found: list[Sample] = []
    for domain in domains:
        for live in (True, False):
            places = np.flatnonzero(domain.live == live).tolist()
            drawn = draw([identity(domain, at) for at in places], points, seed)
            found += [Sample(domain, places[number]) for number in drawn]
    return found
