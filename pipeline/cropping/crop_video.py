"""What the crop stage does with one video: decode, find faces, choose the person, cut."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline import crops
from pipeline.cropping.crop_job import Job
from pipeline.cropping.faces import FaceFinder, Seen
from pipeline.cropping.people import People, Square
from pipeline.cropping.samples import Samples
from pipeline.cropping.shipped import Shipped, ShippedError, distance, read_shipped
from pipeline.datasets.base import Video
from pipeline.frames import sampling
from pipeline.frames.libav import Remark, TooMuchMemory
from pipeline.frames.pictures import is_picture
from pipeline.frames.video import Frame, VideoError, frames
from pipeline.indexing import corrections
from pipeline.indexing.correction_fields import Correction

if TYPE_CHECKING:
    from labels.landmarks import FaceFinder as Landmarks

Beat = Callable[[], None]
"""Called with every frame that decodes, so that somebody may see that work goes on."""


class Taken(NamedTuple):
    """A frame with faces.

    number: of the frame. squares: of its faces. given: whether the place of its one face was given.
    records: for each face its record in the samples, or why it gives no crop; none where the frame
    was looked at only to know who is meant.
    """

    number: int
    squares: list[Square]
    given: bool
    records: list[int | str]


def crop_video(
    row: Video, landmarks: "Landmarks", job: Job, samples: Samples, beat: Beat = lambda: None
) -> None:
    """Add one video's samples, failures and remarks to `samples`.

    row: of the index. landmarks: the back end, loaded. Raises TooMuchMemory where memory runs out,
    which says nothing of the video; what is wrong with the video becomes a failure.
    """
    corrected = corrections.of_row(row)
    use_shipped = job.dataset.faces == "shipped"
    try:
        shipped = shipped_faces(job.shipped_file(row.path), use_shipped)
    except ShippedError as error:
        if use_shipped and not any(correction.action == "face" for correction in corrected):
            samples.fail(row, -1, str(error))
            return
        samples.remark(row, -1, str(error))
        shipped = {}
    find = FaceFinder(landmarks, corrected, shipped, use_shipped)
    taken: list[Taken] = []
    for number, seen, wanted in Look(row, job, corrected, find, samples, beat).frames_taken():
        if not seen.faces:
            listing = samples.fail if wanted else samples.remark
            listing(row, number, "no face in the box given by hand; it may be too large")
            continue
        squares = [Square(*crops.face_square(face.landmarks)) for face in seen.faces]
        records = cut(samples, number, seen) if wanted else []
        taken.append(Taken(number, squares, seen.given, records))
    choose_person(row, sorted(taken, key=lambda frame: frame.number), samples)


def shipped_faces(path: Path | None, needed: bool) -> dict[int, Shipped]:
    """Face positions by frame number; none where there is no file. ShippedError where it is
    damaged, or missing and needed.
    """
    if path is None:
        if needed:
            raise ShippedError("no face positions come with this video that can be used")
        return {}
    return read_shipped(path)


@dataclass(frozen=True)
class Look:
    """One video being looked through: which of its frames are taken, and what is seen there.

    corrected: its corrections by hand. find: the faces of a frame. What is wanted and gives nothing
    becomes a failure in `samples`.
    """

    row: Video
    job: Job
    corrected: list[Correction]
    find: FaceFinder
    samples: Samples
    beat: Beat

    def frames_taken(self) -> Iterator[tuple[int, Seen, bool]]:
        """(frame number, what is seen there, whether it is to be a sample) of every frame taken.

        Not to be samples are frames that were not sampled and whose face was given by hand: they
        tell who is meant.
        """
        wanted = self._wanted()
        witnesses = {
            correction.frames[0][0]
            for correction in self.corrected
            if correction.action == "face"
            and correction.frames
            and not wanted(correction.frames[0][0])
        }
        witnessed: list[tuple[int, Seen]] = []
        last = count = -1

        def decoded() -> Iterator[Frame]:
            nonlocal count
            for frame in self._decoded(partial(self.samples.remark, self.row)):
                count = frame.number
                if count in witnesses and self._usable(count) and (seen := self.find(frame)):
                    witnessed.append((count, seen))
                yield frame

        try:
            reach = self.job.dataset.reach
            for result in sampling.sample(decoded(), wanted, self._usable, reach, self.find):
                last = result.wanted
                if result.seen is None:
                    self.samples.fail(self.row, last, result.reason)
                else:
                    yield result.number, result.seen, True
        except TooMuchMemory:
            raise
        except (VideoError, OSError) as error:
            after = f" (after sampled frame {last})" if last >= 0 else ""
            self.samples.fail(self.row, -1, f"{error}{after}")
        else:
            for correction in self.corrected:
                if correction.frames and correction.frames[-1][1] > count:
                    named = f"overrides.csv names frames {correction.frames_text()}"
                    self.samples.remark(self.row, -1, f"{named}; the video has {count + 1}")
        for number, seen in witnessed:
            yield number, seen, False

    def _decoded(self, remark: Remark) -> Iterator[Frame]:
        """The frames as far as crop.limits.frames allows; VideoError where there are more."""
        most = self.job.settings.limits.frames
        path = self.job.root / self.row.path
        for frame in frames(path, bool(self.row.upside_down), remark):
            if frame.number >= most:
                raise VideoError(
                    f"more than {most} frames (crop.limits.frames): not read any further"
                )
            self.beat()
            yield frame

    def _usable(self, number: int) -> bool:
        return corrections.excluded(self.corrected, number) is None

    def _wanted(self) -> Callable[[int], bool]:
        """A test of frame numbers. A picture is its one frame, whatever the sampling."""
        if is_picture(self.job.root / self.row.path):
            return lambda number: True
        wanted = sampling.regular(self.job.dataset)
        if wanted is not None:
            return wanted
        numbers, vain = sampling.counted(self.job.dataset, self._usable_numbers)
        for reason in vain:
            self.samples.fail(self.row, -1, reason)
        return set(numbers).__contains__

    def _usable_numbers(self, faces_only: bool) -> list[int] | None:
        """The numbers of the usable frames, all or those with a face, from a decoding of its own.

        None where no usable frame decodes. Where decoding breaks off the list ends; the second pass
        meets the same error and lists it.
        """
        numbers, some = [], False
        try:
            for frame in self._decoded(lambda frame, text: None):
                if not self._usable(frame.number):
                    continue
                some = True
                seen = self.find(frame) if faces_only else None
                if not faces_only or (seen is not None and seen.faces):
                    numbers.append(frame.number)
        except TooMuchMemory:
            raise
        except (VideoError, OSError):
            pass
        return numbers if some else None


def cut(samples: Samples, number: int, seen: Seen) -> list[int | str]:
    """Cut every face out of a frame, in their order: the number of each one's record in `samples`,
    or why it gives no crop. number: of the frame.
    """
    records: list[int | str] = []
    for face in seen.faces:
        off = distance(seen.shipped, face.landmarks) if seen.shipped else float("nan")
        try:
            records.append(samples.add(number, seen.image, face, len(seen.faces), off))
        except crops.CropError as error:
            records.append(f"the face gives no crop: {error}")
    return records


def choose_person(row: Video, taken: list[Taken], samples: Samples) -> None:
    """Make samples of the records of the person who is meant. taken: in the order of frames."""
    people = People(row.live)
    for frame in taken:
        people.add(frame.squares, frame.given)
    for frame, choice in zip(taken, people.choose(), strict=True):
        if not frame.records:
            continue  # looked at only to know who is meant
        record = choice.reason if choice.face is None else frame.records[choice.face]
        if isinstance(record, str):
            samples.fail(row, frame.number, record)
            continue
        samples.chosen.append((record, row))
        if choice.unsure:
            samples.remark(row, frame.number, choice.unsure)
