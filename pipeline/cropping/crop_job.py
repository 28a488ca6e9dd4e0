"""What is to be done with the videos of a dataset."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import CropSettings, DatasetSettings


@dataclass(frozen=True)
class Job:
    """What is to be done with the videos of a dataset.

    root: the folder that the rows' paths are relative to. keep_loose: whether the looser picture
    is kept. shipped_file: the dataset's own file of face positions for a path, where it has one.
    """

    root: Path
    settings: CropSettings
    dataset: DatasetSettings
    keep_loose: bool = False
    shipped_file: Callable[[str], Path | None] = lambda path: None
