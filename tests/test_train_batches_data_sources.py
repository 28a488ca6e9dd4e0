"""train/batches/data.py: the sources of a run, made together, balanced and pooled."""

import pickle

import numpy as np
import pytest
import torch
from made_batches import small_settings
from made_bundle import make_bundle

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from train.batches.data import Source, make_sources
from train.batches.domain import Domain
from train.config import Settings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Domain]:
    """24 samples each: 12 videos, 2 frames, half live."""
    bundle = Bundle(make_bundle(tmp_path_factory.mktemp("two") / "bundle", ["casia", "oulu"]))
    return [Domain(bundle, name) for name in ("casia", "oulu")]


def test_sources_made_together_draw_as_sources_made_alone(two: list[Domain]):
    settings = Settings(batch=4, seed=3)
    for rank in range(2):
        together = make_sources(two, settings, {}, rank, 2)
        for domain, source in zip(two, together, strict=True):
            alone = Source(domain, settings, rank, 2)
            assert (source.domain, source.rank, source.ranks) == (domain, rank, 2)
            assert source.steps == 3  # 12 live, 2 a process and step
            for step in (0, 4):
                np.testing.assert_array_equal(source.samples(step), alone.samples(step))


def test_subjects_are_left_out_of_the_source_they_are_named_for(two: list[Domain]):
    subjects = {"casia": frozenset(["train 0", "test 2"])}
    for settings in (
        Settings(batch=4),
        small_settings("ssan", batch=6),
        small_settings("ssan", batch=6, frames="all"),
    ):
        casia, oulu = make_sources(two, settings, subjects)
        for source, expected in ((casia, 4), (oulu, 6)):
            drawn = np.concatenate([source.samples(step) for step in range(60)])
            seen = set(source.domain.column("subject")[drawn])
            assert len(seen) == expected
            assert seen.isdisjoint(subjects.get(source.domain.name, ()))


def test_a_class_or_a_source_that_is_held_out_whole_is_named(two: list[Domain]):
    everybody = frozenset(two[0].column("subject"))
    rest = "in train or test but of subjects held out"
    with pytest.raises(UserError, match=f"'casia' has no live sample {rest}"):
        make_sources(two, Settings(), {"casia": everybody})
    with pytest.raises(UserError, match=f"'casia' has no sample {rest}"):
        make_sources(two, small_settings("ssan"), {"casia": everybody})
    with pytest.raises(ValueError, match=r"left out of \['msu'\], which are no sources"):
        make_sources(two, Settings(), {"msu": everybody})


def test_a_source_alone_draws_nothing_from_a_pool(two: list[Domain]):
    with pytest.raises(ValueError, match="make_sources makes them together"):
        Source(two[0], small_settings("ssan"))


def test_a_pooled_step_has_a_batch_over_all_sources(two: list[Domain]):
    sources = make_sources(two, small_settings("ssan", batch=8, frames="all"))
    assert [source.steps for source in sources] == [48 // 8] * 2
    shares = set()
    for step in range(6):
        batches = [source.batch(step, CPU) for source in sources]
        counts = tuple(len(batch.live) for batch in batches)
        assert sum(counts) == 8
        shares.add(counts)
        for source, batch in zip(sources, batches, strict=True):
            drawn = source.samples(step)
            assert batch.images.shape == (len(drawn), 3, 64, 64)
            assert batch.live.tolist() == source.domain.live[drawn].tolist()
    assert len(shares) > 1  # neither domain balanced ...
    live = {int(source.domain.live[source.samples(step)].sum())
            for step in range(6) for source in sources}  # fmt: skip
    assert len(live) > 1  # ... nor class balanced


def test_a_step_without_a_sample_of_a_source_gives_an_empty_batch(two: list[Domain]):
    settings = small_settings("ssan", batch=2, augmentation="flip+zoom+colour+blur+erase+jpeg")
    sources = make_sources(two, settings)
    step = next(n for n in range(100) if not len(sources[0].samples(n)))
    full = sources[1].batch(step, CPU)
    assert len(full.live) == 2
    empty = sources[0].batch(step, CPU)
    for found, other in zip(empty[:4], full[:4], strict=True):
        assert found.shape == (0, *other.shape[1:]) and found.dtype == other.dtype


def test_pooled_processes_share_a_step_and_no_augmentation(two: list[Domain]):
    settings = small_settings("ssan", batch=6, augmentation="zoom")
    both = [make_sources(two, settings, rank=rank, ranks=2) for rank in range(2)]
    step = next(n for n in range(100) if len(both[0][0].samples(n)) != len(both[1][0].samples(n)))
    raw = both[0][0].read(np.zeros(4, np.int32))  # one picture four times
    first, second = (sources[0].finish(raw, step, CPU).images for sources in both)
    pictures = torch.cat([first, second]).flatten(1)
    assert len(pictures.unique(dim=0)) == 8
    # what fewer samples get is the beginning of what more get
    fewer = both[1][0].read(np.zeros(2, np.int32))
    assert torch.equal(both[1][0].finish(fewer, step, CPU).images, second[:2])


def test_pooled_sources_sent_to_another_process_draw_the_same(two: list[Domain]):
    subjects = {"oulu": frozenset(["train 1"])}
    sources = make_sources(two, small_settings("ssan", batch=4), subjects, 1, 2)
    again = pickle.loads(pickle.dumps(sources))
    for step in (7, 0, 3):
        for source, other in zip(sources, again, strict=True):
            np.testing.assert_array_equal(other.samples(step), source.samples(step))
            again_batch, batch = other.batch(step, CPU), source.batch(step, CPU)
            assert all(map(torch.equal, again_batch[:4], batch[:4]))


def test_a_step_that_is_held_keeps_its_values_while_others_are_read(two: list[Domain]):
    source = make_sources(two, small_settings("ssan", batch=6))[0]
    held = [source.read(source.samples(step)) for step in range(6)]
    for step, raw in enumerate(held):
        drawn = source.samples(step)
        assert torch.equal(raw.images, source.domain.read(drawn, "image"))
        assert raw.images.untyped_storage().nbytes() == len(drawn) * 256 * 256 * 3


def test_a_batch_has_the_planes_of_the_settings(two: list[Domain]):
    sources = make_sources(
        two, small_settings("ssan", batch=8, input_size=256, augmentation="none")
    )
    images = sources[0].batch(0, CPU).images
    drawn = sources[0].samples(0)
    stored = two[0].read(drawn, "image").double().permute(0, 3, 1, 2)
    torch.testing.assert_close(images.double(), (stored - 127.5) / 128, atol=1e-6, rtol=0)
