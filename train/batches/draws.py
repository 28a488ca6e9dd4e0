"""Which samples a step draws: of one source live and spoof alike, or of all sources together.

Everything random is a function of the seed, the datasets' names, the class and the step, never of
what was drawn before: a run that goes on at step t sees what it would have seen.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from pipeline.errors import UserError
from train.batches.domain import Domain
from train.batches.streams import generator
from train.config import Settings

NOBODY: frozenset[str] = frozenset()
"""No subject is held out."""


class Samples:
    """A list whose items are samples, the same ones each time it is gone through (a lap).

    samples: (N,) whole numbers.
    """

    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples

    def __len__(self) -> int:
        """Number of items."""
        return len(self.samples)

    def of(self, lap: int, time: int) -> np.ndarray:
        """One sample for each item (len,). time: counts from 0 how often one lap repeats them."""
        return self.samples


class Videos(Samples):
    """A list whose items are videos: each time another one of a video's samples, at random.

    samples: (N,), those of one video beside each other; number: (N,), the video of each. The draw
    of a video depends on seed, name, lap, time and its number, not on what else is in the list.
    """

    def __init__(self, samples: np.ndarray, number: np.ndarray, seed: int, name: str) -> None:
        super().__init__(samples)
        self.first = beginnings(number)
        self.count = np.diff(self.first, append=len(samples))
        self.number, self.seed, self.name = number[self.first], seed, name

    def __len__(self) -> int:
        return len(self.first)

    def of(self, lap: int, time: int) -> np.ndarray:
        """One sample for each video."""
        random = generator(self.seed, "frames", self.name, lap, time)
        share = random.random(int(self.number[-1]) + 1)[self.number]  # below 1
        return self.samples[self.first + (share * self.count).astype(np.intp)]


class Together(Samples):
    """Several lists as one: the samples of list k count on from begins[k]."""

    def __init__(self, lists: Sequence[Samples], begins: Sequence[int]) -> None:
        self.lists, self.begins = lists, begins

    def __len__(self) -> int:
        return sum(map(len, self.lists))

    def of(self, lap: int, time: int) -> np.ndarray:
        """One sample for each item, list after list."""
        each = zip(self.lists, self.begins, strict=True)
        return np.concatenate([items.of(lap, time) + np.int32(begin) for items, begin in each])


def beginnings(number: np.ndarray) -> np.ndarray:
    """Places at which a new value begins in numbers (N,) of at least 0, equal ones together."""
    return np.flatnonzero(np.diff(number, prepend=-1))


def items_of(
    domain: Domain, settings: Settings, held_out: frozenset[str], live: int | None = None
) -> Samples:
    """The list that a source draws from, as settings.frames says.

    held_out: subjects whose samples are not drawn; live: the class, None for both.
    """
    wanted = np.ones(len(domain), bool) if live is None else domain.live == live
    if held_out:
        wanted &= ~np.isin(domain.column("subject"), sorted(held_out))
    samples = np.flatnonzero(wanted).astype(np.int32)
    number = domain.number[samples]
    if settings.frames == "random" and len(samples):
        return Videos(samples, number, settings.seed, domain.name)
    # A domain is in the order of videos and frames: where a video begins is its lowest frame.
    return Samples(samples if settings.frames == "all" else samples[beginnings(number)])


class Cycle:
    """One list, shuffled anew each time through (a lap).

    A step takes `take` items for each of `ranks` processes; each has its own part of the same
    shuffled list, so together they show an item once a lap. What is left at the end of a lap and
    is too short is dropped. A list shorter than one step is repeated, each repetition shuffled.
    Raises ValueError for a rank that is not from 0 to ranks - 1.
    """

    def __init__(
        self, items: Samples, take: int, seed: int, name: str, rank: int = 0, ranks: int = 1
    ) -> None:
        if not 0 <= rank < ranks:
            raise ValueError(f"rank {rank} of {ranks}: ranks count from 0")
        self.items, self.take, self.seed, self.name = items, take, seed, name
        self.rank, self.ranks = rank, ranks
        self._known: tuple[int, np.ndarray] = (-1, np.empty(0))  # set at once: threads may share it

    @property
    def batches(self) -> int:
        """Steps in one lap, at least 1."""
        return max(1, len(self.items) // (self.take * self.ranks))

    def __call__(self, step: int) -> np.ndarray:
        """Sample numbers (take,) of one step, counted from 0."""
        lap, position = divmod(step, self.batches)
        first = (position * self.ranks + self.rank) * self.take
        return self._order(lap)[first : first + self.take]

    def _order(self, lap: int) -> np.ndarray:
        known, order = self._known
        if known != lap:
            random = generator(self.seed, "samples", self.name, lap)
            repeats = -(-self.take * self.ranks // len(self.items))
            order = np.concatenate(
                [random.permutation(self.items.of(lap, time)) for time in range(repeats)]
            )
            self._known = (lap, order)
        return order


class Draw(Protocol):
    """Which samples of one source a step sees, and how many steps a lap has."""

    @property
    def batches(self) -> int:
        """Steps in one lap, at least 1."""

    def __call__(self, step: int) -> np.ndarray:
        """Sample numbers of one step, counted from 0."""


class Balanced:
    """Half live, half spoof of one source, each class with a cycle of its own; pickled it is what
    it was made of.

    held_out: subjects that are not drawn. Raises UserError when live or spoof has no sample.
    """

    def __init__(
        self,
        domain: Domain,
        settings: Settings,
        held_out: frozenset[str] = NOBODY,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self._made_of = (domain, settings, held_out, rank, ranks)
        self.cycles: list[Cycle] = []
        for live, word in ((1, "live"), (0, "spoof")):
            items = items_of(domain, settings, held_out, live)
            if not len(items):
                raise UserError(
                    f"dataset '{domain.name}' has no {word} sample in {' or '.join(domain.splits)}"
                    f"{' but of subjects held out' if held_out else ''},"
                    " and a source needs both classes"
                )
            name = f"{domain.name}/{word}"
            take = settings.batch // 2
            self.cycles.append(Cycle(items, take, settings.seed, name, rank, ranks))

    def __reduce__(self) -> tuple[Any, ...]:
        return Balanced, self._made_of

    @property
    def batches(self) -> int:
        """Steps that the longer of the two lists needs for one lap."""
        return max(cycle.batches for cycle in self.cycles)

    def __call__(self, step: int) -> np.ndarray:
        """Sample numbers (batch,) of one step: the live ones first."""
        return np.concatenate([cycle(step) for cycle in self.cycles])


class Pooled:
    """All sources and both classes as one list, as SSAN's released code draws; pickled it is what
    it was made of.

    A step takes `batch` items of that list for each process, whatever source they are of. held_out:
    by source, the subjects that are not drawn. Raises UserError when a source has no sample left.
    """

    def __init__(
        self,
        domains: Sequence[Domain],
        settings: Settings,
        held_out: Mapping[str, frozenset[str]],
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self._made_of = (domains, settings, held_out, rank, ranks)
        self.bounds = [0, *np.cumsum([len(domain) for domain in domains]).tolist()]
        lists = [items_of(d, settings, held_out.get(d.name, NOBODY)) for d in domains]
        for domain, samples in zip(domains, lists, strict=True):
            if not len(samples):
                raise UserError(
                    f"dataset '{domain.name}' has no sample in {' or '.join(domain.splits)}"
                    " but of subjects held out: hold out fewer, or leave the source away"
                )
        items = Together(lists, self.bounds[:-1])
        name = "&".join(domain.name for domain in domains)
        self.cycle = Cycle(items, settings.batch, settings.seed, name, rank, ranks)

    def __reduce__(self) -> tuple[Any, ...]:
        return Pooled, self._made_of

    def of(self, source: int, step: int) -> np.ndarray:
        """Sample numbers of one step that are of source number `source`, in the order drawn."""
        drawn = self.cycle(step)
        begin, end = self.bounds[source : source + 2]
        return drawn[(drawn >= begin) & (drawn < end)] - np.int32(begin)


class Share(NamedTuple):
    """The part of a pooled draw that is of one source, counted from 0."""

    pooled: Pooled
    source: int

    @property
    def batches(self) -> int:
        """Steps in one lap of all sources together, at least 1."""
        return self.pooled.cycle.batches

    def __call__(self, step: int) -> np.ndarray:
        """Sample numbers of one step, 0 to batch of them."""
        return self.pooled.of(self.source, step)
