"""Depth and parsing of one partition's crops, made once for all the tests."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from made_partition import arrays, run_crop
from PIL import Image

from labels.backends import Backend
from labels.depth.facemesh import depth_map
from pipeline import depth, parse
from pipeline.config import Config, DatasetSettings, DepthSettings, ParseSettings
from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.files import layers
from pipeline.labelling import labels_of, make_layer
from pipeline.layout import Layout
from pipeline.partition import STAGES, make_stage

ROWS = [
    Video("a.mp4", "msu", "train", 1, "1"),
    Video("b.mp4", "msu", "train", 1, "2"),
    Video("c.mp4", "msu", "train", 0, "1", "print", "printed_photo"),
]


def make_depth(crops: Path, out: Path, **settings: str) -> None:
    make_layer(depth.layer(DepthSettings(**settings)), crops, out)


def make_parsing(crops: Path, out: Path) -> None:
    make_layer(parse.layer(ParseSettings()), crops, out)


@pytest.fixture(scope="module")
def made(portrait, video_writer, tmp_path_factory) -> Path:
    """A folder with crops.h5, depth.h5 and parsing.h5 of two live videos and a spoof."""
    place = tmp_path_factory.mktemp("stages")
    for number, row in enumerate(ROWS):
        frames = [np.roll(portrait, 7 * number + n, axis=1) for n in range(7)]
        video_writer(place / row.path, frames)
    assert run_crop(place, place / "crops.h5", ROWS)
    make_depth(place / "crops.h5", place / "depth.h5")
    make_parsing(place / "crops.h5", place / "parsing.h5")
    return place


@pytest.mark.parametrize("stage", ["depth", "parse"])
def test_finished_labels_are_left_untouched_and_forced_ones_have_the_same_bytes(
    made, tmp_path, stage
):
    dataset = DatasetSettings(root=str(made), adapter="table", every=3, partitions=1)
    config = Config(out=str(tmp_path), datasets={"msu": dataset})
    for folder in ("crops", STAGES[stage]):
        path = Layout(tmp_path).partition(folder, "msu", 0)
        path.parent.mkdir(parents=True)
        path.write_bytes((made / f"{folder}.h5").read_bytes())
    before = path.stat()
    assert make_stage(config, stage, "msu", 0) is False
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert make_stage(config, stage, "msu", 0, force=True) is True
    assert path.stat().st_ino != before.st_ino
    assert path.read_bytes() == (made / f"{STAGES[stage]}.h5").read_bytes()


def test_an_empty_partition_goes_through_all_stages(tmp_path):
    assert run_crop(tmp_path, tmp_path / "crops.h5", []) is True
    make_depth(tmp_path / "crops.h5", tmp_path / "depth.h5")
    make_parsing(tmp_path / "crops.h5", tmp_path / "parsing.h5")
    assert arrays(tmp_path / "crops.h5")["image"].shape == (0, 256, 256, 3)
    assert arrays(tmp_path / "depth.h5")["depth"].shape == (0, 32, 32)
    assert arrays(tmp_path / "parsing.h5")["parsing"].shape == (0, 256, 256)


def test_depth_is_zero_for_spoofs_and_a_face_for_live(made):
    found, layer = arrays(made / "crops.h5"), arrays(made / "depth.h5")
    assert np.array_equal(layer["frame"], found["frame"])
    assert np.array_equal(layer["video"], found["video"])
    assert (layer["depth"].shape, layer["depth"].dtype) == ((9, 32, 32), np.float32)
    assert not layer["depth"][found["live"] == 0].any()
    for image in layer["depth"][found["live"] == 1]:
        assert image.min() >= 0 and 0.9 < image.max() <= 1
        assert 0.2 < (image > 0).mean() < 0.8
        assert not image[0].any() and not image[-1].any()
        peak = np.unravel_index(image.argmax(), image.shape)
        assert abs(peak[1] - 15.5) < 6 and abs(peak[0] - 15.5) < 8, "the nose is nearest"


def test_a_live_face_whose_depth_cannot_be_made_is_a_failure_not_zero_depth(made, tmp_path):
    copy = tmp_path / "crops.h5"
    copy.write_bytes((made / "crops.h5").read_bytes())
    with h5py.File(copy, "r+") as file:
        scrambled = np.random.default_rng(0).permutation(file["landmarks"][1])
        file["landmarks"][1] = scrambled
    make_depth(copy, tmp_path / "depth.h5")
    with h5py.File(tmp_path / "depth.h5") as file:
        (failure,) = layers.read_failures(file)
    assert failure[:2] == ("a.mp4", 3)
    assert failure.reason.startswith("no depth: ")
    whole = arrays(made / "depth.h5")["depth"]
    others = np.arange(9) != 1
    assert np.array_equal(arrays(tmp_path / "depth.h5")["depth"][others], whole[others])


def test_parsing_has_classes_up_to_12_for_live_and_spoof(made):
    found, layer = arrays(made / "crops.h5"), arrays(made / "parsing.h5")
    assert np.array_equal(layer["frame"], found["frame"])
    assert np.array_equal(layer["video"], found["video"])
    assert (layer["parsing"].shape, layer["parsing"].dtype) == ((9, 256, 256), np.uint8)
    for image in layer["parsing"]:
        present = set(np.unique(image))
        assert max(present) <= 12
        assert {0, 1, 2, 3, 4, 5, 9, 11, 12} <= present
        # Of an upright, unmirrored face the subject's left eye (4) lies right of the right (5).
        columns = {c: np.flatnonzero((image == c).any(axis=0)).mean() for c in (4, 5)}
        rows = {c: np.flatnonzero((image == c).any(axis=1)).mean() for c in (4, 9, 12)}
        assert columns[4] > 128 > columns[5]
        assert rows[4] < rows[9] < rows[12]


def test_depth_and_parsing_cover_the_same_face(made):
    depths, parsing = (
        arrays(made / "depth.h5")["depth"][0],
        arrays(made / "parsing.h5")["parsing"][0],
    )
    face = (parsing > 0).reshape(32, 8, 32, 8).mean(axis=(1, 3)) > 0.5
    both, either = (face & (depths > 0)).sum(), (face | (depths > 0)).sum()
    assert both / either > 0.8


def test_raw_depth_of_spoofs_is_kept_only_where_it_is_asked_for(made, tmp_path):
    make_depth(made / "crops.h5", tmp_path / "depth.h5", spoof_depth="raw")
    raw, zeroed = arrays(tmp_path / "depth.h5")["depth"], arrays(made / "depth.h5")["depth"]
    live = arrays(made / "crops.h5")["live"] == 1
    assert (raw[~live].max((1, 2)) > 0.9).all()
    assert np.array_equal(raw[live], zeroed[live])


def test_depth_reduced_as_rfmetafas_does_is_pillows_bicubic(made, tmp_path):
    make_depth(made / "crops.h5", tmp_path / "depth.h5", reduce="bicubic")
    found = arrays(made / "crops.h5")
    full = depth_map(found["landmarks"][0], (320, 400), found["affine"][0])
    grey = Image.fromarray(np.rint(full * 255).astype(np.uint8))
    theirs = np.asarray(grey.resize((32, 32), Image.Resampling.BICUBIC)) / 255
    ours = arrays(tmp_path / "depth.h5")["depth"]
    assert np.abs(ours[0] - theirs).max() < 1e-6
    assert np.abs(ours[0] - arrays(made / "depth.h5")["depth"][0]).max() > 0.02


class Recorder:
    """A depth back end that notes which batches it is given, and draws each view's landmarks."""

    made_on = "cpu"

    def __init__(self) -> None:
        self.batches: list[list[np.ndarray]] = []

    def __call__(self, views):
        self.batches.append([view.landmarks for view in views])
        return [np.full((256, 256), 0.5, np.float32) for _ in views]


def test_no_batch_crosses_a_video_and_none_is_larger_than_its_back_end_takes(made):
    found = arrays(made / "crops.h5")
    recorder, backend = Recorder(), Backend("", batch=2)
    with h5py.File(made / "crops.h5") as file:
        labels = list(labels_of(file, found["live"] == 1, recorder, backend))
    assert [label is not None for label in labels] == (found["live"] == 1).tolist()
    # Two live videos of three samples each: two and one, and never two videos' together.
    assert [len(batch) for batch in recorder.batches] == [2, 1] * 2
    given = [landmarks for batch in recorder.batches for landmarks in batch]
    assert np.array_equal(given, found["landmarks"][found["live"] == 1])


def test_a_back_end_that_reads_the_looser_picture_refuses_crops_without(made, tmp_path):
    with pytest.raises(UserError, match=r"'loose' is missing.*run ocim crop"):
        make_depth(made / "crops.h5", tmp_path / "depth.h5", backend="prnet")
