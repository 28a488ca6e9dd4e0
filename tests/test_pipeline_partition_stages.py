"""Crop, depth and parse on small real videos: one partition, made once for all the tests."""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from PIL import Image

from labels.backends import Backend
from labels.depth.facemesh import depth_map
from pipeline import crops, depth, parse
from pipeline.config import Config, CropSettings, DatasetSettings, DepthSettings, ParseSettings
from pipeline.crop import Job, crop
from pipeline.cropping.samples import QUALITY
from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.files import layers
from pipeline.files.hdf5 import read_strings
from pipeline.files.layers import Failure
from pipeline.labelling import labels_of, make_layer
from pipeline.layout import Layout
from pipeline.partition import STAGES, make_stage, stored_key
from pipeline.places import LocalOut

EVERY_THIRD = DatasetSettings(root="unused", every=3)
ROWS = [
    Video("live.mp4", "msu", "train", 1, "1"),
    Video("spoof.mov", "msu", "train", 0, "1", "print", "printed_photo"),
    Video("upside_down.mp4", "msu", "train", 1, "3", upside_down=1),
    Video("upside_down_matrix.mp4", "msu", "train", 1, "5", upside_down=1),
    Video("matrix_alone.mp4", "msu", "train", 1, "6"),
    Video("empty.avi", "msu", "train", 1, "7"),
    Video("faceless.mp4", "msu", "train", 1, "7"),
    Video("missing.avi", "msu", "train", 1, "7"),
    Video("out/of/here.mp4", "msu", "train", 1, "7"),
    Video("text.avi", "msu", "train", 0, "7", "replay", "ipad"),
    Video("truncated.avi", "msu", "train", 1, "7"),
]
GOOD = [row.path for row in ROWS[:5]]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_crop(root: Path, out: Path, rows: list[Video] = ROWS, loose: bool = False) -> bool:
    return crop(rows, Job(root, CropSettings(), EVERY_THIRD, loose), out, sha256)


def make_depth(crops: Path, out: Path, **settings: str) -> None:
    make_layer(depth.layer(DepthSettings(**settings)), crops, out)


def make_parsing(crops: Path, out: Path) -> None:
    make_layer(parse.layer(ParseSettings()), crops, out)


@pytest.fixture(scope="module")
def root(tmp_path_factory, portrait: np.ndarray, video_writer: Callable[..., Path]) -> Path:
    """The videos of ROWS, of 7 frames of 320 x 400, as they would lie on a disk."""
    place = tmp_path_factory.mktemp("videos")
    live = [np.roll(portrait, number, axis=1) for number in range(7)]
    turned = [np.rot90(image, 2) for image in live]
    video_writer(place / "live.mp4", live)
    video_writer(place / "spoof.mov", live)
    video_writer(place / "upside_down.mp4", turned)
    video_writer(place / "upside_down_matrix.mp4", turned, rotation=180)
    video_writer(place / "matrix_alone.mp4", turned, rotation=180)
    grey = np.full((200, 160, 3), 127, np.uint8)
    video_writer(place / "faceless.mp4", [grey] * 4)
    (place / "empty.avi").touch()
    (place / "text.avi").write_text("this is no video")
    whole = video_writer(place / "truncated.avi", live, "mpeg4").read_bytes()
    (place / "truncated.avi").write_bytes(whole[:300])
    outside = video_writer(place.parent / "outside" / "here.mp4", live)
    (place / "out").mkdir()
    (place / "out" / "of").symlink_to(outside.parent)
    return place


@pytest.fixture(scope="module")
def made(root: Path, tmp_path_factory) -> Path:
    """A folder with crops.h5, depth.h5 and parsing.h5 of the videos above."""
    place = tmp_path_factory.mktemp("stages")
    assert run_crop(root, place / "crops.h5")
    make_depth(place / "crops.h5", place / "depth.h5")
    make_parsing(place / "crops.h5", place / "parsing.h5")
    return place


def arrays(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        found = {n: file[n][:] for n in file if n not in ("failures", "remarks", "videos")}
        found["video"] = read_strings(file["video"])
    return found


def of_video(found: dict[str, np.ndarray], name: str, path: str) -> np.ndarray:
    return found[name][found["video"] == path]


def test_every_third_frame_becomes_a_sample_in_the_order_of_the_index(made):
    found = arrays(made / "crops.h5")
    assert found["video"].tolist() == [path for path in GOOD for _ in range(3)]
    assert found["frame"].tolist() == [0, 3, 6] * len(GOOD)
    assert found["live"].tolist() == [1, 1, 1, 0, 0, 0] + [1] * 9


def test_what_gives_nothing_is_listed_with_its_reason_and_the_rest_goes_on(made):
    with h5py.File(made / "crops.h5") as file:
        failures = layers.read_failures(file)
    assert failures == sorted(failures)
    by_video = {video: [] for video in (row.path for row in ROWS if row.path not in GOOD)}
    for failure in failures:
        by_video[failure.video].append((failure.frame, failure.reason))
    near = "no face found, nor in any within 5 frames"
    assert by_video["faceless.mp4"] == [(0, near), (3, near)]
    assert by_video["empty.avi"] == [(-1, "the file is empty")]
    assert by_video["missing.avi"] == [(-1, "the file is missing")]
    assert by_video["out/of/here.mp4"] == [(-1, "the file is missing")]
    for video in ("text.avi", "truncated.avi"):
        ((frame, reason),) = by_video[video]
        assert frame == -1
        assert reason.startswith("not decodable: ")


def test_arrays_have_the_shapes_and_dtypes_of_the_design(made):
    n = 15
    expected = {
        "image": ((n, 256, 256, 3), "uint8"),
        "landmarks": ((n, 468, 3), "float32"),
        "landmarks_refined": ((n, 478, 3), "float32"),
        "affine": ((n, 2, 3), "float64"),
        "loose_affine": ((n, 2, 3), "float64"),
        "frame_size": ((n, 2), "int32"),
        "frame": ((n,), "int32"),
        "live": ((n,), "uint8"),
        "faces": ((n,), "uint8"),
    } | dict.fromkeys(QUALITY, ((n,), "float32"))
    found = arrays(made / "crops.h5")
    found.pop("video")
    assert {name: (array.shape, str(array.dtype)) for name, array in found.items()} == expected
    assert (found["frame_size"] == [320, 400]).all()


def test_the_face_square_of_the_landmarks_fills_the_crop_but_for_its_margin(made):
    found = arrays(made / "crops.h5")
    for landmarks, affine, loose in zip(
        found["landmarks"], found["affine"], found["loose_affine"], strict=True
    ):
        for matrix, size, margin in ((affine, 256, 1.4), (loose, 512, 2.0)):
            points = crops.transform(matrix, landmarks[:, :2].astype(float))
            low, high = points.min(axis=0), points.max(axis=0)
            assert (high - low).max() == pytest.approx(size / margin, abs=1e-3)
            assert (low + high) / 2 == pytest.approx([size / 2, size / 2], abs=1e-3)


def test_the_crop_is_the_frame_seen_through_its_affine(made, portrait):
    # Drawn from the photograph itself the crop looks the same, but for what the codec lost; four
    # pixels aside it does not.
    found = arrays(made / "crops.h5")
    affine, image = found["affine"][0], found["image"][0].astype(float)
    drawn = cv2.warpAffine(portrait, affine, (256, 256), flags=cv2.INTER_LINEAR).astype(float)
    inside = slice(40, 216)
    assert np.abs(image - drawn)[inside, inside].mean() < 6
    moved = np.abs(image - np.roll(drawn, 4, axis=1))[inside, inside].mean()
    assert moved > 1.3 * np.abs(image - drawn)[inside, inside].mean()


def test_quality_figures_are_those_of_the_crop(made):
    found = arrays(made / "crops.h5")
    for i in (0, 7):
        grey = cv2.cvtColor(found["image"][i], cv2.COLOR_RGB2GRAY).astype(float)
        assert found["brightness"][i] == pytest.approx(grey.mean() / 255)
        wide = np.pad(grey, 1, mode="reflect")  # OpenCV's way at the border
        laplacian = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * grey
        assert found["sharpness"][i] == pytest.approx(laplacian.var(), rel=1e-5)
        extent = np.ptp(found["landmarks"][i][:, :2], axis=0).max()
        assert found["face_size"][i] == pytest.approx(extent)
        assert 0.5 <= found["detection_score"][i] <= 1
        assert found["padding"][i] == pytest.approx(
            crops.padding(found["affine"][i], (320, 400), 256)
        )


@pytest.mark.parametrize("path", ["upside_down.mp4", "upside_down_matrix.mp4", "matrix_alone.mp4"])
def test_an_upside_down_video_gives_the_upright_crop(made, path):
    found = arrays(made / "crops.h5")
    upright = of_video(found, "image", "live.mp4").astype(int)
    turned = of_video(found, "image", path).astype(int)
    assert np.abs(upright - turned).mean() < 5
    assert np.abs(upright - turned[:, ::-1, ::-1]).mean() > 30
    assert np.abs(upright - turned[:, :, ::-1]).mean() > 15


@pytest.fixture
def finished(root, made, tmp_path) -> Config:
    """A configuration whose OUT holds the files above as the one partition of a dataset."""
    dataset = EVERY_THIRD.model_copy(
        update={"root": str(root), "adapter": "table", "partitions": 1}
    )
    config = Config(out=str(tmp_path), datasets={"msu": dataset})
    for folder in STAGES.values():
        path = Layout(tmp_path).partition(folder, "msu", 0)
        path.parent.mkdir(parents=True)
        path.write_bytes((made / f"{folder}.h5").read_bytes())
    return config


def test_finished_work_is_left_untouched(finished):
    for stage, folder in STAGES.items():
        path = Layout(finished.out).partition(folder, "msu", 0)
        before = path.stat()
        assert make_stage(finished, stage, "msu", 0, ROWS) is False
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_forced_labels_are_made_again_with_the_same_bytes(made, finished):
    for stage in ("depth", "parse"):
        path = Layout(finished.out).partition(STAGES[stage], "msu", 0)
        before = path.stat().st_ino
        assert make_stage(finished, stage, "msu", 0, force=True) is True
        assert path.stat().st_ino != before
        assert path.read_bytes() == (made / f"{STAGES[stage]}.h5").read_bytes()


def test_the_same_videos_give_the_same_bytes_twice(root, made, tmp_path):
    assert run_crop(root, tmp_path / "crops.h5") is True
    assert (tmp_path / "crops.h5").read_bytes() == (made / "crops.h5").read_bytes()


def test_a_videos_samples_do_not_depend_on_the_videos_before_it(root, made, tmp_path):
    run_crop(root, tmp_path / "alone.h5", [ROWS[1]])
    alone, together = arrays(tmp_path / "alone.h5"), arrays(made / "crops.h5")
    for name in ("image", "landmarks", "landmarks_refined", "affine", "detection_score"):
        assert np.array_equal(alone[name], of_video(together, name, "spoof.mov")), name


@pytest.mark.slow
def test_a_changed_video_row_or_setting_makes_the_crops_again(root, tmp_path):
    # The one video that is no video costs no decoding; the key is what counts.
    out = tmp_path / "crops.h5"
    (tmp_path / "videos").mkdir()
    video = tmp_path / "videos" / "text.avi"
    video.write_text("one")
    row = Video("text.avi", "msu", "train", 0, "7", "replay", "ipad")

    def again(row: Video, loose: bool = False, **change: float) -> bool:
        every = DatasetSettings(root="unused", every=int(change.pop("every", 3)))
        settings = CropSettings(**change)
        job = Job(tmp_path / "videos", settings, every, loose)
        return crop([row], job, out, sha256, stored_key(LocalOut(tmp_path), out))

    assert again(row) is True
    assert again(row) is False
    video.write_text("two")
    assert again(row) is True
    assert again(row) is False
    for change in ({"margin": 1.5}, {"shift": 0.1}, {"every": 4}, {"loose": True}):
        assert again(row, **change) is True, change
        assert again(row) is True
    assert again(dataclasses.replace(row, live=1)) is True
    assert again(dataclasses.replace(row, live=1, subject="8", protocols="1:train")) is False
    video.unlink()
    assert again(row) is True


def test_a_video_that_may_not_be_read_is_a_failure_until_it_may(root, tmp_path):
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    def again(hash_video: Callable[[Path], str]) -> list[Failure]:
        out = tmp_path / "crops.h5"
        assert crop(ROWS[9:10], Job(root, CropSettings(), EVERY_THIRD), out, hash_video) is True
        with h5py.File(out) as file:
            return layers.read_failures(file)

    assert again(refuse) == [Failure("text.avi", -1, "the file cannot be read: Permission denied")]
    assert again(sha256)[0].reason.startswith("not decodable: ")


def test_an_empty_partition_goes_through_all_stages(tmp_path):
    assert run_crop(tmp_path, tmp_path / "crops.h5", []) is True
    make_depth(tmp_path / "crops.h5", tmp_path / "depth.h5")
    make_parsing(tmp_path / "crops.h5", tmp_path / "parsing.h5")
    assert arrays(tmp_path / "crops.h5")["image"].shape == (0, 256, 256, 3)
    assert arrays(tmp_path / "depth.h5")["depth"].shape == (0, 32, 32)
    assert arrays(tmp_path / "parsing.h5")["parsing"].shape == (0, 256, 256)


def test_the_looser_picture_is_kept_where_it_is_asked_for(root, made, tmp_path):
    assert "loose" not in arrays(made / "crops.h5")
    run_crop(root, tmp_path / "crops.h5", ROWS[:1], loose=True)
    found = arrays(tmp_path / "crops.h5")
    offsets = found["loose_offset"]
    assert len(offsets) == 4
    for i in range(3):
        jpeg = found["loose"][offsets[i] : offsets[i + 1]]
        loose = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[:, :, ::-1]
        assert loose.shape == (512, 512, 3)
        # Through both affines the loose picture and the crop show the same.
        there = np.vstack([crops.inverse(found["loose_affine"][i]), [0, 0, 1]])
        to_crop = found["affine"][i] @ there
        again = crops.warp(np.ascontiguousarray(loose), to_crop, (256, 256))
        assert np.abs(again.astype(int) - found["image"][i]).mean() < 6


def test_depth_is_zero_for_spoofs_and_a_face_for_live(made):
    found, layer = arrays(made / "crops.h5"), arrays(made / "depth.h5")
    assert np.array_equal(layer["frame"], found["frame"])
    assert np.array_equal(layer["video"], found["video"])
    assert (layer["depth"].shape, layer["depth"].dtype) == ((15, 32, 32), np.float32)
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
    assert failure[:2] == ("live.mp4", 3)
    assert failure.reason.startswith("no depth: ")
    whole = arrays(made / "depth.h5")["depth"]
    others = np.arange(15) != 1
    assert np.array_equal(arrays(tmp_path / "depth.h5")["depth"][others], whole[others])


def test_parsing_has_classes_up_to_12_for_live_and_spoof(made):
    found, layer = arrays(made / "crops.h5"), arrays(made / "parsing.h5")
    assert np.array_equal(layer["frame"], found["frame"])
    assert np.array_equal(layer["video"], found["video"])
    assert (layer["parsing"].shape, layer["parsing"].dtype) == ((15, 256, 256), np.uint8)
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
    # Four live videos of three samples each: two and one, and never two videos' together.
    assert [len(batch) for batch in recorder.batches] == [2, 1] * 4
    given = [landmarks for batch in recorder.batches for landmarks in batch]
    assert np.array_equal(given, found["landmarks"][found["live"] == 1])


def test_a_back_end_that_reads_the_looser_picture_refuses_crops_without(made, tmp_path):
    with pytest.raises(UserError, match=r"'loose' is missing.*run ocim crop"):
        make_depth(made / "crops.h5", tmp_path / "depth.h5", backend="prnet")
