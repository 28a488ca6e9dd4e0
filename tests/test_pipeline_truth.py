"""Labels of the replica against its truth: the figures, by hand."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_run import made_config, made_rows, write_run

from labels import classes
from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.pack import pack
from pipeline.truth import Tally, inside_outline, label_truth, to_lines, truth_in_crop, truth_path

BLOCKS = np.zeros((32, 32), np.float32)
BLOCKS[8:24, 8:24] = (1 + np.arange(256).reshape(16, 16)) / 256  # exact as float16


def test_truth_lies_beside_its_video_with_another_suffix():
    path = truth_path(Path("root"), "scene01/real/real_client003_android_SD_scene01.mp4")
    assert path == Path("root/scene01/real/real_client003_android_SD_scene01.npz")


def test_truth_inside_its_box_is_drawn_where_the_affine_says():
    # The box of frame 1 is 64 x 64 at (10, 20), without the padding right and below; at scale 2 it
    # is to lie at crop pixels 64 to 192, which are cells 8 to 24 of 32.
    depth, parsing = np.ones((2, 70, 80), np.float16), np.full((2, 70, 80), 12, np.uint8)
    depth[1, :64, :64], parsing[1, :64, :64] = 0.5, 9
    truth = {
        "box": np.array([[0, 0, 80, 70], [10, 20, 74, 84]], np.int32),
        "depth": depth,
        "parsing": parsing,
    }
    affine = np.array([[2.0, 0, 64 - 2 * 10], [0, 2, 64 - 2 * 20]])
    drawn_depth, drawn_parsing = truth_in_crop(truth, 1, affine)
    assert (drawn_depth.shape, drawn_parsing.shape) == ((32, 32), (256, 256))
    assert np.allclose(drawn_depth[9:23, 9:23], 0.5)
    outside = drawn_depth.copy()
    outside[7:25, 7:25] = 0
    assert not outside.any()
    expected = np.zeros((256, 256))
    expected[64:192, 64:192] = 9
    assert np.array_equal(drawn_parsing, expected)


def test_errors_are_over_either_face_correlation_over_both_and_iou_by_class():
    tally = Tally()
    tally.add(
        np.array([[0.0, 0.2, 0.6, 1.0, 0.0]]),
        np.array([classes.SKIN, classes.SKIN, classes.NOSE, 0, classes.MOUTH]),
        np.array([[0.1, 0.3, 0.5, 0.0, 0.0]]),
        np.array([classes.SKIN, classes.NOSE, classes.NOSE, 0, 0]),
    )
    result = tally.result()
    # Errors 0.1, 0.1, 0.1, 1 where either is a face; where both are, 0.2, 0.6 against 0.3, 0.5.
    assert result["depth_mae"] == pytest.approx(1.3 / 4)
    assert result["depth_correlation"] == pytest.approx(1)
    # Skin: one pixel of two; nose: one of two. Mouth is not in the truth, background is left out.
    assert result["parsing_iou"] == {"skin": 0.5, "nose": 0.5}
    assert result["parsing_mean_iou"] == 0.5
    assert result["samples"] == 1


def test_cells_on_an_outline_are_left_out_of_the_inner_correlation():
    depth = np.zeros((8, 8))
    depth[1:7, 1:7] = 0.7
    depth[2:6, 2:6] = np.arange(1, 17).reshape(4, 4) / 16
    truth = np.where(depth == 0.7, 0.1, depth)  # another value on the outline alone
    blank = np.zeros((8, 8), np.uint8)
    blank[0, 0] = classes.SKIN
    tally = Tally()
    tally.add(depth, blank, truth, blank)
    assert tally.result()["depth_correlation_inside"] == pytest.approx(1)
    assert tally.result()["depth_correlation"] < 0.99
    inner = np.zeros((8, 8), bool)
    inner[2:6, 2:6] = True
    assert np.array_equal(inside_outline(depth), inner)


def test_labels_that_miss_the_truth_altogether_correlate_by_nothing():
    left, right = np.zeros((8, 8)), np.zeros((8, 8))
    left[:, :3], right[:, 5:] = 0.5, 0.5
    tally = Tally()
    tally.add(left, np.ones((8, 8), np.uint8), right, np.ones((8, 8), np.uint8))
    assert tally.result()["depth_correlation"] == 0


@pytest.fixture
def run(tmp_path: Path) -> tuple[Config, Layout]:
    """A packed run whose live labels are BLOCKS and, left and right, classes 4 and 5."""
    config = made_config(
        tmp_path / "out", datasets={"oulu": {"root": str(tmp_path / "oulu"), "partitions": 1}}
    )
    layout = write_run(config, made_rows())
    with h5py.File(layout.partition("crops", "oulu", 0), "r+") as file:
        live = np.flatnonzero(file["live"][:])
        file["affine"][:] = np.eye(2, 3)
    with h5py.File(layout.partition("depth", "oulu", 0), "r+") as file:
        file["depth"][live] = np.stack([BLOCKS] * len(live))
    with h5py.File(layout.partition("parsing", "oulu", 0), "r+") as file:
        halves = np.repeat(np.array([[4, 5]], np.uint8), 128, axis=1)
        file["parsing"][live] = np.broadcast_to(halves, (len(live), 256, 256))
    pack(config)
    (tmp_path / "oulu" / "Train_files").mkdir(parents=True)
    return config, layout


def write_truth(root: Path, video: str) -> None:
    """Depth as labelled; class 4 in the left quarter and 5 in the rest; six frames."""
    path = truth_path(root, video)
    path.parent.mkdir(exist_ok=True)
    depth = np.kron(BLOCKS, np.ones((8, 8))).astype(np.float16)
    parsing = np.full((256, 256), 5, np.uint8)
    parsing[:, :64] = 4
    np.savez_compressed(
        path,
        box=np.tile(np.array([0, 0, 256, 256], np.int32), (6, 1)),
        depth=np.stack([depth] * 6),
        parsing=np.stack([parsing] * 6),
    )


def test_live_samples_are_held_against_the_truth_beside_their_videos(run, tmp_path):
    config, layout = run
    for video in ("train/0_live.avi", "train/1_live.avi", "test/0_live.avi"):
        write_truth(tmp_path / "oulu", video)
    measured = label_truth(config, layout)
    assert json.loads(layout.truth.read_text("utf-8")) == measured
    assert measured["all"] == measured["datasets"]["oulu"]
    row = measured["all"]
    assert row["samples"] == 6, "three videos of two frames; the fourth has no truth"
    assert row["depth_mae"] == pytest.approx(0, abs=1e-6)
    assert row["depth_correlation"] == pytest.approx(1)
    # Class 4: 64 of 128 columns; class 5: 128 of 192.
    assert row["parsing_iou"] == {
        "left eye": pytest.approx(1 / 2),
        "right eye": pytest.approx(2 / 3),
    }
    assert row["parsing_mean_iou"] == pytest.approx(7 / 12)
    lines = to_lines(measured)
    assert "mean IoU 0.583 (6 live samples)" in lines[0]
    assert "cannot show how real the depth is" in lines[-1]


def test_real_data_has_no_truth_which_is_told(run):
    config, layout = run
    with pytest.raises(UserError, match="truth beside it"):
        label_truth(config, layout)
    assert not layout.truth.exists()
