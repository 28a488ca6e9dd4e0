"""Each rule of a sample: a bundle that breaks it alone, every hash made to fit, gives one line."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made_bundle import change_shard, edit_manifest
from made_verify import LIVE, SAMPLES, SPOOF, TRAIN, Change, of_sample, put

from pipeline.bundle import FAILURES, FIELDS
from pipeline.packing.shard import write_table
from pipeline.verify.check import verify
from pipeline.verify.findings import Finding

pytest_plugins = "made_verify"
pytestmark = pytest.mark.slow  # each writes bundles, and many start a process


@pytest.mark.parametrize(
    "row, change, text",
    [
        (SPOOF, put("depth", (SPOOF, 3, 4), 0.5), "depth on a spoof"),
        (LIVE, put("depth", LIVE, 0), "no depth on a live sample"),
        (LIVE, put("depth", (LIVE, 3, 4), 1.5), "depth is 1.5, not 0 to 1"),
        (LIVE, put("depth", (LIVE, 3, 4), -0.25), "depth is -0.25, not 0 to 1"),
        (LIVE, put("depth", (LIVE, 3, 4), np.nan), "depth is nan, not 0 to 1"),
        (0, put("parsing", (0, 255, 255), 13), "parsing is 13, not 0 to 12"),
        (LIVE, put("live", LIVE, 2), "live is 2, not 0 to 1"),
        (1, put("brightness", 1, -0.5), "brightness is -0.5, not 0 to 1"),
        (1, put("brightness", 1, np.nan), "brightness is nan, not 0 to 1"),
        (3, put("padding", 3, 1.25), "padding is 1.25, not 0 to 1"),
        (3, put("face_size", 3, -1), "face_size is -1, not 0 or more"),
        (3, put("sharpness", 3, np.inf), "sharpness is inf, not 0 or more"),
        (0, put("detection_score", 0, np.inf), "detection_score is inf, not 0 to 1"),
        (0, put("yaw", 0, 181), "yaw is 181, not -180 to 180"),
        (0, put("shipped_distance", 0, -2), "shipped_distance is -2, not 0 or more"),
        (1, put("landmarks", (1, 467, 2), np.nan), "landmarks is nan, not a finite number"),
        (1, put("landmarks", (1, 0, 0), -np.inf), "landmarks is -inf, not a finite number"),
        (2, put("affine", (2, 0, 2), np.inf), "affine is inf, not a finite number"),
        (LIVE, put("attack", LIVE, b"print"), "attack print on a live sample"),
        (SPOOF, put("attack", SPOOF, b""), "no attack on a spoof"),
        (LIVE, put("instrument", LIVE, b"tablet"), "instrument tablet on a live sample"),
        (1, put("device", 1, b"\xff"), "device is no UTF-8"),
        (1, put("session", 1, b"\n"), "session has a control character: '\\n'"),
        (
            0,
            put("affine", (0, 1, 1), 0.25),
            "affine [[0.5, 0], [0, 0.25]] is not a turn, one scale above 0 and a shift",
        ),
        (
            0,
            put("affine", (0, slice(None), slice(2)), [[0.5, 0.25], [0.25, 0.5]]),
            "affine [[0.5, 0.25], [0.25, 0.5]] is not a turn, one scale above 0 and a shift",
        ),
        (
            0,
            put("affine", (0, slice(None), slice(2)), 0),
            "affine [[0, 0], [0, 0]] is not a turn, one scale above 0 and a shift",
        ),
    ],
)
def test_a_sample_that_breaks_one_rule_is_the_only_line(one_shard, row, change, text):
    change_shard(one_shard / TRAIN, change)
    assert verify(one_shard).lines == [of_sample(row, text)]


def test_a_turned_affine_and_nan_where_it_may_be_are_right(one_shard):
    def change(file: h5py.File) -> None:
        file["affine"][1] = ((-0.3, 0.4, 9), (-0.4, -0.3, 7))
        for name in ("detection_score", "yaw", "pitch", "roll", "shipped_distance"):
            file[name][:] = np.nan

    change_shard(one_shard / TRAIN, change)
    assert verify(one_shard).lines == []


def test_a_negative_frame_number_is_found():
    from pipeline.verify.samples import ranges

    found = list(ranges("frame", np.array([0, -3, 7], np.int32), first=10))
    assert found == [Finding("frame is not 0 or more", "frame is -3, not 0 or more", 11)]


@pytest.mark.parametrize("name", ["image", "depth", "parsing"])
def test_pixels_that_do_not_fit_their_checksum_are_found(one_shard, name):
    def change(file: h5py.File) -> None:
        array = file[name][LIVE]
        array.flat[-1] = 0.125 if name == "depth" else 7
        file[name][LIVE] = array

    change_shard(one_shard / TRAIN, change, checksums=False)
    told = "image, depth and parsing do not fit the checksum"
    assert verify(one_shard).lines == [of_sample(LIVE, told)]


def reorder(rows: list[int]) -> Change:
    """Put the samples into another order."""

    def change(file: h5py.File) -> None:
        for name in FIELDS:
            file[name][:] = file[name][:][rows]

    return change


def test_samples_out_of_order_are_found(one_shard):
    change_shard(one_shard / TRAIN, reorder([0, 2, 1, 3]))
    text = "before it stands one of a later place"
    line = f"{TRAIN}: sample 2 (video {SAMPLES[1]}): {text}"
    assert verify(one_shard).lines == [line]


def test_a_sample_that_stands_twice_is_found(one_shard):
    change_shard(one_shard / TRAIN, reorder([0, 1, 1, 3]))

    def edit(manifest: dict[str, Any]) -> None:
        for row in (manifest["shards"][0], manifest["counts"]["oulu/train"]):
            row.update(live=1, spoof=3)

    edit_manifest(one_shard, edit)
    line = f"{TRAIN}: sample 2 (video {SAMPLES[1]}): the same sample as number 1"
    assert verify(one_shard).lines == [line]


def test_a_video_that_the_table_does_not_list_is_found(one_shard):
    change_shard(one_shard / TRAIN, put("videos/video", 1, b"train/9_9.avi"))
    text = "its video is not in the table 'videos'"
    assert verify(one_shard).lines == [of_sample(0, text), of_sample(2, text)]


def failed(bundle: Path, frame: int, reason: str = "no face") -> None:
    """Let a frame of a live video be a failure, in the shard and in the manifest."""
    row = {"video": "train/1_0.avi", "frame": frame, "reason": reason}

    def change(file: h5py.File) -> None:
        del file["failures"]
        write_table(file.create_group("failures"), FAILURES, [row])

    change_shard(bundle / TRAIN, change)
    listed = {"dataset": "oulu", "split": "train", **row}
    edit_manifest(bundle, lambda manifest: manifest.update(failures=[listed]))


def test_a_failure_that_is_a_sample_is_found_and_another_is_right(one_shard):
    failed(one_shard, 7)
    assert verify(one_shard).lines == []
    failed(one_shard, -1)
    assert verify(one_shard).lines == []
    failed(one_shard, 5)
    assert verify(one_shard).lines == [of_sample(0, "a failure as well: no face")]


def test_failures_that_the_manifest_tells_otherwise_are_found(one_shard):
    failed(one_shard, 7)
    edit_manifest(one_shard, lambda manifest: manifest["failures"][0].update(reason="blurred"))
    line = f"{TRAIN}: its table 'failures' is not that of its split in bundle.json"
    assert verify(one_shard).lines == [line]
