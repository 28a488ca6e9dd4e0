"""A bundle as a whole is checked: the command, the folder and the files that lie in it."""

import json
import os
import shutil
from functools import partial

import h5py
import pytest
from command_line import in_process
from made_bundle import change_shard
from made_verify import TEST, TRAIN

from pipeline.bundle import MANIFEST, NOTICE
from pipeline.errors import UserError
from pipeline.verify.check import verify

run = partial(in_process, "bundle", "verify")

pytest_plugins = "made_verify"


def test_the_command_says_in_one_line_that_all_is_right(two_splits):
    size = sum(path.stat().st_size for path in two_splits.iterdir())
    done = run(two_splits, "--jobs", "1")
    assert done.exit_code == 0
    assert done.output == f"{two_splits}: right: 2 shards, 4 samples, {size / 1e6:.1f} MB\n"


def test_the_command_begins_each_line_with_the_files_name_and_ends_with_1(two_splits):
    (two_splits / NOTICE).write_text("other\n")
    (two_splits / TEST).unlink()
    done = run(two_splits)
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        f"{NOTICE}: damaged or edited: it is not the 'notice' of {MANIFEST}",
        f"{TEST}: missing",
    ]


def test_the_command_tells_the_same_as_json(two_splits):
    assert json.loads(run(two_splits, "--json").output)["right"] is True
    change_shard(two_splits / TEST, lambda file: file["depth"].__setitem__(slice(None), 0))
    done = run(two_splits, "--json")
    told = json.loads(done.output)
    assert (done.exit_code, told["right"], told["samples"], told["shards"]) == (1, False, 4, 2)
    (finding,) = told["findings"]
    assert finding["file"] == TEST
    assert finding["kind"] == "no depth on a live sample"
    assert (finding["video"], finding["frame"]) == ("test/1_0.avi", 0)
    assert finding["line"].startswith(f"{TEST}: sample {finding['sample']} (video test/1_0.avi,")


@pytest.mark.parametrize("there", [[], ["crops.h5"], ["a.txt"]])
def test_a_folder_that_is_no_bundle_is_a_users_error(tmp_path, there):
    for name in there:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match="no bundle: it has neither"):
        verify(tmp_path)
    with pytest.raises(UserError, match="No such file or directory; give the folder"):
        verify(tmp_path / "gone")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="Not a directory; give the folder"):
        verify(tmp_path / "file")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "\x00", None])
def test_shards_are_checked_where_the_manifest_cannot_be_read(two_splits, text):
    def spoil(file: h5py.File) -> None:
        file["image"][0, 0, 0, 0] = 99

    change_shard(two_splits / TEST, spoil, checksums=False)
    (two_splits / MANIFEST).unlink()
    if text is not None:
        (two_splits / MANIFEST).write_text(text)
    first, second = verify(two_splits).lines
    assert first.startswith(f"{MANIFEST}: ")
    assert second.startswith(f"{TEST}: sample 0 (video test/")
    assert second.endswith("): image, depth and parsing do not fit the checksum")


def test_what_no_finished_bundle_has_is_found(two_splits):
    stranger = "oulu-dev-00000-of-00001.h5"
    shutil.copy(two_splits / TEST, two_splits / stranger)
    for name in (".oulu-train-000.0a1b2c3d.77.tmp.h5", ".bundle.0a1b2c3d.77.tmp.json", "a.txt"):
        (two_splits / name).write_bytes(b"")
    stopped = "left over by a run that was stopped; remove it"
    assert verify(two_splits).lines == [
        f".bundle.0a1b2c3d.77.tmp.json: {stopped}",
        f".oulu-train-000.0a1b2c3d.77.tmp.h5: {stopped}",
        f"{stranger}: bundle.json does not list it; remove it, or run ocim pack again",
    ]


@pytest.mark.parametrize("name", [TRAIN, NOTICE, MANIFEST])
def test_a_link_that_leads_out_of_the_bundle_is_not_followed(two_splits, tmp_path, name):
    (two_splits / name).rename(tmp_path / "elsewhere")
    (two_splits / name).symlink_to(tmp_path / "elsewhere")
    line = f"{name}: a link that leads out of the bundle; it is not followed"
    assert verify(two_splits).lines == [line]


@pytest.mark.parametrize("name", [TRAIN, NOTICE, MANIFEST])
def test_a_pipe_or_a_folder_in_the_place_of_a_file_does_not_block(two_splits, name):
    (two_splits / name).unlink()
    os.mkfifo(two_splits / name)
    assert verify(two_splits).lines == [f"{name}: not a regular file"]
    (two_splits / name).unlink()
    (two_splits / name).mkdir()
    assert verify(two_splits).lines == [f"{name}: not a regular file"]


def test_a_bundle_is_checked_through_a_link_to_its_folder(two_splits, tmp_path):
    (tmp_path / "link").symlink_to(two_splits)
    assert verify(tmp_path / "link").lines == []
