"""What the crop stage does with one video: decode, find faces, choose the person, cut."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline import crops
from pipeline.cropping.crop_job import Job
from pipeline.cropping.faces import FaceFinder, Seen
from pipeline.cropping.people import People, Square
from pipeline.cropping.shipped import Shipped, ShippedError, distance, read_shipped
from pipeline.datasets.base import Video
from pipeline.frames import sampling
from pipeline.frames.libav import Remark, TooMuchMemory
from pipeline.frames.pictures import is_picture
from pipeline.frames.video import Frame, VideoError, frames
from pipeline.indexing import corrections

if TYPE_CHECKING:
    from labels.landmarks import Face
    from labels.landmarks import FaceFinder as Landmarks


class Sink(Protocol):
    """Where a video's samples go: `pipeline.cropping.samples.Samples` says what its methods do."""

    chosen: list[tuple[int, Video]]

    def fail(self, video: Video, frame: int, reason: str) -> None:
        """List what gave no sample."""
        ...

    def remark(self, video: Video, frame: int, text: str) -> None:
        """List what ought to be known."""
        ...

    def add(
        self, number: int, image: np.ndarray, face: "Face", faces: int, shipped_distance: float
    ) -> int:
        """Cut a face out of its frame; the number of its record is returned."""
        ...


Beat = Callable[[], None]
"""Called with every frame that decodes, so that somebody may see that work goes on."""


def crop_video(
    row: Video, landmarks: "Landmarks", job: Job, samples: Sink, beat: Beat = lambda: None
) -> None:
    """Add one video's samples, failures and remarks to `samples`.

    Raises TooMuchMemory where that runs out, which says nothing of the video.
    """
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
    for number, seen, wanted in looked_at(row, job, look, samples, beat):
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
    row: Video, job: Job, look: FaceFinder, samples: Sink, beat: Beat
) -> Iterator[tuple[int, Seen, bool]]:
    """(frame number, what is seen there, whether it is to be a sample) of every frame taken.

    Not to be samples are frames that were not sampled and whose face was given by hand: they tell
    who is meant. What is wanted and gives nothing becomes a failure.
    """
    corrected = corrections.of_row(row)

    def usable(number: int) -> bool:
        return corrections.excluded(corrected, number) is None

    decoded = partial(some_frames, row, job, beat)
    wanted = wanted_frames(row, job, usable, look, samples, decoded)
    witnesses = {
        one.frames[0][0]
        for one in corrected
        if one.action == "face" and one.frames and not wanted(one.frames[0][0])
    }
    witnessed: list[tuple[int, Seen]] = []
    last = count = -1

    def counted() -> Iterator[Frame]:
        nonlocal count
        for frame in decoded(partial(samples.remark, row)):
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
    except TooMuchMemory:
        raise
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


def some_frames(row: Video, job: Job, beat: Beat, remark: Remark) -> Iterator[Frame]:
    """The frames of a video as far as crop.limits.frames allows; VideoError where it has more."""
    most = job.settings.limits.frames
    for frame in frames(job.root / row.path, bool(row.upside_down), remark):
        if frame.number >= most:
            raise VideoError(f"more than {most} frames (crop.limits.frames): not read any further")
        beat()
        yield frame


def wanted_frames(
    row: Video,
    job: Job,
    usable: Callable[[int], bool],
    look: FaceFinder,
    samples: Sink,
    decoded: Callable[[Remark], Iterator[Frame]],
) -> Callable[[int], bool]:
    """A test of frame numbers; what is wanted in vain becomes a failure.

    decoded: the video's frames. A picture is its one frame, whatever the sampling.
    """
    if is_picture(job.root / row.path):
        return lambda number: True
    wanted = sampling.regular(job.dataset)
    if wanted is not None:
        return wanted
    numbers, vain = sampling.counted(job.dataset, usable_frames(decoded, usable, look))
    for reason in vain:
        samples.fail(row, -1, reason)
    return set(numbers).__contains__


def cut(samples: Sink, number: int, seen: Seen) -> list[int | str]:
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
    decoded: Callable[[Remark], Iterator[Frame]], usable: Callable[[int], bool], look: FaceFinder
) -> Callable[[bool], list[int] | None]:
    """A function that decodes a video to list its usable frames, all or those with a face.

    None where no usable frame decodes. Where decoding breaks off the list ends; the second pass
    meets the same error and lists it.
    """

    def numbers(faces_only: bool) -> list[int] | None:
        found, some = [], False
        try:
            for frame in decoded(lambda frame, text: None):
                if not usable(frame.number):
                    continue
                some = True
                seen = look(frame) if faces_only else None
                if not faces_only or (seen is not None and seen.faces):
                    found.append(frame.number)
        except TooMuchMemory:
            raise
        except (VideoError, OSError):
            pass
        return found if some else None

    return numbers
