"""train/batches/domain.py: where the samples of a dataset lie, reading them, and pickling it."""

import ctypes
import mmap
import os
import pickle
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from made_bundle import make_bundle, only

from pipeline.bundle import Bundle, BundleError
from pipeline.errors import UserError
from train.batches.domain import Domain
from train.batches.loader import Waits


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("domain") / "bundle", ["oulu"], pieces=3)


def test_samples_lie_in_the_order_of_their_identity_without_dev(folder: Path):
    domain = Domain(Bundle(folder), "oulu")
    identities = list(zip(domain.video.tolist(), domain.frame.tolist(), strict=True))
    assert identities == sorted(identities)
    assert len(domain) == 2 * 3 * 2 * 2  # splits, videos, classes, frames
    assert not any(video.startswith("dev/") for video in domain.video)


def test_a_sample_read_is_the_sample_stored(tmp_path: Path):
    bundle = Bundle(make_bundle(tmp_path / "bundle", ["oulu"]))
    domain = Domain(bundle, "oulu")
    wanted = domain.video.tolist().index("train/0_1.avi") + 1  # its second frame
    shard = next(s for s in bundle.shards("oulu") if s.split == "train")
    row = np.flatnonzero((shard.video == "train/0_1.avi") & (shard.frame == 5))[0]
    for field in ("image", "depth", "parsing"):
        stored = getattr(shard, field)[row]
        np.testing.assert_array_equal(domain.read([wanted], field)[0].numpy(), stored)


def test_samples_of_several_shards_are_found_by_their_identity(folder: Path):
    domain = Domain(Bundle(folder), "oulu")
    stored = {
        (video, int(frame)): (shard, row)
        for shard in Bundle(folder).shards("oulu", ("train", "test"))
        for row, (video, frame) in enumerate(zip(shard.video, shard.frame, strict=True))
    }
    assert len(domain) == len(stored) == 24 and len(domain.shards) == 6
    drawn = [17, 3, 4, 23, 0, 3]  # not in order, and one twice
    for field in ("image", "depth", "parsing"):
        found = domain.read(drawn, field).numpy()
        for at, i in enumerate(drawn):
            shard, row = stored[domain.video[i], domain.frame[i]]
            np.testing.assert_array_equal(found[at], shard.read(field)[row])
    for i, (live, subject) in enumerate(
        zip(domain.live, domain.column("subject"), strict=True)
    ):  # train/1_0.avi: a living subject "train 0"
        split, rest = domain.video[i].split("/")
        assert (live, subject) == (int(rest[0]), f"{split} {rest[2]}")


def test_what_stays_in_memory_is_17_bytes_a_sample(folder: Path):
    domain = Domain(Bundle(folder), "oulu")
    arrays = [value for value in vars(domain).values() if isinstance(value, np.ndarray)]
    per_sample = [array for array in arrays if array is not domain.paths]
    assert sum(array.nbytes for array in per_sample) == 17 * len(domain)
    assert len(domain.paths) == len(set(domain.paths.tolist())) == 12
    for shard in domain.shards:  # they keep no column of their own either
        assert not any(isinstance(value, np.ndarray) for value in vars(shard).values())


def test_a_pickled_domain_is_small_and_reads_the_same(folder: Path):
    domain = Domain(Bundle(folder), "oulu")
    data = pickle.dumps(domain)
    assert len(data) < 300 * len(domain.shards)
    again = pickle.loads(data)
    assert again.video.tolist() == domain.video.tolist()
    assert torch.equal(again.read([5, 2], "image"), domain.read([5, 2], "image"))


def test_a_domain_has_the_splits_it_is_asked_for_and_keeps_them_pickled(folder: Path):
    bundle = Bundle(folder)
    whole = Domain(bundle, "oulu")
    assert whole.splits == ("train", "test")
    for splits, expected in ((("dev",), 12), (("train", "dev", "test"), 36)):
        domain = Domain(bundle, "oulu", splits)
        assert len(domain) == expected
        assert {video.partition("/")[0] for video in domain.video} == set(splits)
        again = pickle.loads(pickle.dumps(domain))
        assert again.splits == splits and again.video.tolist() == domain.video.tolist()


@pytest.mark.parametrize(
    ("splits", "text"), [(("dev",), "dev"), (("train", "test"), "train or test")]
)
def test_a_split_without_samples_is_named(tmp_path: Path, splits: tuple[str, ...], text: str):
    folder = make_bundle(tmp_path / "bundle", ["oulu"], 1, 1)
    rest = {"train", "dev", "test"} - set(splits)
    only(folder, *(f"oulu-{split}-00000-of-00001.h5" for split in rest))
    with pytest.raises(UserError, match=f"'oulu' has no sample in {text}$"):
        Domain(Bundle(folder), "oulu", splits)


def is_resident(path: Path, start: int, size: int) -> bool:
    """Whether bytes of a file lie in the system's memory, as mincore(2) tells."""
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as whole:
        pages = (ctypes.c_ubyte * (-(-len(whole) // mmap.PAGESIZE)))()
        held = (ctypes.c_char * len(whole)).from_buffer(whole)
        assert libc.mincore(ctypes.c_void_p(ctypes.addressof(held)), len(whole), pages) == 0
        del held
    first, end = start // mmap.PAGESIZE, -(-(start + size) // mmap.PAGESIZE)
    return all(page & 1 for page in pages[first:end])


@pytest.fixture
def forgotten(folder: Path, tmp_path: Path) -> Domain:
    """A domain whose files must be read from the disk again."""
    if sys.platform != "linux":
        pytest.skip("only Linux tells what it has in memory")
    domain = Domain(Bundle(shutil.copytree(folder, tmp_path / "bundle")), "oulu")
    os.sync()
    for shard in domain.shards:
        with shard.path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if is_resident(domain.shards[0].path, 16384, 65536):
        pytest.skip("this file system forgets nothing")
    return domain


def test_announced_pixels_come_into_the_systems_memory_and_change_nothing(
    folder: Path, forgotten: Domain
):
    shard, row = forgotten.shards[int(forgotten.shard[5])], int(forgotten.row[5])
    start = shard._places["image"].offset + row * 196_608
    assert not is_resident(shard.path, start, 196_608)
    forgotten.announce([5])
    forgotten.announce([])
    limit = time.monotonic() + 10
    while not is_resident(shard.path, start, 196_608):
        assert time.monotonic() < limit
        time.sleep(0.01)
    before = Domain(Bundle(folder), "oulu").read(range(24), "image")
    assert torch.equal(forgotten.read(range(24), "image"), before)


def test_waiting_for_the_disk_is_noticed_and_reading_from_memory_is_not(forgotten: Domain):
    waits = Waits()
    waits.for_the_disk()
    forgotten.read(range(24), "image")
    assert waits.for_the_disk()
    forgotten.read(range(24), "image")
    assert not waits.for_the_disk()


def test_landmarks_come_in_crop_pixels(folder: Path):
    domain = Domain(Bundle(folder), "oulu")
    for shard in domain.shards:  # frame to crop: x / 2 + 3, y / 2 + 4
        assert shard.read("affine", [0])[0].tolist() == [[0.5, 0, 3], [0, 0.5, 4]]
    found = domain.landmarks([0, 1])
    assert found.shape == (2, 468, 3) and found.dtype == torch.float32
    frame = domain.read([0, 1], "landmarks")
    torch.testing.assert_close(found, frame / 2 + torch.tensor([3.0, 4.0, 0.0]))


def test_a_shard_that_was_replaced_is_named_when_it_is_opened_again(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["oulu"], 1, 1)
    data = pickle.dumps(Domain(Bundle(folder), "oulu"))
    other = make_bundle(tmp_path / "other", ["oulu"], 2, 1)
    name = "oulu-test-00000-of-00001.h5"
    (other / name).replace(folder / name)
    with pytest.raises(BundleError, match=name):
        pickle.loads(data)
