"""What a child is told of one video."""

from pathlib import Path
from typing import NamedTuple, Self

from pipeline.config import CropSettings, DatasetSettings
from pipeline.cropping.crop_job import Job
from pipeline.datasets.base import Video


class Task(NamedTuple):
    """One video and its part of a Job, whose functions cannot be sent to another process.

    root, shipped: absolute, since the child may have begun in another folder.
    """

    row: Video
    root: Path
    settings: CropSettings
    dataset: DatasetSettings
    keep_loose: bool
    shipped: Path | None

    @classmethod
    def of(cls, row: Video, job: Job) -> Self:
        """The task for one row of a job."""
        shipped = job.shipped_file(row.path)
        shipped = shipped.absolute() if shipped else None
        return cls(row, job.root.absolute(), job.settings, job.dataset, job.keep_loose, shipped)

    def job(self) -> Job:
        """The job of this one video."""
        return Job(self.root, self.settings, self.dataset, self.keep_loose, lambda _: self.shipped)
