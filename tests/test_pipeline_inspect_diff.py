"""What two bundles do not have in common is told, in lines and as JSON."""

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import pytest
from command_line import mistake
from made_bundle import change_shard, edit_manifest, make_bundle
from made_diff import FAILED, TRAIN, ocim

from pipeline.bundle import PIXELS, BundleError, Shard, canonical_json
from pipeline.inspect.diff import diff
from pipeline.inspect.diff_text import to_lines

pytest_plugins = ["made_diff"]


def train(found: dict[str, Any]) -> dict[str, Any]:
    (row,) = (r for r in found["splits"] if (r["dataset"], r["split"]) == ("oulu", "train"))
    return row


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
    samples = "train/0_1.avi frame 0, train/0_1.avi frame 5, train/1_1.avi frame 0, ..."
    assert f"oulu train: 4 samples only in A: {samples}" in lines
    assert any(line.startswith("casia dev: 8 samples only in A: dev/0_0.avi") for line in lines)
    videos = "dev/0_1.avi, dev/1_1.avi, test/0_1.avi, ..."
    assert f"msu: 6 source videos listed only in A: {videos}" in lines
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


def test_json_has_all_and_is_canonical(made, copy):
    change_shard(copy / TRAIN, lambda file: file["depth"].__setitem__(0, 0.5))
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
    line = mistake("bundle", "diff", made, tmp_path)
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
