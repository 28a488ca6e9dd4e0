"""What is wrong between shards, or between a shard and the manifest, is found."""

import shutil
from typing import Any

import h5py
from made_bundle import change_shard, edit_manifest, fit, make_bundle
from made_verify import FIRST_AND_SECOND, TEST, TRAIN

from pipeline.bundle import FIELDS
from pipeline.verify.check import verify

pytest_plugins = "made_verify"


def test_two_shards_in_each_others_place_are_told_by_name(two_pieces):
    first, second = (two_pieces / name for name in FIRST_AND_SECOND)
    first.rename(two_pieces / "x")
    second.rename(first)
    (two_pieces / "x").rename(second)
    fit(two_pieces)
    assert verify(two_pieces).lines == [
        f"{here.name}: another shard than bundle.json lists: its key is that of {there.name}"
        for here, there in ((first, second), (second, first))
    ]


def test_a_shard_of_another_dataset_is_told(two_splits, tmp_path):
    other = make_bundle(tmp_path / "other", ["msu"], 1, 1)
    shutil.copy(other / "msu-train-00000-of-00001.h5", two_splits / TRAIN)
    fit(two_splits)
    (line,) = verify(two_splits).lines
    assert line.startswith(
        f"{TRAIN}: another shard than bundle.json lists: dataset is msu, not oulu; its key is not"
    )


def test_a_shard_of_another_split_is_told(two_splits):
    shutil.copy(two_splits / TEST, two_splits / TRAIN)
    fit(two_splits)
    (line,) = verify(two_splits).lines
    told = f"split is test, not train; its key is that of {TEST}"
    assert line == f"{TRAIN}: another shard than bundle.json lists: {told}"


def test_a_sample_in_two_shards_is_found(two_pieces):
    """The last sample of the first shard becomes the first of the second."""
    first, second = FIRST_AND_SECOND
    with h5py.File(two_pieces / first) as file:
        last = {name: file[name][1] for name in FIELDS}

    def change(file: h5py.File) -> None:
        for name, value in last.items():
            file[name][0] = value

    change_shard(two_pieces / second, change)

    def recount(manifest: dict[str, Any]) -> None:
        with h5py.File(two_pieces / second) as file:
            live = int(file["live"][:].sum())
        manifest["shards"][1].update(live=live, spoof=2 - live)

    edit_manifest(two_pieces, recount)
    fit(two_pieces)
    line = f"{second}: sample 0: the same sample as number 1 of {first}"
    assert verify(two_pieces).lines == [line]


def test_shards_of_a_split_in_the_wrong_order_are_found(two_pieces):
    """The samples of both shards change places, and each shard keeps the key of its place."""
    first, second = (two_pieces / name for name in FIRST_AND_SECOND)
    with h5py.File(first, "r+") as one, h5py.File(second, "r+") as two:
        for name in FIELDS:
            one_has, two_has = one[name][:], two[name][:]
            one[name][:], two[name][:] = two_has, one_has

    def recount(manifest: dict[str, Any]) -> None:
        for entry in manifest["shards"]:
            with h5py.File(two_pieces / entry["file"]) as file:
                live = int(file["live"][:].sum())
            entry.update(live=live, spoof=2 - live)

    edit_manifest(two_pieces, recount)
    fit(two_pieces)
    text = f"out of the bundle's order: some of its samples belong before the end of {first.name}"
    assert verify(two_pieces).lines == [f"{second.name}: {text}"]


def test_shards_of_a_split_that_list_other_videos_are_found(two_pieces):
    first, second = FIRST_AND_SECOND

    def change(file: h5py.File) -> None:
        file["videos/sha256"][0] = b"0" * 64

    change_shard(two_pieces / second, change)
    assert verify(two_pieces).lines == [f"{second}: its table 'videos' is not that of {first}"]


def test_a_subject_in_two_splits_is_found_however_it_is_written(two_splits):
    def change(file: h5py.File) -> None:
        file["subject"][:] = b"TEST  0"  # the split of test has "test 0"

    change_shard(two_splits / TRAIN, change)
    line = f"subject TEST  0 is in test too, in {TEST}"
    assert verify(two_splits).lines == [f"{TRAIN}: {line}"]
