"""Videos of one real face or two on grey, and the crop stage on one of them."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pytest
from odd_encode import scene

from pipeline.config import CropSettings, DatasetSettings
from pipeline.crop import Job, crop
from pipeline.datasets.base import Video
from pipeline.files import layers
from pipeline.files.hdf5 import read_strings
from pipeline.files.keys import sha256_file
from pipeline.indexing.corrections import apply, read_overrides
from pipeline.partition import stored_key
from pipeline.places import LocalOut


class Stage:
    """Crops one video and keeps what came of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.row = Video("a.mp4", "mydata", "test", 1, "1")

    def overrides(self, *rows: tuple[str, str, str, str]) -> None:
        """Correct the row by hand: (frames, action, value, reason)."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("video", "frames", "action", "value", "reason"))
        writer.writerows(("a.mp4", *row) for row in rows)
        path = self.folder / "overrides.csv"
        path.write_text(text.getvalue())
        (self.row,) = apply([self.row], read_overrides(path, [self.row]))

    def run(
        self, mode: Literal["box", "aligned"] = "box", shipped: Path | None = None, **sampling: Any
    ) -> None:
        """Crop; samples by frame number, failures and remarks as (frame, text)."""
        dataset = DatasetSettings(root="unused", **{"every": 3, **sampling})
        job = Job(self.folder, CropSettings(mode=mode), dataset, False, lambda path: shipped)
        out = self.folder / "crops.h5"
        self.made = crop([self.row], job, out, sha256_file, stored_key(LocalOut(self.folder), out))
        with h5py.File(out) as file:
            self.failures = [(f.frame, f.reason) for f in layers.read_failures(file)]
            self.remarks = [(r.frame, r.text) for r in layers.read_remarks(file)]
            self.frames = file["frame"][:].tolist()
            tables = ("failures", "remarks", "videos")
            self.columns = {name: file[name][:] for name in file if name not in tables}
            assert set(read_strings(file["video"])) <= {"a.mp4"}

    def centres(self) -> list[float]:
        """x of the middle of each sample's mesh, in frame pixels."""
        x = self.columns["landmarks"][:, :, 0]
        return ((x.min(axis=1) + x.max(axis=1)) / 2).tolist()


@pytest.fixture
def film(tmp_path: Path, video_writer: Callable[..., Path]) -> Callable[[list[np.ndarray]], Stage]:
    """A function that makes a video of frames, and a stage for it."""

    def make(frames: list[np.ndarray]) -> Stage:
        video_writer(tmp_path / "a.mp4", frames)
        return Stage(tmp_path)

    return make


@pytest.fixture(scope="module")
def one(portrait: np.ndarray) -> np.ndarray:
    return scene(portrait, (200, 60, 0.8))


@pytest.fixture(scope="module")
def held(portrait: np.ndarray) -> np.ndarray:
    """A large face at the left, its middle near x 140, and a smaller one near x 470."""
    return scene(portrait, (20, 40, 0.9), (380, 80, 0.6))


@pytest.fixture(scope="module")
def holder(portrait: np.ndarray) -> np.ndarray:
    """The smaller face of `held` alone."""
    return scene(portrait, (380, 80, 0.6))
