"""The crops of one partition of small real videos, good and bad, made once for all the tests."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from made_partition import arrays, run_crop

from pipeline import crops
from pipeline.config import CropSettings, DatasetSettings
from pipeline.crop import Job, crop
from pipeline.cropping.samples import QUALITY
from pipeline.datasets.base import Video
from pipeline.files import layers
from pipeline.files.keys import sha256_file
from pipeline.files.layers import Failure
from pipeline.partition import stored_key
from pipeline.places import LocalOut

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
    """The crops of the videos above."""
    out = tmp_path_factory.mktemp("crops") / "crops.h5"
    assert run_crop(root, out, ROWS)
    return out


def of_video(found: dict[str, np.ndarray], name: str, path: str) -> np.ndarray:
    return found[name][found["video"] == path]


def test_every_third_frame_becomes_a_sample_in_the_order_of_the_index(made):
    found = arrays(made)
    assert found["video"].tolist() == [path for path in GOOD for _ in range(3)]
    assert found["frame"].tolist() == [0, 3, 6] * len(GOOD)
    assert found["live"].tolist() == [1, 1, 1, 0, 0, 0] + [1] * 9


def test_what_gives_nothing_is_listed_with_its_reason_and_the_rest_goes_on(made):
    with h5py.File(made) as file:
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
    found = arrays(made)
    found.pop("video")
    assert {name: (array.shape, str(array.dtype)) for name, array in found.items()} == expected
    assert (found["frame_size"] == [320, 400]).all()


def test_the_face_square_of_the_landmarks_fills_the_crop_but_for_its_margin(made):
    found = arrays(made)
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
    found = arrays(made)
    affine, image = found["affine"][0], found["image"][0].astype(float)
    drawn = cv2.warpAffine(portrait, affine, (256, 256), flags=cv2.INTER_LINEAR).astype(float)
    inside = slice(40, 216)
    assert np.abs(image - drawn)[inside, inside].mean() < 6
    moved = np.abs(image - np.roll(drawn, 4, axis=1))[inside, inside].mean()
    assert moved > 1.3 * np.abs(image - drawn)[inside, inside].mean()


def test_quality_figures_are_those_of_the_crop(made):
    found = arrays(made)
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
    found = arrays(made)
    upright = of_video(found, "image", "live.mp4").astype(int)
    turned = of_video(found, "image", path).astype(int)
    assert np.abs(upright - turned).mean() < 5
    assert np.abs(upright - turned[:, ::-1, ::-1]).mean() > 30
    assert np.abs(upright - turned[:, :, ::-1]).mean() > 15


def test_finished_crops_are_left_untouched(root, made):
    before = made.stat()
    assert run_crop(root, made, ROWS) is False
    assert (made.stat().st_ino, made.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_same_videos_give_the_same_bytes_twice(root, made, tmp_path):
    assert run_crop(root, tmp_path / "crops.h5", ROWS) is True
    assert (tmp_path / "crops.h5").read_bytes() == made.read_bytes()


def test_a_videos_samples_do_not_depend_on_the_videos_before_it(root, made, tmp_path):
    run_crop(root, tmp_path / "alone.h5", [ROWS[1]])
    alone, together = arrays(tmp_path / "alone.h5"), arrays(made)
    for name in ("image", "landmarks", "landmarks_refined", "affine", "detection_score"):
        assert np.array_equal(alone[name], of_video(together, name, "spoof.mov")), name


@pytest.mark.slow
def test_a_changed_video_row_or_setting_makes_the_crops_again(tmp_path):
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
        return crop([row], job, out, sha256_file, stored_key(LocalOut(tmp_path), out))

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
        assert (
            crop(
                ROWS[9:10],
                Job(root, CropSettings(), DatasetSettings(root="unused")),
                out,
                hash_video,
            )
            is True
        )
        with h5py.File(out) as file:
            return layers.read_failures(file)

    assert again(refuse) == [Failure("text.avi", -1, "the file cannot be read: Permission denied")]
    assert again(sha256_file)[0].reason.startswith("not decodable: ")


def test_the_looser_picture_is_kept_where_it_is_asked_for(root, made, tmp_path):
    assert "loose" not in arrays(made)
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
