"""The crop stage: the videos of one partition to crops, landmarks, affines and failures.

Full frames never touch the disk. What gives nothing is a row in `failures`, not an exception; what
gives a sample and ought to be known all the same is a row in `remarks`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import corrections, crops, keys, layers, sampling
from pipeline.config import CropSettings, DatasetSettings
from pipeline.datasets.base import Video
from pipeline.faces import FaceFinder, Seen
from pipeline.layers import Failure, Source
from pipeline.people import People, Square
from pipeline.pictures import is_picture
from pipeline.samples import FIELDS, Samples
from pipeline.shipped import Shipped, ShippedError, distance, read_shipped
from pipeline.spool import ByteSpool, Spool
from pipeline.video import Frame, VideoError, frames

if TYPE_CHECKING:
    from labels.landmarks import FaceFinder as Landmarks

VERSION = 6
PACKAGES = ("av", "opencv", "pillow")


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


def made_for(rows: Sequence[Video], settings: CropSettings, dataset: DatasetSettings) -> str:
    """A hash of the part of index and configuration that crops are made for.

    It stands in their file, so that pack can tell those of another index or configuration. Of a
    row only what decides bytes counts: another subject makes no crop anew.
    """
    choice = settings.choice()
    return keys.key(
        crop=choice.decides,
        weights=choice.digests(),
        sampling=dataset.decides(),
        rows=[(row.path, row.live, row.upside_down, by_hand(row)) for row in rows],
    )


def crop_key(
    made_for: str, hashes: Sequence[tuple[str, str]], keep_loose: bool, versions: dict[str, str]
) -> str:
    """The key of one partition's crops.

    hashes: sha256 of each row's video and of its file of face positions, "" where there is none.
    """
    return keys.key(
        stage="crops",
        version=VERSION,
        made_for=made_for,
        keep_loose=keep_loose,
        files=list(hashes),
        versions=versions,
    )


def crop(rows: Sequence[Video], job: Job, out: Path, hash_video: Callable[[Path], str]) -> bool:
    """Write the crops of one partition to `out`; False when `out` is finished work already.

    rows: the partition's part of the index. hash_video: sha256 of a file, in hex.
    """
    found, hashes, failures = [], [], []
    for row in rows:
        of_video = reason = ""
        if corrections.excluded(corrections.of_row(row), None) is None:
            of_video, reason = hash_of_video(job.root, row.path, hash_video)
            if reason:
                failures.append(Failure(row.path, -1, reason))
            else:
                found.append(row)
        hashes.append((of_video, hash_of_shipped(job.shipped_file(row.path))))
    purpose = made_for(rows, job.settings, job.dataset)
    choice = job.settings.choice()
    versions = choice.versions(PACKAGES)
    key = crop_key(purpose, hashes, job.keep_loose, versions)
    if keys.stored_key(out) == key:
        return False
    with ExitStack() as stack:
        spool = stack.enter_context(Spool(out.parent, FIELDS))
        loose = stack.enter_context(ByteSpool(out.parent))
        samples = Samples(spool, loose, job.settings, job.keep_loose, failures=failures)
        landmarks = stack.enter_context(choice.load())
        for row in found:
            crop_video(row, landmarks, job, samples)
        made_by = choice.made_by(landmarks.made_on, VERSION, PACKAGES)
        attributes = {"key": key, "made_by": made_by, "made_for": purpose, "stage": "crops"}
        failed, remarks = sorted(samples.failures), sorted(samples.remarks)
        sources = [Source(row.path, *digests) for row, digests in zip(rows, hashes, strict=True)]
        layers.write(out, attributes, samples.arrays(), failed, remarks, sources)
    return True


def hash_of_video(root: Path, path: str, digest: Callable[[Path], str]) -> tuple[str, str]:
    """Sha256 of a video and "", or "" and why there is none."""
    video = root / path
    if not (video.is_file() and video.resolve().is_relative_to(root.resolve())):
        return "", "the file is missing"
    try:
        return digest(video), ""
    except OSError as error:
        return "", f"the file cannot be read: {error.strerror}"


def hash_of_shipped(path: Path | None) -> str:
    """Sha256 of a file of face positions; "" where there is none, or none that can be read."""
    if path is not None:
        with suppress(OSError):
            return keys.sha256_file(path)
    return ""


def by_hand(row: Video) -> list[tuple[str, tuple[tuple[int, int], ...], str]]:
    """The corrections that decide bytes: action, frames and value; not the reason, nor labels."""
    return [
        (one.action, one.frames, one.value)
        for one in corrections.of_row(row)
        if one.action != "relabel"
    ]


def crop_video(row: Video, landmarks: "Landmarks", job: Job, samples: Samples) -> None:
    """Add one video's samples, failures and remarks to `samples`."""
    corrected = corrections.of_row(row)
    use_shipped = job.dataset.faces == "shipped"
    try:
        shipped = shipped_faces(job.shipped_file(row.path), use_shipped)
    except ShippedError as error:
        if use_shipped and not any(one.action == "face" for one in corrected):
            samples.fail(row, -1, str(error))
            return
        samples.remark(row, -1, str(error))
        shipped = {}
    look = FaceFinder(landmarks, corrected, shipped, use_shipped)
    # Frame; the face squares; whether given; for each face its record, or why there is none.
    taken: list[tuple[int, list[Square], bool, list[int | str]]] = []
    for number, seen, wanted in looked_at(row, job, look, samples):
        if not seen.faces:
            listing = samples.fail if wanted else samples.remark
            listing(row, number, "no face in the box given by hand; it may be too large")
            continue
        squares = [Square(*crops.face_square(face.landmarks)) for face in seen.faces]
        records = cut(samples, number, seen) if wanted else []
        taken.append((number, squares, seen.given, records))
    taken.sort(key=lambda one: one[0])
    people = People(row.live)
    for _, squares, given, _ in taken:
        people.add(squares, given)
    chosen: list[tuple[int, int]] = []
    for (number, _, _, records), choice in zip(taken, people.choose(), strict=True):
        if not records:
            continue  # looked at only to know who is meant
        record = choice.reason if choice.face is None else records[choice.face]
        if isinstance(record, str):
            samples.fail(row, number, record)
            continue
        chosen.append((number, record))
        if choice.unsure:
            samples.remark(row, number, choice.unsure)
    samples.chosen += [(record, row) for _, record in chosen]


def looked_at(
    row: Video, job: Job, look: FaceFinder, samples: Samples
) -> Iterator[tuple[int, Seen, bool]]:
    """(frame number, what is seen there, whether it is to be a sample) of every frame taken.

    Not to be samples are frames that were not sampled and whose face was given by hand: they tell
    who is meant. What is wanted and gives nothing becomes a failure.
    """
    corrected = corrections.of_row(row)

    def usable(number: int) -> bool:
        return corrections.excluded(corrected, number) is None

    path, upside_down = job.root / row.path, bool(row.upside_down)
    wanted = wanted_frames(row, job, usable, look, samples)
    witnesses = {
        one.frames[0][0]
        for one in corrected
        if one.action == "face" and one.frames and not wanted(one.frames[0][0])
    }
    witnessed: list[tuple[int, Seen]] = []
    last = count = -1

    def counted() -> Iterator[Frame]:
        nonlocal count
        for frame in frames(path, upside_down, partial(samples.remark, row)):
            count = frame.number
            if count in witnesses and usable(count) and (seen := look(frame)) is not None:
                witnessed.append((count, seen))
            yield frame

    try:
        for result in sampling.sample(counted(), wanted, usable, job.dataset.reach, look):
            last = result.wanted
            if result.seen is None:
                samples.fail(row, last, result.reason)
            else:
                yield result.number, result.seen, True
    except (VideoError, OSError) as error:
        after = f" (after sampled frame {last})" if last >= 0 else ""
        samples.fail(row, -1, f"{error}{after}")
    else:
        for one in corrected:
            if one.frames and one.frames[-1][1] > count:
                named = f"overrides.csv names frames {one.frames_text()}"
                samples.remark(row, -1, f"{named}; the video has {count + 1}")
    for number, seen in witnessed:
        yield number, seen, False


def wanted_frames(
    row: Video, job: Job, usable: Callable[[int], bool], look: FaceFinder, samples: Samples
) -> Callable[[int], bool]:
    """A test of frame numbers; what is wanted in vain becomes a failure.

    A picture is its one frame, whatever the sampling.
    """
    path = job.root / row.path
    if is_picture(path):
        return lambda number: True
    wanted = sampling.regular(job.dataset)
    if wanted is not None:
        return wanted
    countable = usable_frames(path, bool(row.upside_down), usable, look)
    numbers, vain = sampling.counted(job.dataset, countable)
    for reason in vain:
        samples.fail(row, -1, reason)
    return set(numbers).__contains__


def cut(samples: Samples, number: int, seen: Seen) -> list[int | str]:
    """Cut every face out of a frame: numbers of their records, or why a face gives no crop."""
    records: list[int | str] = []
    for face in seen.faces:
        off = distance(seen.shipped, face.landmarks) if seen.shipped else float("nan")
        try:
            records.append(samples.add(number, seen.image, face, len(seen.faces), off))
        except crops.CropError as error:
            records.append(f"the face gives no crop: {error}")
    return records


def shipped_faces(path: Path | None, needed: bool) -> dict[int, Shipped]:
    """Face positions by frame; none where there is no file, which is an error if it is needed."""
    if path is None:
        if needed:
            raise ShippedError("no face positions come with this video that can be used")
        return {}
    return read_shipped(path)


def usable_frames(
    path: Path, upside_down: bool, usable: Callable[[int], bool], look: FaceFinder
) -> Callable[[bool], list[int] | None]:
    """A function that decodes a video to list its usable frames, all or those with a face.

    None where no usable frame decodes. Where decoding breaks off the list ends; the second pass
    meets the same error and lists it.
    """

    def numbers(faces_only: bool) -> list[int] | None:
        found, some = [], False
        with suppress(VideoError, OSError):
            for frame in frames(path, upside_down, lambda frame, text: None):
                if not usable(frame.number):
                    continue
                some = True
                seen = look(frame) if faces_only else None
                if not faces_only or (seen is not None and seen.faces):
                    found.append(frame.number)
        return found if some else None

    return numbers
