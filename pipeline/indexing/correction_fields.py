"""One correction: its fields checked, its value in one way of writing, its record as JSON."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pipeline.datasets.base import Video
from pipeline.datasets.table import CLASS_NAMES, SPLIT_NAMES
from pipeline.files.records import LONGEST_LABEL, is_plain, shown

RELABELLED = ("live", "attack", "instrument", "subject", "session", "device", "split")
"""What a relabel may change."""
_KEYS = {"action", "frames", "value", "reason", "before"}
_NAMES = {"live": {name: str(live) for name, live in CLASS_NAMES.items()}, "split": SPLIT_NAMES}
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
_NUMBER = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,6})?")


@dataclass(frozen=True)
class Correction:
    """One correction of one video.

    line: of overrides.csv, 0 where it was read back from an index. action: exclude, rotate, face or
    relabel. frames: inclusive ranges of frame numbers, ascending; empty: all frames. value: "" for
    exclude; degrees clockwise, "90", "180" or "270"; a box "x0 y0 x1 y1" in pixels of the upright
    frame; "name=value ..." for relabel. reason: in words. before: of a relabel, (name, value) of
    what it changed.
    """

    line: int
    action: str
    frames: tuple[tuple[int, int], ...]
    value: str
    reason: str
    before: tuple[tuple[str, str], ...] = ()

    def covers(self, frame: int) -> bool:
        """Whether it is about the frame of this number."""
        return not self.frames or any(first <= frame <= last for first, last in self.frames)

    def frames_text(self) -> str:
        """The frames as they are written: "12 20-25"; "" for all."""
        return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in self.frames)

    def before_text(self) -> str:
        """What a relabel changed, as it is written: "live=1 attack=print"."""
        return " ".join(f"{name}={value}" for name, value in self.before)


class CorrectionError(ValueError):
    """What is wrong with a correction: begins with the field, ends with what to do."""


def parse(action: str, frames: str, value: str, reason: str) -> Correction:
    """A correction (of line 0) from the fields of a row, its value in the one way of writing it.
    Raises CorrectionError, with the field, for what is wrong.
    """
    if action not in _VALUES:
        raise CorrectionError(f"action is {shown(action)}, not one of {', '.join(_VALUES)}")
    ranges = _ranges(frames)
    if action == "relabel" and ranges:
        raise CorrectionError(
            f"frames is {shown(frames)}, but a video has one label; leave it empty for a relabel"
        )
    if not reason:
        raise CorrectionError("reason is empty; say why, for whoever reads the report")
    return Correction(0, action, ranges, _VALUES[action](value), reason)


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    ranges: list[tuple[int, int]] = []
    for word in text.split():
        match = _RANGE.fullmatch(word)
        if match is None:
            raise CorrectionError(
                f"frames is {shown(text)}: {shown(word)} is no frame number and no range;"
                " write them as 12 20-25"
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or (ranges and first <= ranges[-1][1]):
            raise CorrectionError(
                f"frames is {shown(text)}: {shown(word)} goes back; let the numbers rise, each once"
            )
        ranges.append((first, last))
    return tuple(ranges)


def _exclude_value(value: str) -> str:
    if value:
        raise CorrectionError(f"value is {shown(value)}; leave it empty for exclude")
    return ""


def _rotate_value(value: str) -> str:
    if value not in ("90", "180", "270"):
        raise CorrectionError(f"value is {shown(value)}, not 90, 180 or 270, the degrees clockwise")
    return value


def _face_value(value: str) -> str:
    words = value.split()
    if len(words) != 4 or not all(_NUMBER.fullmatch(word) for word in words):
        raise CorrectionError(f"value is {shown(value)}, not the four numbers x0 y0 x1 y1 of a box")
    x0, y0, x1, y1 = map(float, words)
    if x0 >= x1 or y0 >= y1:
        raise CorrectionError(f"value is {shown(value)}: a box needs x0 < x1 and y0 < y1")
    if x1 <= 0 or y1 <= 0:
        raise CorrectionError(f"value is {shown(value)}: this box lies outside the frame")
    return " ".join(words)


def _relabel_value(value: str) -> str:
    changes: dict[str, str] = {}
    for word in value.split():
        name, sign, new = word.partition("=")
        if not sign or name not in RELABELLED:
            raise CorrectionError(
                f"value is {shown(value)}: {shown(word)} is not name=value with a name of"
                f" {', '.join(RELABELLED)}"
            )
        if name in changes:
            raise CorrectionError(f"value is {shown(value)}: {name} stands twice")
        if name in _NAMES:
            known = _NAMES[name]
            if new.lower() not in known:
                raise CorrectionError(
                    f"value is {shown(value)}: {name} is one of {', '.join(known)}"
                )
            new = known[new.lower()]
        if name == "subject" and not new:
            raise CorrectionError(f"value is {shown(value)}: a video has a subject; give its name")
        if len(new) > LONGEST_LABEL:
            raise CorrectionError(
                f"value is {shown(value)}: {name} has more than {LONGEST_LABEL} letters"
            )
        changes[name] = new
    if not changes:
        raise CorrectionError("value is empty; say what to change, as live=0 attack=print")
    return " ".join(f"{name}={new}" for name, new in changes.items())


_VALUES: dict[str, Callable[[str], str]] = {
    "exclude": _exclude_value,
    "rotate": _rotate_value,
    "face": _face_value,
    "relabel": _relabel_value,
}
"""For each action, what checks its value and writes it in the one way."""


def refuse_overlap(others: list[Correction], new: Correction) -> None:
    """Raise CorrectionError where a frame would be corrected twice by one action. others: the
    corrections of the video so far.
    """
    for other in others:
        if other.action == new.action and _overlap(other.frames, new.frames):
            place = f"line {other.line}" if other.line else "another correction"
            raise CorrectionError(
                f"action is {new.action}, but {place} has the same for this video or some of these"
                " frames; leave one"
            )


def _overlap(first: tuple[tuple[int, int], ...], second: tuple[tuple[int, int], ...]) -> bool:
    if not first or not second:
        return True
    return any(a <= d and c <= b for a, b in first for c, d in second)


def relabel(row: Video, correction: Correction) -> Video:
    """The row with the values of a relabel. CorrectionError where its label would contradict
    itself.
    """
    changes: dict[str, Any] = dict(word.split("=", 1) for word in correction.value.split())
    live = int(changes.get("live", row.live))
    if live:
        for name in ("attack", "instrument"):
            if name in changes:
                raise CorrectionError(
                    f"value is {shown(correction.value)}, but the video is live then and has no"
                    f" {name}; take it out, or set live=0"
                )
        changes |= {"attack": "", "instrument": ""}
    elif not changes.get("attack", row.attack):
        raise CorrectionError(
            f"value is {shown(correction.value)}, but a spoof needs an attack; add"
            " attack=print or what it is"
        )
    return replace(row, **(changes | {"live": live}))


def to_json(correction: Correction) -> dict[str, Any]:
    """A correction as plain values for JSON; from_json gives it back.

    The line is left out: it changes when an unrelated row is added above, and the index with it.
    """
    item: dict[str, Any] = {
        "action": correction.action,
        "frames": correction.frames_text(),
        "value": correction.value,
        "reason": correction.reason,
    }
    return item | ({"before": dict(correction.before)} if correction.action == "relabel" else {})


def from_json(item: Any) -> Correction:
    """What to_json made, checked as if it were new; CorrectionError if it is something else."""
    if not isinstance(item, dict):
        raise CorrectionError(f"holds {shown(str(item))}, which is no correction")
    before = item.get("before", {})
    wanted = _KEYS if item.get("action") == "relabel" else _KEYS - {"before"}
    if set(item) != wanted or not isinstance(before, dict):
        raise CorrectionError(
            f"holds a correction that has not the keys {', '.join(sorted(wanted))}"
        )
    texts = [item[name] for name in ("action", "frames", "value", "reason")]
    if not all(isinstance(text, str) and is_plain(text) for text in (*texts, *before.values())):
        raise CorrectionError("holds a correction with a value that is no text")
    if not set(before) <= set(RELABELLED):
        raise CorrectionError(f"holds a relabel of something else than {', '.join(RELABELLED)}")
    ordered = tuple((name, before[name]) for name in RELABELLED if name in before)
    return replace(parse(*texts), before=ordered)
