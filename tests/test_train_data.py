from pathlib import Path

import numpy as np
import pytest
import torch
from made_bundle import edit_manifest, make_bundle

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from train.config import Settings
from train.data import Cycle, Domain, Source, prepare, roles

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle(make_bundle(tmp_path_factory.mktemp("data") / "bundle", ["oulu"]))


def test_samples_lie_in_the_order_of_their_identity_without_dev(bundle: Bundle):
    domain = Domain(bundle, "oulu")
    identities = list(zip(domain.video.tolist(), domain.frame.tolist(), strict=True))
    assert identities == sorted(identities)
    assert len(domain) == 2 * 3 * 2 * 2  # splits, videos, classes, frames
    assert not any(video.startswith("dev/") for video, _ in identities)


def test_a_sample_read_is_the_sample_stored(bundle: Bundle):
    domain = Domain(bundle, "oulu")
    wanted = domain.video.tolist().index("train/0_1.avi") + 1  # its second frame
    shard = next(s for s in bundle.shards("oulu") if s.split == "train")
    row = np.flatnonzero((shard.video == "train/0_1.avi") & (shard.frame == 5))[0]
    for field in ("image", "depth", "parsing"):
        stored = getattr(shard, field)[row]
        np.testing.assert_array_equal(domain.read([wanted], field)[0].numpy(), stored)


def test_a_round_shows_each_sample_once_and_drops_the_short_rest():
    cycle = Cycle(np.arange(100, 123), 5, 0, "x")
    assert cycle.batches == 4
    seen = np.concatenate([cycle(step) for step in range(4)])
    assert len(seen) == len(set(seen.tolist())) == 20
    assert not np.array_equal(seen, np.concatenate([cycle(step) for step in range(4, 8)]))


def test_any_step_can_be_asked_for_without_those_before():
    cycle = Cycle(np.arange(23), 5, 7, "x")
    again = Cycle(np.arange(23), 5, 7, "x")
    later = cycle(11)
    for step in range(11):
        again(step)
    np.testing.assert_array_equal(later, again(11))
    assert not np.array_equal(later, Cycle(np.arange(23), 5, 8, "x")(11))
    assert not np.array_equal(later, Cycle(np.arange(23), 5, 7, "y")(11))


def test_a_list_shorter_than_its_share_is_repeated():
    drawn = Cycle(np.array([4, 9]), 5, 0, "x")(0)
    assert len(drawn) == 5
    assert np.bincount(drawn, minlength=10)[[4, 9]].tolist() in ([3, 2], [2, 3])


def test_batches_are_half_live_and_spoof_depth_is_zero(bundle: Bundle):
    settings = Settings(input_size=64, batch=8)
    batch = Source(Domain(bundle, "oulu"), settings).batch(0, CPU)
    assert batch.images.shape == (8, 6, 64, 64)
    assert batch.live.tolist() == [1.0] * 4 + [0.0] * 4
    assert batch.depth.shape == (8, 1, 8, 8)
    assert float(batch.depth[4:].abs().max()) == 0
    assert float(batch.depth[:4].amax((1, 2, 3)).min()) > 0.9
    assert batch.parsing.shape == (8, 64, 64)
    assert batch.parsing.dtype == torch.int64
    assert set(batch.parsing.unique().tolist()) == {0, 4, 5}


def test_a_flipped_batch_keeps_the_subjects_left_on_the_right(bundle: Bundle):
    settings = Settings(input_size=64, batch=8, augmentation="flip")
    source = Source(Domain(bundle, "oulu"), settings)
    plain = Source(Domain(bundle, "oulu"), Settings(input_size=64, batch=8)).batch(0, CPU)
    batch = source.batch(0, CPU)
    moved = [not torch.equal(a, b) for a, b in zip(batch.images, plain.images, strict=True)]
    assert 0 < sum(moved) < 8
    # class 4, the subject's left, lies at the right of the picture whether mirrored or not
    columns = (batch.parsing == 4).nonzero()[:, 2]
    assert int(columns.min()) >= 31
    for image, depth, moves, before in zip(batch.images, batch.depth, moved, plain.depth,
                                           strict=True):  # fmt: skip
        assert torch.equal(depth, before.flip(-1) if moves else before)
        assert image.shape == (6, 64, 64)


def test_the_mask_target_is_binary():
    depth = torch.zeros(1, 32, 32)
    depth[:, :16, :18] = 0.3
    images = torch.zeros(1, 256, 256, 3, dtype=torch.uint8)
    parsing = torch.zeros(1, 256, 256, dtype=torch.uint8)
    settings = Settings(depth_target="mask", input_size=64)
    made = prepare(images, depth, parsing, torch.ones(1), settings).depth[0, 0]
    assert made[0].tolist() == [1, 1, 1, 1, 1, 0, 0, 0]  # the fifth pixel is half covered
    assert made[:, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


def test_every_domain_is_meta_test_in_turn_by_seed():
    drawn = [roles(3, step, 3) for step in range(60)]
    assert all(sorted(order) == [0, 1, 2] for order in drawn)
    assert {order[-1] for order in drawn} == {0, 1, 2}
    assert drawn == [roles(3, step, 3) for step in range(60)]
    assert drawn != [roles(4, step, 3) for step in range(60)]


def test_a_source_without_live_samples_is_named(tmp_path: Path):
    bundle = Bundle(make_bundle(tmp_path / "bundle", ["casia"], 1, 1, classes=(0,)))
    with pytest.raises(UserError, match="'casia' has no live sample"):
        Source(Domain(bundle, "casia"), Settings())


def test_a_bundle_whose_spoofs_keep_their_depth_trains_nothing(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["casia"], 1, 1)
    edit_manifest(folder, lambda manifest: manifest.update(spoof_depth="raw"))
    with pytest.raises(UserError, match=r"'casia': spoofs keep their depth .* with zero to train"):
        Source(Domain(Bundle(folder), "casia"), Settings())
