import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from made_bundle import make_bundle

from pipeline.bundle import Bundle, BundleError
from train.domain import Domain


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("domain") / "bundle", ["oulu"], pieces=3)


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


def test_announcing_reads_nothing_into_the_process_and_changes_nothing(folder: Path):
    domain = Domain(Bundle(folder), "oulu")
    before = domain.read(range(24), "image")
    domain.announce(range(24))
    domain.announce([])
    assert torch.equal(domain.read(range(24), "image"), before)


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
