"""The labels of a video's frames, as pictures and as a video to look at."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from labels.view import LabelError, View
from pipeline.config import Config, DatasetSettings
from pipeline.cropping.crop_job import Job
from pipeline.cropping.crop_video import crop_video
from pipeline.cropping.samples import FIELDS, Samples
from pipeline.cropping.spool import ByteSpool, Spool
from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.files.layers import Failure, Remark
from pipeline.files.store import remove_left_over, removed_in_the_end, temporary_name
from pipeline.frames.libav import VideoError, check_file, opened, video_stream
from pipeline.frames.video import frames
from pipeline.look.label import Labeller

_KIND = "ocim-label"
LONGEST_NAME = 255  # bytes, of the usual file systems
NEEDED = (
    "frame", "image", "landmarks", "landmarks_refined", "affine", "frame_size", "loose_affine",
)  # fmt: skip


class Labelled(NamedTuple):
    """What label_video has made.

    frames: numbers of those labelled. overlay: the video's path. failures, remarks: what gave
    nothing, and what is unsure.
    """

    frames: list[int]
    overlay: Path
    failures: list[Failure]
    remarks: list[Remark]


def label_video(path: Path, out: Path, config: Config, frame: bool, every: int) -> Labelled:
    """Write the labels of each `every`-th frame's face to `out`, all files or none.

    STEM_NNNNN_crop.png, _depth, _parsing and _overlay as of a picture, NNNNN the frame's own
    number, and STEM_overlay.mp4. frame: as in label_image. Raises UserError where the video cannot
    be decoded or shows no face; then nothing is written.
    """
    try:
        check_file(path)
        check_out(out, path.stem)
        return _label_video(path, out, config, frame, every)
    except VideoError as error:
        raise UserError(f"{path}: {error}") from None


def _label_video(path: Path, out: Path, config: Config, frame: bool, every: int) -> Labelled:
    """The same, with VideoError where the file turns out to be no video, or changes meanwhile."""
    label = Labeller(config)
    row = Video(path.name, "label", "test", live=1, subject="")
    dataset = DatasetSettings(root=str(path.parent), sampling="every", every=every, reach=0)
    with ExitStack() as stack:
        folder = stack.enter_context(scratch(out))
        samples = Samples(
            stack.enter_context(Spool(folder, FIELDS)),
            stack.enter_context(ByteSpool(folder)),
            config.crop,
            label.loose,
        )
        landmarks = stack.enter_context(config.crop.choice().load())
        crop_video(row, landmarks, Job(path.parent, config.crop, dataset), samples)
        labelled: list[int] = []

        def overlays() -> Iterator[np.ndarray]:
            for batch in in_batches(cuts(path, samples, frame), label.batch):
                labels = label([cut.view for cut in batch])
                for cut, made in zip(batch, labels, strict=True):
                    if isinstance(made, LabelError):
                        samples.failures.append(Failure(row.path, cut.number, str(made)))
                        continue
                    for name, picture in {"crop": Image.fromarray(cut.crop), **made}.items():
                        picture.save(folder / f"{path.stem}_{cut.number:05d}_{name}.png")
                    labelled.append(cut.number)
                    yield np.asarray(made["overlay"])

        overlay = folder / f"{path.stem}_overlay.mp4"
        if samples.chosen:
            encode(overlay, overlays(), frame_rate(path) / every)
        failures = sorted(samples.failures)
        if not labelled:
            whole = [failure.reason for failure in failures if failure.frame < 0]
            reason = whole[0] if whole else f"no face found in {len(failures)} frames looked at"
            raise VideoError(reason)
        give_names(folder, out)
        return Labelled(labelled, out / overlay.name, failures, sorted(samples.remarks))


def check_out(out: Path, stem: str) -> None:
    """Raise UserError, before any work, where pictures named after `stem` cannot lie in `out`."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; name a folder for the pictures")
    if len(os.fsencode(f"{stem}_000000_overlay.png")) > LONGEST_NAME:
        raise UserError(f"{stem}: too long a name to add to; rename the video")


def give_names(folder: Path, out: Path) -> None:
    """Move all files of `folder` to `out`; UserError, and none is moved, where a folder has the
    name of one.
    """
    out.mkdir(parents=True, exist_ok=True)
    finished = sorted(folder.iterdir())
    for made in finished:
        if (out / made.name).is_dir():
            raise UserError(f"{out / made.name}: a folder has this name; take it away")
    for made in finished:
        made.replace(out / made.name)


class Cut(NamedTuple):
    """A sample: the number of its frame, its crop (256, 256, 3) uint8 RGB, and what its labels are
    drawn on.
    """

    number: int
    crop: np.ndarray
    view: View


def in_batches(cuts: Iterator[Cut], size: int) -> Iterator[list[Cut]]:
    """The same cuts in lists of `size`, the last one shorter."""
    while batch := list(islice(cuts, size)):
        yield batch


def cuts(path: Path, samples: Samples, frame: bool) -> Iterator[Cut]:
    """Every sample of the video, in order. frame: with the whole frame, not the crop, as what is
    drawn on; the video is decoded once more for that. VideoError where it changed meanwhile.
    """
    numbers = [number for number, _ in samples.chosen]
    columns = [chain.from_iterable(samples.spool.rows(name, numbers).blocks) for name in NEEDED]
    stream = frames(path, False, lambda number, text: None) if frame else iter(())
    loose = samples.loose_pictures(numbers)
    for number, image, landmarks, refined, affine, size, place in zip(*columns, strict=True):
        whole = next((found.rgb() for found in stream if found.number == number), None)
        width, height = (int(side) for side in size)
        if frame and (whole is None or whole.shape[:2] != (height, width)):
            raise VideoError("the file changed while it was read")
        view = View(image, affine, landmarks, refined, (width, height))
        if whole is not None:
            view = view._replace(picture=whole, affine=np.eye(2, 3))
        if samples.keep_loose:
            view = view._replace(loose=next(loose), loose_affine=place)
        yield Cut(int(number), image, view)


def frame_rate(path: Path) -> Fraction:
    """Frames a second on average, as the file says; 25 where it says none that can be."""
    with opened(path) as container:
        rate = video_stream(container).average_rate
    return Fraction(rate) if rate and 0 < rate < 1000 else Fraction(25)


def encode(path: Path, pictures: Iterator[np.ndarray], rate: Fraction) -> None:
    """Write pictures (H x W x 3 uint8 RGB) as H.264; nothing where there are none.

    The first gives the size, made even as the format wants it; others are brought to it.
    """
    import av

    first = next(pictures, None)
    if first is None:
        return
    height, width = (side + side % 2 for side in first.shape[:2])
    with av.open(str(path), "w") as container:
        rate = max(rate.limit_denominator(1001), Fraction(1, 1001))  # each 10,000th frame of a clip
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_count = 1  # with several the bytes depend on the number of cores
        for picture in chain([first], pictures):
            fitted = picture
            if picture.shape[:2] != (height, width):
                fitted = np.asarray(Image.fromarray(picture).resize((width, height)))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(fitted, format="rgb24")))
        container.mux(stream.encode())


@contextmanager
def scratch(out: Path) -> Iterator[Path]:
    """A new folder on the disk of `out`, which need not be there yet; removed in the end."""
    place = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    folder = place / temporary_name(_KIND, str(out))
    remove_left_over(place, f".{_KIND}.")
    with removed_in_the_end(folder):
        # A process of this number may have been killed as well.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder
