"""What is wrong between shards, or between a shard and the manifest, is found."""

import shutil
from pathlib import Path
from typing import Any

import h5py
import pytest
from made_bundle import change_shard, edit_manifest, fit, make_bundle
from made_verify import FIRST_AND_SECOND, TEST, TRAIN, train_and_test, two_pieces

from pipeline.bundle import FIELDS
from pipeline.verify.check import verify


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_pieces(tmp_path_factory.mktemp("pieces"))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return train_and_test(tmp_path / "bundle")


def test_two_shards_in_each_others_place_are_told_by_name(pieces, tmp_path):
    bundle = Path(shutil.copytree(pieces, tmp_path / "bundle"))
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
    bundle = Path(shutil.copytree(pieces, tmp_path / "bundle"))
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
    bundle = Path(shutil.copytree(pieces, tmp_path / "bundle"))
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
    bundle = Path(shutil.copytree(pieces, tmp_path / "bundle"))
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
