"""The crop stage: the videos of one partition to crops, landmarks, affines and failures.

This file says what is to be done, by which key it is known, and writes the result. `cropping/` does
it to one video, in the processes of `isolated/`; `crops.py` is the geometry of a crop. Full frames
never touch the disk. What gives nothing is a row in `failures`, not an exception; what gives a
sample and ought to be known all the same is a row in `remarks`.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from pipeline.config import CropSettings, DatasetSettings
from pipeline.cropping.crop_job import Job
from pipeline.cropping.samples import FIELDS, Samples
from pipeline.cropping.spool import ByteSpool, Spool
from pipeline.datasets.base import Video
from pipeline.files import keys, layers
from pipeline.files.layers import Failure, Source
from pipeline.indexing import corrections
from pipeline.isolated import cropper
from pipeline.sections import Limits

VERSION = 6
PACKAGES = ("av", "opencv", "pillow")


def crop(
    rows: Sequence[Video],
    job: Job,
    out: Path,
    hash_video: Callable[[Path], str],
    stored_key: str | None = None,
) -> bool:
    """Write the crops of one partition to `out`; False when `out` is finished work already.

    rows: the partition's part of the index. hash_video: sha256 of a file, in hex. stored_key: the
    key that `out` carries, None where there is no such file. Raises UserError where the landmark
    models cannot be loaded.
    """
    inputs = find_inputs(rows, job, hash_video)
    if stored_key in inputs.keys:
        return False
    with ExitStack() as stack:
        spool = stack.enter_context(Spool(out.parent, FIELDS))
        loose = stack.enter_context(ByteSpool(out.parent))
        samples = Samples(spool, loose, job.settings, job.keep_loose, failures=[*inputs.failures])
        choice = job.settings.choice()
        isolated = stack.enter_context(cropper(choice))
        for row in inputs.rows:
            isolated.crop(row, job, samples)
        key = inputs.keys[isolated.left_out]
        made_by = choice.made_by(isolated.made_on, VERSION, PACKAGES)
        attributes = {"key": key, "made_by": made_by, "made_for": inputs.made_for, "stage": "crops"}
        failed, remarks = sorted(samples.failures), sorted(samples.remarks)
        sources = [
            Source(row.path, *digests) for row, digests in zip(rows, inputs.hashes, strict=True)
        ]
        layers.write(out, attributes, samples.arrays(), failed, remarks, sources)
    return True


class Inputs(NamedTuple):
    """What is to be cropped of a partition, and the keys that its file may get.

    rows: those whose videos are there. hashes: of all rows, as for crop_key. failures: of the rows
    whose videos are not there. made_for: see the function. keys: of whole work, and of work without
    a video that was left out (limited_key).
    """

    rows: list[Video]
    hashes: list[tuple[str, str]]
    failures: list[Failure]
    made_for: str
    keys: tuple[str, str]


def find_inputs(rows: Sequence[Video], job: Job, hash_video: Callable[[Path], str]) -> Inputs:
    """Look which videos of a partition there are, and hash them. Arguments as for crop."""
    present, hashes, failures = [], [], []
    for row in rows:
        of_video = reason = ""
        if corrections.excluded(corrections.of_row(row), None) is None:
            of_video, reason = hash_of_video(job.root, row.path, hash_video)
            if reason:
                failures.append(Failure(row.path, -1, reason))
            else:
                present.append(row)
        hashes.append((of_video, hash_of_shipped(job.shipped_file(row.path))))
    purpose = made_for(rows, job.settings, job.dataset)
    versions = job.settings.choice().versions(PACKAGES)
    key = crop_key(purpose, hashes, job.keep_loose, versions)
    limited = limited_key(key, job.settings.limits)
    return Inputs(present, hashes, failures, purpose, (key, limited))


def hash_of_video(root: Path, path: str, digest: Callable[[Path], str]) -> tuple[str, str]:
    """Sha256 in hex of a video and "", or "" and why there is none. path: of the video below root,
    which no link may lead out of.
    """
    video = root / path
    if not (video.is_file() and video.resolve().is_relative_to(root.resolve())):
        return "", "the file is missing"
    try:
        return digest(video), ""
    except OSError as error:
        return "", f"the file cannot be read: {error.strerror}"


def hash_of_shipped(path: Path | None) -> str:
    """Sha256 in hex of a file of face positions; "" where there is none that can be read."""
    if path is not None:
        with suppress(OSError):
            return keys.sha256_file(path)
    return ""


def made_for(rows: Sequence[Video], settings: CropSettings, dataset: DatasetSettings) -> str:
    """Sha256 in hex of the part of index and configuration that crops are made for.

    It stands in their file, so that pack can tell those of another index or configuration. Of a row
    only what decides bytes counts: another subject makes no crop anew. Raises UserError where
    weights are missing or wrong.
    """
    choice = settings.choice()
    return keys.key(
        crop=choice.decides,
        weights=choice.digests(),
        sampling=dataset.decides(),
        rows=[(row.path, row.live, row.upside_down, by_hand(row)) for row in rows],
    )


def by_hand(row: Video) -> list[tuple[str, tuple[tuple[int, int], ...], str]]:
    """The corrections that decide bytes: action, frames and value; not the reason, nor labels."""
    return [
        (correction.action, correction.frames, correction.value)
        for correction in corrections.of_row(row)
        if correction.action != "relabel"
    ]


def crop_key(
    made_for: str, hashes: Sequence[tuple[str, str]], keep_loose: bool, versions: dict[str, str]
) -> str:
    """The key of one partition's crops, sha256 in hex.

    hashes: sha256 of each row's video and of its file of face positions, "" where there is none.
    versions: installed, of the packages that decide bytes.
    """
    return keys.key(
        stage="crops",
        version=VERSION,
        made_for=made_for,
        keep_loose=keep_loose,
        files=list(hashes),
        versions=versions,
    )


def limited_key(key: str, limits: Limits) -> str:
    """The key of crops without a video that was left out because it crashed or passed a limit.

    With other limits it might not be, so that such crops are finished for these alone.
    """
    return keys.key(crops=key, limits=limits.model_dump(exclude={"frames"}))
