"""Corrections by hand: overrides.csv is checked against the index and becomes a column of it.

What a person found wrong in a dataset stays a part of the record: the column `corrections` goes
into the key of the partition, and from there into the report and the bundle.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.files.records import read_records, same_person, shown, spelling
from pipeline.indexing.correction_fields import (
    RELABELLED,
    Correction,
    CorrectionError,
    from_json,
    parse,
    refuse_overlap,
    relabel,
    to_json,
)

COLUMNS = ("video", "frames", "action", "value", "reason")
_LONGEST = 100_000
"""Letters of the column `corrections`; a field of a CSV can have 131,072."""


def read_overrides(path: Path, rows: Sequence[Video]) -> list[tuple[str, Correction]]:
    """The corrections of a file, checked against the index: (path of the video, correction).

    rows: the index, before any correction. The order is the file's. Raises UserError with file,
    line and field for whatever is wrong, also for two rows that contradict each other and for a
    relabel after which a subject is in two splits.
    """
    find = _finder(rows)
    by_path = {row.path: row for row in rows}
    found: list[tuple[str, Correction]] = []
    of_video: dict[str, list[Correction]] = {}
    for line, fields in read_records(path, "datasets.NAME.overrides", COLUMNS):
        try:
            video = find(fields["video"])
            correction = replace(
                parse(fields["action"], fields["frames"], fields["value"], fields["reason"]),
                line=line,
            )
            others = of_video.setdefault(video, [])
            refuse_overlap(others, correction)
            if correction.action == "relabel":
                relabel(by_path[video], correction)
        except CorrectionError as wrong:
            raise UserError(f"{path}: line {line}: {wrong}") from None
        others.append(correction)
        found.append((video, correction))
    _refuse_split_subjects(path, apply(rows, found), found)
    return found


def apply(rows: Sequence[Video], corrections: Iterable[tuple[str, Correction]]) -> list[Video]:
    """The rows with their relabels done and their column `corrections` filled, order kept.

    Raises UserError for a correction of a video that is not in rows, or that its row contradicts.
    """
    of_video: dict[str, list[Correction]] = {row.path: [] for row in rows}
    for video, correction in corrections:
        if video not in of_video:
            raise UserError(f"the video {shown(video)} of a correction is not in the index")
        of_video[video].append(correction)
    return [_applied(row, of_video[row.path]) for row in rows]


def of_row(row: Video) -> list[Correction]:
    """The corrections of an index row, in the order of their file; UserError for a bad column."""
    if not row.corrections:
        return []
    where = f"the index of {row.dataset}: {row.path}: the column corrections"
    try:
        items = json.loads(row.corrections)
        if not isinstance(items, list) or not items:
            raise CorrectionError("is no list of corrections")
        found: list[Correction] = []
        for item in items:
            correction = from_json(item)
            refuse_overlap(found, correction)
            found.append(correction)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: {error}; run ocim index again") from None
    return found


def excluded(corrections: Sequence[Correction], frame: int | None) -> Correction | None:
    """The correction that leaves out this frame, or (frame None) the whole video; else None."""
    for correction in corrections:
        if correction.action != "exclude":
            continue
        if not correction.frames if frame is None else correction.covers(frame):
            return correction
    return None


def turn(corrections: Sequence[Correction], frame: int) -> int:
    """Degrees anticlockwise, 0, 90, 180 or 270, by which the shown frame is to be turned.

    They come on top of what the file, or the name of the video, says.
    """
    for correction in corrections:
        if correction.action == "rotate" and correction.covers(frame):
            return 360 - int(correction.value)  # which is written clockwise, 90 to 270
    return 0


def face_box(
    corrections: Sequence[Correction], frame: int
) -> tuple[float, float, float, float] | None:
    """The face box given by hand, x0 y0 x1 y1 in pixels of the upright frame; None if none is."""
    for correction in corrections:
        if correction.action == "face" and correction.covers(frame):
            x0, y0, x1, y1 = map(float, correction.value.split())
            return x0, y0, x1, y1
    return None


def summary(rows: Sequence[Video]) -> list[dict[str, str]]:
    """One entry a correction, in the order of the index, for the report and the bundle.

    Its keys are video, action, frames, value, reason and before, all text.
    """
    return [
        {
            "video": row.path,
            "action": correction.action,
            "frames": correction.frames_text(),
            "value": correction.value,
            "reason": correction.reason,
            "before": correction.before_text(),
        }
        for row in rows
        for correction in of_row(row)
    ]


def _finder(rows: Sequence[Video]) -> Callable[[str], str]:
    """A function from the video as it is written to its path in the index."""
    exact = {row.path for row in rows}
    by_spelling: dict[str, list[str]] = {}
    for row in rows:
        by_spelling.setdefault(spelling(row.path), []).append(row.path)

    def find(video: str) -> str:
        alike = by_spelling.get(spelling(video), [])
        if video in exact:
            return video
        if len(alike) > 1:
            raise CorrectionError(
                f"video {shown(video)} may be {' or '.join(map(shown, alike))}; write it as the"
                " index does"
            )
        if not alike:
            raise CorrectionError(
                f"video {shown(video)} is not in the index; write the column path of ocim index"
            )
        return alike[0]

    return find


def _applied(row: Video, corrections: list[Correction]) -> Video:
    if not corrections:
        return row
    new, recorded = row, []
    for correction in corrections:
        if correction.action == "relabel":
            try:
                new = relabel(row, correction)
            except CorrectionError as wrong:
                raise UserError(f"{row.path}: line {correction.line}: {wrong}") from None
            before = [(n, str(getattr(row, n))) for n in RELABELLED]
            changed = tuple((n, old) for n, old in before if old != str(getattr(new, n)))
            correction = replace(correction, before=changed)
        recorded.append(to_json(correction))
    text = json.dumps(recorded, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if len(text) > _LONGEST:
        raise UserError(
            f"{row.path}: line {corrections[-1].line} of the overrides: the corrections of this"
            f" video take more than {_LONGEST} letters; write frames as ranges: 20-25"
        )
    return replace(new, corrections=text)


def _refuse_split_subjects(
    path: Path, rows: Sequence[Video], corrections: Sequence[tuple[str, Correction]]
) -> None:
    """UserError where a relabel leaves a subject in two splits; excluded videos do not count."""
    out = {video for video, c in corrections if c.action == "exclude" and not c.frames}
    by_path = {row.path: row for row in rows}
    splits: dict[str, set[str]] = {}
    for row in rows:
        if row.path not in out:
            splits.setdefault(same_person(row.subject), set()).add(row.split)
    for video, correction in corrections:
        subject = by_path[video].subject
        found = splits.get(same_person(subject), set())
        if correction.action == "relabel" and len(found) > 1:
            raise UserError(
                f"{path}: line {correction.line}: value is {shown(correction.value)}, and then the"
                f" subject {shown(subject)} is in {' and '.join(sorted(found))}; move"
                " all its videos, or give another subject"
            )
