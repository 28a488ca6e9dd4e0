"""How far the fields of samples that two bundles share differ is measured."""

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made_bundle import make_bundle
from made_diff import TRAIN, ocim

from pipeline.bundle import PIXELS, Shard, canonical_json, sample_checksum
from pipeline.inspect import fields as of_fields
from pipeline.inspect.diff import diff
from pipeline.inspect.fields import Differences, differs

pytest_plugins = ["made_diff"]


def only_fields(found: dict[str, Any]) -> dict[str, Any]:
    """The fields of oulu's training samples that differ, where nothing else does."""
    assert not found["same"]
    (row,) = (row for row in found["splits"] if row["fields"])
    assert (row["dataset"], row["split"]) == ("oulu", "train")
    assert not (found["settings"] or found["moved"] or found["videos"])
    return row["fields"]


def name_of(folder: Path, row: int) -> dict[str, Any]:
    shard = Shard(folder / TRAIN)
    return {"video": str(shard.video[row]), "frame": int(shard.frame[row])}


def set_pixels(folder: Path, row: int, **fields: Any) -> None:
    """Give a sample other pixels, and the checksum that fits."""
    with h5py.File(folder / TRAIN, "r+") as file:
        for name, value in fields.items():
            file[name][row] = value
        checksum = sample_checksum(*(file[name][row] for name in PIXELS))
        file["checksum"][row] = checksum.encode()


def test_pixels_that_differ_are_measured(made, copy):
    shard = Shard(made / TRAIN)
    image = shard.image[1].astype(int)
    image[0, 0] = [255 - v if v < 128 else 0 for v in image[0, 0]]
    changed = np.abs(image[0, 0] - shard.image[1][0, 0].astype(int)).sum()
    parsing = shard.parsing[2].copy()
    parsing[:64] = 12
    depth = np.clip(shard.depth[1] + np.float32(0.25), 0, 0.5).astype(np.float32)
    set_pixels(copy, 1, image=image.astype(np.uint8), depth=depth)
    set_pixels(copy, 2, parsing=parsing)
    fields = only_fields(diff(made, copy))
    assert set(fields) == {"image", "depth", "parsing"}
    assert fields["image"]["samples"] == 1
    assert fields["image"]["first"] == name_of(made, 1)
    assert fields["image"]["mean_absolute_difference"] == pytest.approx(changed / (256 * 256 * 3))
    apart = np.abs(depth.astype(float) - shard.depth[1]).mean()
    assert fields["depth"]["mean_absolute_difference"] == pytest.approx(apart)
    assert fields["parsing"] == {
        "samples": 1, "first": name_of(made, 2), "share_of_pixels": 0.25,
    }  # fmt: skip
    assert "25.0000% of their pixels of another class" in ocim(made, copy).output


def test_a_mean_is_over_the_samples_that_differ(made, copy):
    black, white = np.zeros((256, 256, 3), np.uint8), np.full((256, 256, 3), 10, np.uint8)
    base = Path(shutil.copytree(made, copy.parent / "base"))
    for row, value in ((0, 10), (1, 30)):
        set_pixels(base, row, image=black)
        set_pixels(copy, row, image=np.full_like(black, value))
    set_pixels(base, 2, image=white)
    set_pixels(copy, 2, image=white)
    assert only_fields(diff(base, copy))["image"]["mean_absolute_difference"] == 20
    assert only_fields(diff(base, copy))["image"]["samples"] == 2


@pytest.mark.slow
def test_equal_checksums_spare_the_pixels(made, copy, monkeypatch):
    with h5py.File(copy / TRAIN, "r+") as file:
        file["image"][0] = 0  # damaged: the checksum is as it was
    assert diff(made, copy)["same"]
    read: list[tuple[str, Any]] = []
    real = of_fields.column

    def noted(shard, name, rows=None):
        read.append((name, rows))
        return real(shard, name, rows)

    monkeypatch.setattr(of_fields, "column", noted)
    set_pixels(copy, 0, image=0)
    diff(made, copy)
    assert [(name, rows) for name, rows in read if name in PIXELS] == [
        (name, [0]) for name in PIXELS for _ in "ab"
    ]


def test_a_wrong_checksum_over_the_same_pixels_is_told(made, copy):
    with h5py.File(copy / TRAIN, "r+") as file:
        file["checksum"][3] = b"0" * 64
    fields = only_fields(diff(made, copy))
    assert set(fields) == {"checksum"}
    assert fields["checksum"]["first"] == name_of(made, 3)
    assert "though their pixels are the same: ocim bundle verify" in ocim(made, copy).output


def test_meshes_numbers_and_texts_that_differ_are_told(made, copy):
    with h5py.File(copy / TRAIN, "r+") as file:
        file["landmarks"][1] += np.array([3, 0, 4], np.float32)
        file["landmarks"][2] += np.array([0, 1, 0], np.float32)
        file["affine"][0, 1, 2] += 0.5
        file["live"][3] = 1 - file["live"][3]
        file["yaw"][1] = -2.5
        file["yaw"][2] = np.nan
        del file["subject"]
        file["subject"] = np.array([b"", b"zoe", b"", b""], "S3")
    fields = only_fields(diff(made, copy))
    assert set(fields) == {"landmarks", "affine", "live", "yaw", "subject"}
    # Every point of one mesh is 5 pixels off (3, 0, 4), of the other one 1.
    assert fields["landmarks"]["mean_distance"] == pytest.approx(3)
    assert fields["affine"]["largest_difference"] == 0.5
    assert fields["live"]["largest_difference"] == 1
    assert fields["yaw"]["samples"] == 2
    assert fields["yaw"]["largest_difference"] == 2.5
    assert fields["yaw"]["without_number"] == 1
    assert (fields["subject"]["samples"], fields["subject"]["b"]) == (4, "")
    assert fields["subject"]["a"] == "train 0"
    assert "oulu train: subject: 4 of 4 samples differ; first" in ocim(made, copy).output


def test_nan_is_the_same_as_nan_and_no_number_is_shown_for_it():
    a, b = np.array([np.nan, np.nan, 1.0, np.inf]), np.array([np.nan, 2.0, 1.0, np.inf])
    assert differs(a, b).tolist() == [False, True, False, False]
    found = Differences()
    found.compare("yaw", a, b, [("v", n) for n in range(4)])
    told = found["yaw"].to_json("yaw")
    assert told == {
        "samples": 1, "first": {"video": "v", "frame": 1}, "without_number": 1,
        "largest_difference": None,
    }  # fmt: skip
    canonical_json(told)


def test_many_samples_are_compared_in_blocks(made, tmp_path, monkeypatch):
    monkeypatch.setattr(of_fields, "_BLOCK", 2)
    monkeypatch.setattr(of_fields, "_MESHES", 3)
    a = make_bundle(tmp_path / "a", ["oulu"], 5, 1)
    b = Path(shutil.copytree(a, tmp_path / "b"))
    for row in range(0, 10, 2):
        set_pixels(b, row, depth=0.5, image=255 - Shard(a / TRAIN).image[row])
    with h5py.File(b / TRAIN, "r+") as file:
        file["landmarks"][:] += np.arange(10, dtype=np.float32)[:, None, None]
    fields = only_fields(diff(a, b))
    assert (fields["depth"]["samples"], fields["image"]["samples"]) == (5, 5)
    assert fields["landmarks"]["samples"] == 9
    assert fields["landmarks"]["mean_distance"] == pytest.approx(5 * 3**0.5)  # of 1 to 9


def test_a_field_that_one_bundle_lacks_is_told(made, copy):
    with h5py.File(copy / TRAIN, "r+") as file:
        del file["yaw"]
    assert only_fields(diff(made, copy)) == {"yaw": {"samples": 4, "missing_in": "b"}}
    assert only_fields(diff(copy, made)) == {"yaw": {"samples": 4, "missing_in": "a"}}
    assert "oulu train: yaw: missing in B" in ocim(made, copy).output.splitlines()
