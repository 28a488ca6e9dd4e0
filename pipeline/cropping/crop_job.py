"""What is to be done with the videos of a dataset, beside the videos themselves."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

from pipeline.config import CropSettings, DatasetSettings


@dataclass(frozen=True)
class Job:
    """How the videos of a dataset are cropped.

    root: the folder that the rows' paths are relative to. settings, dataset: the sections `crop`
    and `datasets.NAME` of the configuration. keep_loose: whether the looser picture is kept.
    shipped_file: from a video's path to the dataset's own file of its face positions, None without.
    """

    root: Path
    settings: CropSettings
    dataset: DatasetSettings
    keep_loose: bool = False
    shipped_file: Callable[[str], Path | None] = lambda path: None

    def for_one(self, path: str) -> Self:
        """The same for the video at `path` alone: it can be sent to another process.

        Its paths are absolute, since that process may have begun in another folder.
        """
        shipped = self.shipped_file(path)
        given = partial(_given, shipped.absolute() if shipped else None)
        return replace(self, root=self.root.absolute(), shipped_file=given)


def _given(shipped: Path | None, path: str) -> Path | None:
    return shipped
