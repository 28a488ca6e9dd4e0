"""train/batches/data.py: the batch of one source, its sizes, its augmentation, its landmarks."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from made_bundle import edit_manifest, make_bundle

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from train.batches.chance import Drawn
from train.batches.data import Source, prepare
from train.batches.domain import Domain
from train.config import Settings
from train.settings import settings_from_dict

CPU = torch.device("cpu")
EVERY = "flip+zoom+colour+blur+erase+jpeg"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle(make_bundle(tmp_path_factory.mktemp("data") / "bundle", ["oulu"]))


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


def test_a_source_without_live_samples_is_named(tmp_path: Path):
    bundle = Bundle(make_bundle(tmp_path / "bundle", ["casia"], 1, 1, classes=(0,)))
    with pytest.raises(UserError, match="'casia' has no live sample"):
        Source(Domain(bundle, "casia"), Settings())


def test_a_bundle_whose_spoofs_keep_their_depth_trains_nothing(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["casia"], 1, 1)
    edit_manifest(folder, lambda manifest: manifest.update(spoof_depth="raw"))
    with pytest.raises(UserError, match=r"'casia': spoofs keep their depth .* with zero to train"):
        Source(Domain(Bundle(folder), "casia"), Settings())


def test_each_process_has_a_source_of_its_own(bundle: Bundle):
    domain, settings = Domain(bundle, "oulu"), Settings(batch=4)
    sources = [Source(domain, settings, rank, 3) for rank in range(3)]
    shown = [source.samples(step) for step in range(sources[0].steps) for source in sources]
    assert len(set(np.concatenate(shown).tolist())) == 2 * 3 * 2 * 2
    with pytest.raises(ValueError, match="rank 3 of 3"):
        Source(domain, settings, 3, 3)


def test_a_batch_carries_landmarks_where_they_are_asked_for(bundle: Bundle):
    domain = Domain(bundle, "oulu")
    settings = Settings(input_size=64, batch=8, augmentation="flip")
    assert Source(domain, settings).batch(0, CPU).landmarks is None
    plain = Source(domain, Settings(input_size=64, batch=8), landmarks=True).batch(0, CPU)
    # in the frame they are all at 0, in the crop at (3, 4), a quarter of that at 64 pixels
    assert plain.landmarks is not None
    assert plain.landmarks.unique(dim=1).tolist() == [[[0.75, 1.0, 0.0]]] * 8
    flipped = Source(domain, settings, landmarks=True).batch(0, CPU)
    assert flipped.landmarks is not None
    for points, image, before in zip(flipped.landmarks, flipped.images, plain.images, strict=True):
        x = 0.75 if torch.equal(image, before) else 64 - 0.75
        assert points.unique(dim=0).tolist() == [[x, 1.0, 0.0]]


def test_flipped_landmarks_change_sides_with_the_picture():
    points = torch.stack([torch.arange(468.0), torch.zeros(468), torch.zeros(468)], 1)[None]
    settings = Settings(input_size=256)
    made = prepare(
        torch.zeros(1, 256, 256, 3, dtype=torch.uint8),
        torch.zeros(1, 32, 32),
        torch.zeros(1, 256, 256, dtype=torch.uint8),
        torch.ones(1),
        settings,
        Drawn(flip=torch.tensor([True])),
        points,
    )
    assert made.landmarks is not None
    # 33 and 263 are the outer corners of the right and the left eye, 4 is the tip of the nose.
    x = made.landmarks[0, :, 0]
    assert (x[33], x[263], x[4]) == (256 - 263, 256 - 33, 256 - 4)


def test_a_source_sent_to_another_process_stays_that_of_its_rank(bundle: Bundle):
    source = Source(Domain(bundle, "oulu"), Settings(batch=4), 1, 2, landmarks=True)
    again = pickle.loads(pickle.dumps(source))
    for step in range(3):
        np.testing.assert_array_equal(again.samples(step), source.samples(step))
    assert (again.rank, again.ranks, again.landmarks) == (1, 2, True)
    assert again.read(again.samples(0)).landmarks is not None


def test_each_rank_has_its_own_augmentations(bundle: Bundle):
    settings = Settings(input_size=64, batch=8, augmentation="zoom")
    domain = Domain(bundle, "oulu")
    raw = Source(domain, settings, 0, 2).read(np.arange(8))
    first, second = (Source(domain, settings, rank, 2).finish(raw, 0, CPU) for rank in (0, 1))
    assert not torch.equal(first.images, second.images)


def test_every_augmentation_together_keeps_shapes_and_ranges(bundle: Bundle):
    settings = Settings(input_size=64, batch=8, augmentation=EVERY)
    source = Source(Domain(bundle, "oulu"), settings, landmarks=True)
    batch = source.batch(0, CPU)
    plain = Source(source.domain, Settings(input_size=64, batch=8)).batch(0, CPU)
    assert batch.images.shape == plain.images.shape and batch.images.dtype == torch.float32
    assert float(batch.images.min()) >= 0 and float(batch.images.max()) <= 1
    assert not any(torch.equal(a, b) for a, b in zip(batch.images, plain.images, strict=True))
    assert float(batch.depth.min()) >= 0 and float(batch.depth.max()) <= 1
    assert float(batch.depth[4:].abs().max()) == 0
    assert set(batch.parsing.unique().tolist()) <= {0, 4, 5}
    again = source.batch(0, CPU)
    assert torch.equal(again.images, batch.images) and torch.equal(again.depth, batch.depth)


@pytest.mark.slow
def test_hsv_is_made_of_the_changed_colours(bundle: Bundle):
    settings = Settings(input_size=64, batch=8, augmentation="colour+jpeg", colour_range=0.5)
    images = Source(Domain(bundle, "oulu"), settings).batch(0, CPU).images
    torch.testing.assert_close(images[:, 5], images[:, :3].amax(1))  # value is the largest


@pytest.mark.parametrize("augmentation", ["none", *EVERY.split("+"), EVERY])
@pytest.mark.parametrize("more", [{}, {"hsv": "rounded", "depth_target": "mask"}])
def test_no_sample_at_all_is_augmented_to_none(bundle: Bundle, augmentation: str, more: dict):
    settings = Settings(input_size=96, augmentation=augmentation, **more)
    source = Source(Domain(bundle, "oulu"), settings, landmarks=True)
    batch = source.finish(source.read(np.empty(0, np.int32)), 0, CPU)
    assert [tuple(part.shape) for part in batch] == [
        (0, 6, 96, 96), (0,), (0, 1, 12, 12), (0, 96, 96), (0, 468, 3)
    ]  # fmt: skip


@pytest.mark.parametrize("augmentation", ["none", "flip+colour"])
def test_channels_last_changes_where_values_lie_and_none_of_them(bundle: Bundle, augmentation: str):
    for side in (64, 256):
        settings = [Settings(input_size=side, batch=4, augmentation=augmentation, channels_last=on)
                    for on in (True, False)]  # fmt: skip
        last, first = (Source(Domain(bundle, "oulu"), one).batch(0, CPU).images for one in settings)
        assert torch.equal(last, first)
        assert last.is_contiguous(memory_format=torch.channels_last)
        assert first.is_contiguous() and not last.is_contiguous()


def test_a_flip_is_the_same_whatever_the_planes(bundle: Bundle):
    drawn = Drawn(flip=torch.tensor([True, False]))
    domain = Domain(bundle, "oulu")
    images, depth, parsing = (domain.read([0, 1], name) for name in ("image", "depth", "parsing"))
    settings = settings_from_dict({"variant": "ssdg"}, "test")
    plain = prepare(images, depth, parsing, torch.ones(2), settings).images
    flipped = prepare(images, depth, parsing, torch.ones(2), settings, drawn).images
    assert plain.shape == (2, 3, 256, 256)
    assert torch.equal(flipped, torch.stack([plain[0].flip(-1), plain[1]]))
