"""The crop stage on one partition, and what stands in the file of any stage."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.config import CropSettings, DatasetSettings
from pipeline.crop import Job, crop
from pipeline.datasets.base import Video
from pipeline.files.hdf5 import read_strings
from pipeline.files.keys import sha256_file
from pipeline.partition import stored_key
from pipeline.places import LocalOut


def run_crop(
    root: Path, out: Path, rows: list[Video], loose: bool = False, **sampling: Any
) -> bool:
    """Crop every third frame, or as the settings of a dataset say; False: that was done already."""
    dataset = DatasetSettings(root="unused", **{"every": 3, **sampling})
    job = Job(root, CropSettings(), dataset, loose)
    return crop(rows, job, out, sha256_file, stored_key(LocalOut(out.parent), out))


def arrays(path: Path) -> dict[str, np.ndarray]:
    """The fields of a stage's file, without its tables."""
    with h5py.File(path) as file:
        fields = {n: file[n][:] for n in file if n not in ("failures", "remarks", "videos")}
        fields["video"] = read_strings(file["video"])
    return fields
