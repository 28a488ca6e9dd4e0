"""A scores file: its rows, reading and writing it, and the scores of whole videos.

Higher is live. A sample without a score is a failure to acquire: a frame or, as frame -1, a whole
video that gave no face.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.errors import UserError

LevelName = Literal["frame", "video"]
LEVELS: tuple[LevelName, ...] = ("frame", "video")
"""What a sample is: each row by itself, or all rows of a video as one."""


class Score(NamedTuple):
    """One row. score None: failure to acquire; frame -1: the whole video; live 1, spoof 0.

    What follows is for rates by attack instrument and intervals by subject, and may be empty.
    """

    video: str
    frame: int
    live: int
    score: float | None
    attack: str = ""
    instrument: str = ""
    subject: str = ""
    dataset: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """Its video among those of all datasets."""
        return self.dataset, self.video


COLUMNS = Score._fields
"""The columns that are written."""
NEEDED = COLUMNS[:4]
"""The columns that a scores file must have; strange ones may stand beside them."""


def read_scores(path: Path) -> list[Score]:
    """Read a scores CSV: columns video, frame, live (1 or 0), score (empty: failure to acquire),
    and if they are there attack, instrument, subject and dataset.

    Raises UserError naming the line of the first mistake: a missing column or value, a live that
    is not 0 or 1, a score that is no finite number, a frame that is there twice, a video whose
    lines differ in what is the same for the whole video.
    """
    rows: list[Score] = []
    videos: dict[tuple[str, str], Score] = {}
    seen: set[tuple[str, str, int]] = set()
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in NEEDED if name not in (reader.fieldnames or [])]
            if missing:
                raise UserError(
                    f"{path}: line 1: no column {', '.join(missing)}; "
                    f"a scores file has {', '.join(NEEDED)}"
                )
            for values in reader:
                where = f"{path}: line {reader.line_num}"
                row = _score(values, where)
                _check_same(videos.setdefault(row.identity, row), row, where)
                if (*row.identity, row.frame) in seen:
                    raise UserError(f"{where}: frame {row.frame} of video '{row.video}' is there"
                                    " twice")  # fmt: skip
                seen.add((*row.identity, row.frame))
                rows.append(row)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV file in UTF-8: {error}") from None
    return rows


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Within the block what is wrong with scores (UserError) names their file."""
    try:
        yield
    except UserError as error:
        known = str(error).startswith(str(path))
        raise UserError(str(error) if known else f"{path}: {error}") from None


def _score(values: dict[str, str | None], where: str) -> Score:
    """Check one row."""
    video, frame, live, score = (values[name] for name in NEEDED)
    if not video:
        raise UserError(f"{where}: no video")
    if live not in ("0", "1"):
        raise UserError(f"{where}: live is '{live or ''}': 1 for live, 0 for spoof")
    try:
        number = int(frame or "")
    except ValueError:
        raise UserError(f"{where}: frame is '{frame or ''}': a whole number") from None
    if score is None:
        raise UserError(f"{where}: the line ends before its score (empty: failure to acquire)")
    texts = [values.get(name) or "" for name in COLUMNS[4:]]
    if not score.strip():
        return Score(video, number, int(live), None, *texts)
    try:
        value = float(score)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(
            f"{where}: score is '{score}': a finite number, or empty for a failure to acquire"
        )
    return Score(video, number, int(live), value, *texts)


def _check_same(first: Score, row: Score, where: str) -> None:
    """Refuse two lines of one video that differ in what belongs to the video."""
    if first.live != row.live:
        raise UserError(f"{where}: video '{row.video}' is live on one line and spoof on another")
    for name in ("attack", "instrument", "subject"):
        one, other = getattr(first, name), getattr(row, name)
        if one != other:
            raise UserError(
                f"{where}: video '{row.video}' has {name} '{one}' on one line and '{other}' on"
                " another"
            )


def scores_text(rows: Iterable[Score]) -> str:
    """The text of a scores file, CSV with COLUMNS: scores with 17 digits, which hold a float64
    without loss, and empty where there is none.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        score = "" if row.score is None else format(row.score, ".17g")
        writer.writerow(row._replace(score=score))  # type: ignore[arg-type]
    return text.getvalue()


def _mean(scores: list[float]) -> float | None:
    """The mean, the same in any order: the sum is exact, or of shares where it is too large."""
    if not scores:
        return None
    try:
        return math.fsum(scores) / len(scores)
    except OverflowError:
        return 2 * (math.fsum(score / 2 / len(scores) for score in scores))


def video_scores(rows: Iterable[Score]) -> list[Score]:
    """One row a video, sorted by dataset and name: the mean of its frames' scores, None where none
    has one.

    frame is the number of frames that the mean is over.
    """
    first: dict[tuple[str, str], Score] = {}
    scores: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        first.setdefault(row.identity, row)
        values = scores.setdefault(row.identity, [])
        if row.score is not None:
            values.append(row.score)
    return [
        first[video]._replace(
            frame=len(values),
            score=_mean(values),
        )
        for video, values in sorted(scores.items())
    ]


def by_level(rows: list[Score]) -> dict[LevelName, list[Score]]:
    """Rows as they are, and by video. A video that failed whole counts as one frame that failed."""
    return {"frame": rows, "video": video_scores(rows)}
