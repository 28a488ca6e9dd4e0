import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result
from made_bundle import edit_manifest, make_bundle

from pipeline.bundle import PIXELS, BundleError, Shard, canonical_json, sample_checksum
from pipeline.cli import cli
from pipeline.inspect import fields as of_fields
from pipeline.inspect.diff import diff
from pipeline.inspect.diff_text import to_lines
from pipeline.inspect.fields import Differences, differs

FAILED = [{"dataset": "oulu", "split": "train", "video": "a", "frame": 5, "reason": "no face"}]
TRAIN = "oulu-train-00000-of-00001.h5"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets, 4 samples a split."""
    folder = tmp_path_factory.mktemp("made") / "bundle"
    return make_bundle(folder, ["oulu", "msu"], 1, 2, failures=FAILED)


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def ocim(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["bundle", "diff", *map(str, words)])


def train(found: dict[str, Any]) -> dict[str, Any]:
    (row,) = (r for r in found["splits"] if (r["dataset"], r["split"]) == ("oulu", "train"))
    return row


def only_fields(found: dict[str, Any]) -> dict[str, Any]:
    """The fields of oulu's training samples that differ, where nothing else does."""
    assert not found["same"]
    assert [r for r in found["splits"] if r["fields"]] == [train(found)]
    assert not (found["settings"] or found["moved"] or found["videos"])
    return train(found)["fields"]


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


def test_a_copy_is_the_same_in_one_line(made, copy):
    done = ocim(made, copy)
    assert done.exit_code == 0
    assert done.output == "the same: 24 samples, pixels by the checksums that the shards carry\n"


def test_samples_that_are_cut_into_other_shards_are_matched(made, tmp_path):
    cut = make_bundle(tmp_path / "cut", ["oulu", "msu"], 1, 2, failures=FAILED, pieces=2)
    found = diff(made, cut)
    for row in found["splits"]:
        # What made_bundle draws depends on the shard's number: pixels differ, identities do not.
        assert (row["both"], row["only_a"]["count"], row["only_b"]["count"]) == (4, 0, 0)
        assert set(row["fields"]) <= set(PIXELS)


def test_other_files_with_the_same_content_are_the_same(made, copy):
    def edit(manifest):
        manifest["shards"][0]["sha256"] = "0" * 64

    edit_manifest(copy, edit)
    done = ocim(made, copy)
    assert (done.exit_code, done.output.count("\n")) == (0, 1)
    assert done.output.endswith("though not in the same files\n")


def test_settings_back_ends_and_versions_are_told_as_dotted_keys(made, copy):
    def edit(manifest):
        oulu = manifest["provenance"]["oulu"]
        oulu["settings"]["depth"]["backend"] = "prnet"
        oulu["settings"]["pack"] = {"shard_samples": 5}
        manifest["spoof_depth"] = "raw"

    edit_manifest(copy, edit)
    found = diff(made, copy)
    assert found["settings"] == [
        {"dataset": "", "key": "spoof_depth", "a": "zero", "b": "raw"},
        {"dataset": "oulu", "key": "settings.depth.backend", "a": "facemesh", "b": "prnet"},
        {"dataset": "oulu", "key": "settings.pack.shard_samples", "b": 5},
    ]
    done = ocim(made, copy)
    assert done.exit_code == 1
    assert done.output.splitlines()[2:] == [
        "spoof_depth: zero -> raw",
        "oulu: settings.depth.backend: facemesh -> prnet",
        "oulu: settings.pack.shard_samples: not there -> 5",
    ]


def test_a_number_is_not_the_same_as_a_truth_or_a_text(made, copy):
    def with_value(value):
        def edit(manifest):
            manifest["provenance"]["oulu"]["settings"]["depth"]["x"] = value

        return edit

    edit_manifest(copy, with_value(1))
    other = Path(shutil.copytree(copy, copy.parent / "other"))
    for value in (True, 1.0, "1"):
        edit_manifest(other, with_value(value))
        (row,) = diff(copy, other)["settings"]
        assert (row["a"], row["b"]) == (1, value)


def test_of_a_notice_the_first_line_that_differs_is_shown(made, copy):
    edit_manifest(copy, lambda manifest: manifest.update(notice="made\nand more\n"))
    assert "notice: '' -> and more" in ocim(made, copy).output.splitlines()


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


def test_samples_only_in_one_are_counted_and_the_first_named(made, tmp_path):
    more = make_bundle(tmp_path / "more", ["oulu", "msu", "casia"], 2, 2, failures=FAILED)
    row = train(diff(made, more))
    assert (row["both"], row["only_a"]["count"]) == (4, 0)
    assert row["only_b"] == {
        "count": 4,
        "first": [
            {"video": "train/0_1.avi", "frame": 0},
            {"video": "train/0_1.avi", "frame": 5},
            {"video": "train/1_1.avi", "frame": 0},
        ],
    }
    lines = ocim(more, made).output.splitlines()
    assert (
        "oulu train: 4 samples only in A: train/0_1.avi frame 0, train/0_1.avi frame 5,"
        " train/1_1.avi frame 0, ..."
    ) in lines
    assert any(line.startswith("casia dev: 8 samples only in A: dev/0_0.avi") for line in lines)
    assert "msu: 6 source videos listed only in A: dev/0_1.avi, dev/1_1.avi, test/0_1.avi, ..." in (
        lines
    )
    assert not any("casia" in line and "source" in line for line in lines)


def test_samples_are_matched_by_identity_wherever_they_lie(made, copy):
    """The samples of one shard in another order are the same samples."""
    with h5py.File(copy / TRAIN, "r+") as file:
        for name in file:
            if isinstance(file[name], h5py.Dataset):
                file[name][...] = file[name][:][::-1]
    assert Shard(copy / TRAIN).video.tolist() == Shard(made / TRAIN).video.tolist()[::-1]
    assert diff(made, copy)["same"]


def test_samples_that_moved_to_another_split_are_told(made, copy):
    """The test shard becomes one of dev, beside dev's own."""

    def edit(manifest):
        for entry in manifest["shards"]:
            if (entry["dataset"], entry["split"]) == ("oulu", "test"):
                entry["split"] = "dev"

    edit_manifest(copy, edit)
    found = diff(made, copy)
    assert found["moved"] == [
        {
            "dataset": "oulu", "from": "test", "to": "dev", "count": 4,
            "first": [
                {"video": "test/0_0.avi", "frame": 0},
                {"video": "test/0_0.avi", "frame": 5},
                {"video": "test/1_0.avi", "frame": 0},
            ],
        }
    ]  # fmt: skip
    assert not any(row["only_a"]["count"] or row["only_b"]["count"] for row in found["splits"])
    assert "oulu: 4 samples moved from test to dev: test/0_0.avi" in ocim(made, copy).output


def test_failures_remarks_and_corrections_only_in_one_are_told(made, copy):
    def edit(manifest):
        manifest["failures"] = [{**FAILED[0], "reason": "no face at all"}]
        manifest["remarks"] = [{"dataset": "msu", "video": "b", "frame": -1, "text": "damage"}] * 2
        manifest["corrections"] = [
            {"dataset": "oulu", "video": "c", "frames": "3-4", "action": "rotate", "value": "90",
             "reason": "lies", "before": "", "samples": 1},
        ]  # fmt: skip

    edit_manifest(copy, edit)
    found = diff(made, copy)
    assert found["failures"]["only_a"] == FAILED
    assert [row["reason"] for row in found["failures"]["only_b"]] == ["no face at all"]
    assert len(found["remarks"]["only_b"]) == 2
    lines = ocim(made, copy).output.splitlines()
    assert lines[2:] == [
        "failures only in A: 1",
        "  oulu: a frame 5: no face",
        "failures only in B: 1",
        "  oulu: a frame 5: no face at all",
        "remarks only in B: 2",
        "  msu: b: damage",
        "  msu: b: damage",
        "corrections only in B: 1",
        "  oulu: c frame 3-4: rotate 90 lies",
    ]


def test_a_source_video_with_another_sha256_is_named(made, copy):
    with h5py.File(copy / TRAIN, "r+") as file:
        hashes = file["videos/sha256"][:]
        before = hashes[1].decode()
        hashes[1] = b"f" * 64
        file["videos/sha256"][...] = hashes
        file["videos/upside_down"][0] = 1
    assert diff(made, copy)["videos"] == [
        {"dataset": "oulu", "video": "train/0_0.avi", "upside_down": {"a": 0, "b": 1}},
        {"dataset": "oulu", "video": "train/1_0.avi", "sha256": {"a": before, "b": "f" * 64}},
    ]
    assert f"oulu: video train/1_0.avi: sha256: {before} -> {'f' * 64}" in ocim(made, copy).output


def test_a_field_that_one_bundle_lacks_is_told(made, copy):
    with h5py.File(copy / TRAIN, "r+") as file:
        del file["yaw"]
    assert only_fields(diff(made, copy)) == {"yaw": {"samples": 4, "missing_in": "b"}}
    assert only_fields(diff(copy, made)) == {"yaw": {"samples": 4, "missing_in": "a"}}
    assert "oulu train: yaw: missing in B" in ocim(made, copy).output.splitlines()


def test_json_has_all_and_is_canonical(made, copy):
    set_pixels(copy, 0, depth=0.5)
    done = ocim(made, copy, "--json")
    assert done.exit_code == 1
    assert json.loads(done.output) == diff(made, copy)
    assert done.output == canonical_json(diff(made, copy))
    assert ocim(made, made, "--json").exit_code == 0


def test_what_is_no_bundle_or_damaged_is_told(made, copy, tmp_path):
    with pytest.raises(BundleError, match=r"bundle\.json"):
        diff(made, tmp_path / "gone")
    (copy / TRAIN).write_bytes((copy / TRAIN).read_bytes()[:5000])
    with pytest.raises(BundleError, match=TRAIN):
        diff(made, copy)


def test_the_command_tells_no_bundle_in_one_line_and_exits_with_2(made, tmp_path):
    ocim_here = Path(sys.executable).with_name("ocim")
    words = [ocim_here, "bundle", "diff", made, tmp_path]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"ocim: {tmp_path / 'bundle.json'}: not a readable manifest")


def test_a_sample_that_stands_twice_is_told(made, copy):
    with h5py.File(copy / TRAIN, "r+") as file:
        file["video"][1], file["frame"][1] = file["video"][0], file["frame"][0]
    with pytest.raises(BundleError, match=f"{TRAIN}: .* stands twice"):
        diff(made, copy)


def test_names_with_control_letters_do_not_reach_the_terminal(made, copy):
    failed = [{**FAILED[0], "video": "a\x1b[2J"}]
    edit_manifest(copy, lambda manifest: manifest.update(failures=failed))
    text = "\n".join(to_lines(diff(made, copy)))
    assert "\x1b" not in text
    assert r"a\x1b[2J" in text
