"""An index of five videos, and overrides.csv for it."""

from pathlib import Path

from pipeline.datasets.base import Video
from pipeline.indexing.corrections import Correction, apply, read_overrides

HEADER = "video,frames,action,value,reason\n"
ROWS = [
    Video("real/anna.mp4", "mine", "train", 1, "anna", "", "", "day1", "phone"),
    Video("real/ben.mp4", "mine", "test", 1, "ben"),
    Video("spoof/ben.mp4", "mine", "test", 0, "ben", "print", "laser", "day2", "tablet"),
    Video("twin/a.mp4", "mine", "train", 1, "twin"),
    Video("twin/A.mp4", "mine", "train", 1, "twin"),
]


def read(folder: Path, body: str, rows: list[Video] = ROWS) -> list[tuple[str, Correction]]:
    path = folder / "overrides.csv"
    path.write_text(HEADER + body, "utf-8", newline="")
    return read_overrides(path, rows)


def corrected(folder: Path, body: str) -> dict[str, Video]:
    return {row.path: row for row in apply(ROWS, read(folder, body))}
