"""Which samples are shown, and which are measured: by a hash of their identity. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.errors import UserError
from pipeline.inspect.read import printable

_NAMED = re.compile(r"([\w.-]+):(.+):([0-9]{1,9})", re.DOTALL)


class Identity(NamedTuple):
    """Which sample of a bundle: dataset, path of the video below its root, frame number."""

    dataset: str
    video: str
    frame: int

    def __str__(self) -> str:
        return f"{self.dataset}:{self.video}:{self.frame}"


class Candidate(NamedTuple):
    """A sample with what it should differ in from the others that are shown beside it."""

    identity: Identity
    subject: str
    instrument: str


def rank(identity: Identity, seed: int) -> bytes:
    """The place of a sample in a draw: sha256 of seed and identity. Nothing else decides it, so a
    sample's place does not change with what else is in the bundle.
    """
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
    seen = {one.identity for one in shown}
    left = [i for i, one in enumerate(candidates) if one.identity not in seen]
    ranks = {i: rank(candidates[i].identity, seed) for i in left}
    instruments = Counter(one.instrument for one in shown)
    subjects = Counter(one.subject for one in shown)
    both = Counter((one.instrument, one.subject) for one in shown)
    videos = Counter(one.identity.video for one in shown)

    def order(i: int) -> tuple[int, int, int, int, bytes]:
        one = candidates[i]
        pair = both[one.instrument, one.subject]
        taken = instruments[one.instrument], subjects[one.subject], pair
        return (*taken, videos[one.identity.video], ranks[i])

    chosen: list[int] = []
    while left and len(chosen) < count:
        best = min(left, key=order)
        left.remove(best)
        chosen.append(best)
        one = candidates[best]
        instruments[one.instrument] += 1
        subjects[one.subject] += 1
        both[one.instrument, one.subject] += 1
        videos[one.identity.video] += 1
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
