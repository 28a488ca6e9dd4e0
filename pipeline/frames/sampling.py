"""Which frames of a video become samples, and what stands in for one without a face.

Frames are known by their number: how many decoded before them. A header's count is never read.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar

from pipeline.config import DatasetSettings
from pipeline.frames.video import VideoError

SSDG_FIRST = 6
"""Position of SSDG's first frame among those with a face."""

Wanted = Callable[[int], bool]
"""A test of frame numbers."""


class Numbered(Protocol):
    """A frame, as far as this module looks into it."""

    @property
    def number(self) -> int:
        """How many frames decoded before it."""


F = TypeVar("F", bound=Numbered)
S = TypeVar("S")


class Sampled(NamedTuple, Generic[S]):
    """What became of one wanted frame.

    wanted: its number. number: of the frame that is taken for it, mostly itself. seen: what was
    found there; None when nothing is taken, and then `reason` says why.
    """

    wanted: int
    number: int
    seen: S | None
    reason: str = ""


def uniform_positions(count: int, frames: int) -> list[int]:
    """The positions that `uniform` takes: the middles of `frames` equal parts of `count`, whole
    numbers from 0 to below it. They may repeat; none where count is 0.
    """
    return [(2 * j + 1) * count // (2 * frames) for j in range(frames)] if count else []


def ssdg_positions(count: int, frames: int) -> list[int]:
    """SSDG's positions among the `count` frames that have a face: 6 + j floor(count / frames).

    As in its released code; those from `count` on do not exist. All exist when
    floor(count / frames) + count mod frames is at least 7.
    """
    return [SSDG_FIRST + j * (count // frames) for j in range(frames)]


def regular(settings: DatasetSettings) -> Wanted | None:
    """The test of frame numbers of the samplings `every` and `all`; None for `uniform` and `ssdg`,
    which must count the frames first.
    """
    if settings.sampling == "all":
        return lambda number: True
    if settings.sampling == "every":
        return lambda number: number % settings.every == 0
    return None


def counted(
    settings: DatasetSettings, numbers: Callable[[bool], list[int] | None]
) -> tuple[list[int], list[str]]:
    """The frame numbers that `uniform` or `ssdg` wants, and what they want in vain.

    numbers: called with whether only frames with a face count; gives their numbers in order, or
    None where not a single frame could be looked at, so that nothing is wanted either. Returns the
    numbers, and a reason for each frame that is wanted in vain.
    """
    faces_only, frames = settings.sampling == "ssdg", settings.frames
    known = numbers(faces_only)
    if known is None:
        return [], []
    positions = (ssdg_positions if faces_only else uniform_positions)(len(known), frames)
    taken: list[int] = []
    vain: list[str] = []
    for position in positions:
        if position >= len(known):
            vain.append(
                f"ssdg wants the frame at position {position}, from 0, of those with a face; the"
                f" video has {len(known)}"
            )
        elif known[position] in taken:
            vain.append(
                f"frame {known[position]} is wanted twice: {frames} frames are asked for, the"
                f" video has {len(known)}"
            )
        else:
            taken.append(known[position])
    return taken, vain


def sample(
    frames: Iterable[F],
    wanted: Wanted,
    usable: Wanted,
    reach: int,
    look: Callable[[F], S | None],
) -> Iterator[Sampled[S]]:
    """Take every wanted frame, or the nearest one with a face; once through, in order.

    frames: all that decode, in order. wanted, usable: tests of frame numbers; what is not usable
    is taken neither for itself nor for another. reach: how far the nearest may be, in frames.
    look: finds the faces of a frame; None where there is none. It is called once a frame at most.

    Where a wanted frame has no face, the nearest usable frame that has one is taken, of two the
    earlier. Two wanted frames never give one sample: where the nearest is wanted itself, or taken
    for an earlier one, there is none. At most 2 reach + 1 frames are held. A VideoError of `frames`
    passes on after all that came before it.
    """
    search = _Search[F, S](reach, usable, look)
    broken: VideoError | None = None
    last = -1
    stream = iter(frames)
    while True:
        try:
            frame = next(stream, None)
        except VideoError as error:
            broken, frame = error, None
        if frame is None:
            break
        last = frame.number
        search.window.append(frame)
        if wanted(last) and usable(last):
            seen = search.seen(frame)
            if seen is not None:
                search.owner[last] = last
                yield Sampled(last, last, seen)
            else:
                search.pending.append(last)
        yield from search.resolve(last, ended=False)
    yield from search.resolve(last, ended=True)
    if broken is not None:
        raise broken


class _Search(Generic[F, S]):
    """The frames that are held, and the wanted ones that still look for a face."""

    def __init__(self, reach: int, usable: Wanted, look: Callable[[F], S | None]) -> None:
        self.reach = reach
        self.usable = usable
        self.look = look
        self.window: deque[F] = deque()
        self.pending: list[int] = []
        self.tried: dict[int, int] = {}  # wanted frame: distances looked at
        self.faceless: set[int] = set()
        self.owner: dict[int, int] = {}  # frame: the wanted one that it is taken for

    def seen(self, frame: F) -> S | None:
        """What `look` finds; a frame without a face is remembered."""
        found = self.look(frame)
        if found is None:
            self.faceless.add(frame.number)
        return found

    def resolve(self, last: int, ended: bool) -> Iterator[Sampled[S]]:
        """Look further for the pending frames, as far as frames have come; forget what is past."""
        for number in list(self.pending):
            result = self._nearest(number, last, ended)
            if result is not None:
                self.pending.remove(number)
                yield result
        oldest = min([last + 1, *self.pending]) - self.reach
        while self.window and self.window[0].number < oldest:
            gone = self.window.popleft().number
            self.faceless.discard(gone)
            self.owner.pop(gone, None)

    def _nearest(self, number: int, last: int, ended: bool) -> Sampled[S] | None:
        for distance in range(self.tried.pop(number, 0) + 1, self.reach + 1):
            if number + distance > last and not ended:
                self.tried[number] = distance - 1
                return None
            for candidate in (number - distance, number + distance):
                if not 0 <= candidate <= last or not self.usable(candidate):
                    continue
                if candidate in self.faceless:
                    continue
                if candidate in self.owner:
                    return Sampled(number, candidate, None, self._taken(candidate))
                found = self.seen(self.window[candidate - self.window[0].number])
                if found is not None:
                    self.owner[candidate] = number
                    return Sampled(number, candidate, found)
        near = f", nor in any within {self.reach} frames" if self.reach else ""
        return Sampled(number, number, None, f"no face found{near}")

    def _taken(self, candidate: int) -> str:
        owner = self.owner[candidate]
        whose = "a sample of its own" if owner == candidate else f"taken for frame {owner}"
        return f"no face found; the nearest frame with one, {candidate}, is {whose}"
