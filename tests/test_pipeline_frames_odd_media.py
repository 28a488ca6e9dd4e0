"""Every odd file (odd_*.py) ends in frames, or in one short line that says why not."""

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from made_partition import run_crop
from odd_broken import broken
from odd_encode import portrait as straight
from odd_media import FRAMES, Odd, videos
from odd_pictures import stills

from pipeline.datasets.base import Video
from pipeline.files import layers
from pipeline.files.hdf5 import read_strings
from pipeline.frames.video import VideoError, frames

ODD = [*videos(), *broken(), *stills()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("odd")
    for odd in ODD:
        odd.write(place)
    return place


def likeness(image: np.ndarray, number: int) -> float:
    """Correlation with the portrait as it was filmed in frame `number`, in grey, at half size."""
    small = [
        cv2.cvtColor(cv2.resize(picture, (160, 200)), cv2.COLOR_RGB2GRAY).ravel()
        for picture in (image, np.roll(straight(), 2 * number, axis=1))
    ]
    return float(np.corrcoef(*small)[0, 1])


def test_the_likeness_tells_the_ways_to_stand_apart():
    # What the tests below rest on: of the eight ways only upright comes near 1.
    ways = [
        np.rot90(flipped, turn)
        for turn in range(4)
        for flipped in (straight(), straight()[:, ::-1])
    ]
    values = sorted((likeness(np.ascontiguousarray(way), 0) for way in ways), reverse=True)
    assert values[0] == pytest.approx(1)
    assert values[1] < 0.5


def test_there_are_enough_of_them_and_their_names_differ():
    assert len({odd.name for odd in ODD}) == len(ODD) >= 150
    assert sum(not odd.frames for odd in ODD) >= 40


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_it_gives_its_frames_or_a_reason(folder, odd: Odd):
    remarks: list[tuple[int, str]] = []
    numbers, likenesses, error = [], [], ""
    try:
        for frame in frames(
            folder / odd.name, odd.upside_down, lambda number, text: remarks.append((number, text))
        ):
            numbers.append(frame.number)
            image = frame.rgb()
            assert image.dtype == np.uint8 and image.shape[2:] == (3,)
            if odd.face:
                likenesses.append(likeness(image, frame.number))
    except VideoError as caught:
        error = str(caught)
    assert numbers == list(range(len(numbers)))
    if odd.frames:
        assert len(numbers) in odd.frames
        assert not likenesses or min(likenesses) > 0.9
    else:
        assert (numbers, bool(error)) == ([], True)
    for text in (error, *(text for _, text in remarks)):
        assert len(text) < 200 and "\n" not in text and str(folder) not in text
    if odd.frames == range(FRAMES, FRAMES + 1):
        assert (error, remarks) == ("", [])


def run(folder: Path, out: Path) -> Path:
    rows = [
        Video(odd.name, "odd", "train", 1, "1", upside_down=int(odd.upside_down)) for odd in ODD
    ]
    assert run_crop(folder, out, rows)
    return out


@pytest.fixture(scope="module")
def cropped(folder, tmp_path_factory) -> Path:
    """All of them as one partition of a dataset."""
    return run(folder, tmp_path_factory.mktemp("out") / "crops.h5")


@pytest.mark.slow
def test_each_ends_in_samples_or_in_a_listed_reason(folder, cropped):
    assert list(cropped.parent.iterdir()) == [cropped]
    with h5py.File(cropped) as file:
        samples = list(read_strings(file["video"]))
        failures = layers.read_failures(file)
    listed = {failure.video: failure.reason for failure in failures if failure.frame == -1}
    assert {failure.video for failure in failures} | set(samples) == {odd.name for odd in ODD}
    for odd in ODD:
        if odd.face and odd.frames:
            assert samples.count(odd.name) == len(range(0, odd.frames.start, 3)), odd.name
            assert odd.name not in listed
        if not odd.frames:
            assert odd.name in listed
            assert odd.name not in samples
    assert all(failure.reason and "\n" not in failure.reason for failure in failures)


@pytest.mark.slow
def test_twice_gives_the_same_bytes(folder, cropped, tmp_path):
    assert run(folder, tmp_path / "crops.h5").read_bytes() == cropped.read_bytes()
