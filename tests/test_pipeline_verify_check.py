"""A bundle as a whole: its manifest, its notice, its files, and what holds between shards."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
from click.testing import CliRunner, Result
from made_bundle import change_shard, edit_manifest, fit, make_bundle, only

from pipeline.bundle import FIELDS, MANIFEST, NOTICE
from pipeline.cli import cli
from pipeline.errors import UserError
from pipeline.verify.check import verify

TRAIN = "oulu-train-00000-of-00001.h5"
TEST = "oulu-test-00000-of-00001.h5"
HASH = f"{MANIFEST}: damaged, or edited by hand: it does not fit the hash that it carries"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of one dataset: train and test, of a live sample and a spoof each."""
    return only(make_bundle(tmp_path_factory.mktemp("made"), ["oulu"], 1, 1), TRAIN, TEST)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of one split in two shards, of two samples each."""
    folder = make_bundle(tmp_path_factory.mktemp("pieces"), ["oulu"], 1, 2, pieces=2)
    return only(folder, *FIRST_AND_SECOND)


FIRST_AND_SECOND = ("oulu-train-00000-of-00002.h5", "oulu-train-00001-of-00002.h5")


def copied(source: Path, folder: Path) -> Path:
    return Path(shutil.copytree(source, folder / "bundle"))


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    return copied(made, tmp_path)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["bundle", "verify", *map(str, words)])


def test_the_command_says_in_one_line_that_all_is_right(bundle):
    size = sum(path.stat().st_size for path in bundle.iterdir())
    done = run(bundle, "--jobs", "1")
    assert done.exit_code == 0
    assert done.output == f"{bundle}: right: 2 shards, 4 samples, {size / 1e6:.1f} MB\n"


def test_the_command_begins_each_line_with_the_files_name_and_ends_with_1(bundle):
    (bundle / NOTICE).write_text("other\n")
    (bundle / TEST).unlink()
    done = run(bundle)
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        f"{NOTICE}: damaged or edited: it is not the 'notice' of {MANIFEST}",
        f"{TEST}: missing",
    ]


def test_the_command_tells_the_same_as_json(bundle):
    assert json.loads(run(bundle, "--json").output)["right"] is True
    change_shard(bundle / TEST, lambda file: file["depth"].__setitem__(slice(None), 0))
    done = run(bundle, "--json")
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


def edit_entry(**change: Any) -> Callable[[dict[str, Any]], None]:
    """Change what the manifest says of the shard of train."""

    def edit(manifest: dict[str, Any]) -> None:
        entry = next(one for one in manifest["shards"] if one["split"] == "train")
        entry.update(change)

    return edit


COUNTS = "its shards have 2 samples, 1 live, 1 spoof"


@pytest.mark.parametrize(
    "edit, line",
    [
        (
            lambda manifest: manifest.update(schema=3),
            f"{MANIFEST}: schema 3, and 2 to 2 are read: a newer ocim made it; update ocim to"
            " read it",
        ),
        (
            lambda manifest: manifest["counts"]["oulu/train"].update(live=2),
            f"{MANIFEST}: oulu/train: {COUNTS}, and 'counts' says 2 samples, 2 live, 1 spoof",
        ),
        (
            lambda manifest: manifest["counts"].pop("oulu/train"),
            f"{MANIFEST}: oulu/train: {COUNTS}, and 'counts' says none",
        ),
        (
            lambda manifest: manifest.update(spoof_depth="raw"),
            f"{MANIFEST}: oulu: 'spoof_depth' is raw, by its settings zero",
        ),
        (lambda manifest: manifest.pop("remarks"), f"{MANIFEST}: 'remarks' is missing or no list"),
        (
            edit_entry(key="0" * 64),
            f"{TRAIN}: another shard than bundle.json lists: its key is not in bundle.json: it"
            " is of another bundle, or was packed at another time",
        ),
        (
            edit_entry(sha256="0" * 64),
            f"{TRAIN}: damaged: its sha256 is not that of bundle.json",
        ),
        (
            edit_entry(bytes=7),
            f"{TRAIN}: damaged: SIZE bytes, by bundle.json 7",
        ),
    ],
)  # fmt: skip
def test_a_manifest_that_is_wrong_in_one_place_is_the_only_line(bundle, edit, line):
    edit_manifest(bundle, edit)
    size = (bundle / TRAIN).stat().st_size
    assert verify(bundle).lines == [line.replace("SIZE", str(size))]


def test_counts_of_an_entry_that_are_not_those_of_its_shard_are_found(bundle):
    edit_manifest(bundle, edit_entry(live=2, spoof=0))
    fit(bundle)  # the table `counts` follows the entry
    line = "it holds 2 samples, 1 live, 1 spoof; by bundle.json 2, 2, 0"
    assert verify(bundle).lines == [f"{TRAIN}: {line}"]


def test_a_split_without_one_of_its_shards_is_found(pieces, tmp_path):
    bundle = copied(pieces, tmp_path)
    assert verify(bundle).lines == []
    (bundle / FIRST_AND_SECOND[0]).unlink()
    fit(bundle)
    assert verify(bundle).lines == [f"{MANIFEST}: oulu train: 1 shards are listed of 2"]


@pytest.mark.parametrize(
    "file, why",
    [
        ("../x.h5", "the file ../x.h5 is not a plain name of a file in the bundle"),
        ("/x.h5", "the file /x.h5 is not a plain name of a file in the bundle"),
        ("", "the file '' is not a plain name of a file in the bundle"),
        ("a\0.h5", "the file 'a\\x00.h5' is not a plain name of a file in the bundle"),
        (NOTICE, "the file NOTICE.txt is not named as a shard of oulu, train is"),
        (
            "oulu-dev-00000-of-00001.h5",
            "the file oulu-dev-00000-of-00001.h5 is not named as a shard of oulu, train is",
        ),
        (7, "'file' is missing or no text"),
    ],
)
def test_a_shard_that_is_listed_under_an_impossible_name_is_found(bundle, file, why):
    edit_manifest(bundle, edit_entry(file=file))
    assert verify(bundle).lines == [
        f"{MANIFEST}: shard 0: {why}",
        f"{TRAIN}: bundle.json does not list it; remove it, or run ocim pack again",
    ]


@pytest.mark.parametrize(
    "change, line",
    [
        (lambda text: text.replace('"spoof": 1', '"spoof": 7', 1), HASH),
        (
            lambda text: text.replace("\n ", "\n  ", 1),
            f"{MANIFEST}: damaged, or edited by hand: its text is not the canonical one",
        ),
        (
            lambda text: text[:-1],
            f"{MANIFEST}: damaged, or edited by hand: its text is not the canonical one",
        ),
        (lambda text: text.replace('"remarks": []', '"remarks": NaN'), HASH),
        (lambda text: text.replace('"remarks": []', '"remarks": ["\\ud800"]'), HASH),
    ],
)
def test_a_manifest_that_was_touched_is_told_first(bundle, change, line):
    path = bundle / MANIFEST
    text = path.read_text()
    path.write_text(change(text))
    assert path.read_text() != text
    assert verify(bundle).lines[0] == line


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "\x00", None])
def test_shards_are_checked_where_the_manifest_cannot_be_read(bundle, text):
    def spoil(file: h5py.File) -> None:
        file["image"][0, 0, 0, 0] = 99

    change_shard(bundle / TEST, spoil, checksums=False)
    (bundle / MANIFEST).unlink()
    if text is not None:
        (bundle / MANIFEST).write_text(text)
    first, second = verify(bundle).lines
    assert first.startswith(f"{MANIFEST}: ")
    assert second.startswith(f"{TEST}: sample 0 (video test/")
    assert second.endswith("): image, depth and parsing do not fit the checksum")


def test_a_manifest_of_absurd_size_is_not_read(bundle):
    os.truncate(bundle / MANIFEST, 10_000_000_000)
    line = f"{MANIFEST}: damaged: 10000000000 bytes, and no manifest has that many"
    assert verify(bundle).lines == [line]


def test_what_no_finished_bundle_has_is_found(bundle):
    stranger = "oulu-dev-00000-of-00001.h5"
    shutil.copy(bundle / TEST, bundle / stranger)
    for name in (".oulu-train-000.0a1b2c3d.77.tmp.h5", ".bundle.0a1b2c3d.77.tmp.json", "a.txt"):
        (bundle / name).write_bytes(b"")
    stopped = "left over by a run that was stopped; remove it"
    assert verify(bundle).lines == [
        f".bundle.0a1b2c3d.77.tmp.json: {stopped}",
        f".oulu-train-000.0a1b2c3d.77.tmp.h5: {stopped}",
        f"{stranger}: bundle.json does not list it; remove it, or run ocim pack again",
    ]


@pytest.mark.parametrize("name", [TRAIN, NOTICE, MANIFEST])
def test_a_link_that_leads_out_of_the_bundle_is_not_followed(bundle, tmp_path, name):
    (bundle / name).rename(tmp_path / "elsewhere")
    (bundle / name).symlink_to(tmp_path / "elsewhere")
    line = f"{name}: a link that leads out of the bundle; it is not followed"
    assert verify(bundle).lines == [line]


@pytest.mark.parametrize("name", [TRAIN, NOTICE, MANIFEST])
def test_a_pipe_or_a_folder_in_the_place_of_a_file_does_not_block(bundle, name):
    (bundle / name).unlink()
    os.mkfifo(bundle / name)
    assert verify(bundle).lines == [f"{name}: not a regular file"]
    (bundle / name).unlink()
    (bundle / name).mkdir()
    assert verify(bundle).lines == [f"{name}: not a regular file"]


def test_a_bundle_is_checked_through_a_link_to_its_folder(bundle, tmp_path):
    (tmp_path / "link").symlink_to(bundle)
    assert verify(tmp_path / "link").lines == []


def test_two_shards_in_each_others_place_are_told_by_name(pieces, tmp_path):
    bundle = copied(pieces, tmp_path)
    first, second = (bundle / name for name in FIRST_AND_SECOND)
    first.rename(bundle / "x")
    second.rename(first)
    (bundle / "x").rename(second)
    fit(bundle)
    assert verify(bundle).lines == [
        f"{here.name}: another shard than bundle.json lists: its key is that of {there.name}"
        for here, there in ((first, second), (second, first))
    ]


def test_a_shard_of_another_dataset_is_told(bundle, tmp_path):
    other = make_bundle(tmp_path / "other", ["msu"], 1, 1)
    shutil.copy(other / "msu-train-00000-of-00001.h5", bundle / TRAIN)
    fit(bundle)
    (line,) = verify(bundle).lines
    assert line.startswith(
        f"{TRAIN}: another shard than bundle.json lists: dataset is msu, not oulu; its key is not"
    )


def test_a_shard_of_another_split_is_told(bundle):
    shutil.copy(bundle / TEST, bundle / TRAIN)
    fit(bundle)
    (line,) = verify(bundle).lines
    told = f"split is test, not train; its key is that of {TEST}"
    assert line == f"{TRAIN}: another shard than bundle.json lists: {told}"


def test_a_sample_in_two_shards_is_found(pieces, tmp_path):
    """The last sample of the first shard becomes the first of the second."""
    bundle = copied(pieces, tmp_path)
    first, second = FIRST_AND_SECOND
    with h5py.File(bundle / first) as file:
        last = {name: file[name][1] for name in FIELDS}

    def change(file: h5py.File) -> None:
        for name, value in last.items():
            file[name][0] = value

    change_shard(bundle / second, change)

    def recount(manifest: dict[str, Any]) -> None:
        with h5py.File(bundle / second) as file:
            live = int(file["live"][:].sum())
        manifest["shards"][1].update(live=live, spoof=2 - live)

    edit_manifest(bundle, recount)
    fit(bundle)
    assert verify(bundle).lines == [f"{second}: sample 0: the same sample as number 1 of {first}"]


def test_shards_of_a_split_in_the_wrong_order_are_found(pieces, tmp_path):
    """The samples of both shards change places, and each shard keeps the key of its place."""
    bundle = copied(pieces, tmp_path)
    first, second = (bundle / name for name in FIRST_AND_SECOND)
    with h5py.File(first, "r+") as one, h5py.File(second, "r+") as two:
        for name in FIELDS:
            one_has, two_has = one[name][:], two[name][:]
            one[name][:], two[name][:] = two_has, one_has

    def recount(manifest: dict[str, Any]) -> None:
        for entry in manifest["shards"]:
            with h5py.File(bundle / entry["file"]) as file:
                live = int(file["live"][:].sum())
            entry.update(live=live, spoof=2 - live)

    edit_manifest(bundle, recount)
    fit(bundle)
    text = f"out of the bundle's order: some of its samples belong before the end of {first.name}"
    assert verify(bundle).lines == [f"{second.name}: {text}"]


def test_shards_of_a_split_that_list_other_videos_are_found(pieces, tmp_path):
    bundle = copied(pieces, tmp_path)
    first, second = FIRST_AND_SECOND

    def change(file: h5py.File) -> None:
        file["videos/sha256"][0] = b"0" * 64

    change_shard(bundle / second, change)
    assert verify(bundle).lines == [f"{second}: its table 'videos' is not that of {first}"]


def test_a_subject_in_two_splits_is_found_however_it_is_written(bundle):
    def change(file: h5py.File) -> None:
        file["subject"][:] = b"TEST  0"  # the split of test has "test 0"

    change_shard(bundle / TRAIN, change)
    line = f"subject TEST  0 is in test too, in {TEST}"
    assert verify(bundle).lines == [f"{TRAIN}: {line}"]
