"""train/batches/chance.py: what decides a draw of augmentations, and the colours it changes."""

import dataclasses

import pytest
import torch

from train.batches.chance import Drawn, draw, recolour
from train.config import AUGMENTATIONS, Settings

EVERY = "+".join(AUGMENTATIONS)


def same(one: Drawn, other: Drawn) -> bool:
    return all(
        (a is None) == (b is None) and (a is None or torch.equal(a, b))
        for a, b in zip(one, other, strict=True)
    )


def test_nothing_is_drawn_where_nothing_is_wanted():
    assert draw(Settings(), "oulu", 0, 4) == Drawn()


def test_seed_domain_and_step_decide_and_nothing_else():
    every = Settings(augmentation=EVERY)
    first = draw(every, "oulu", 3, 20)
    draw(every, "casia", 5, 7)
    assert same(first, draw(every, "oulu", 3, 20))
    for other in (
        draw(dataclasses.replace(every, seed=1), "oulu", 3, 20),
        draw(every, "casia", 3, 20),
        draw(every, "oulu", 4, 20),
    ):
        for name in Drawn._fields:
            assert not torch.equal(getattr(first, name), getattr(other, name)), name


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_draws_the_same_alone_as_among_the_others(name: str):
    alone = draw(Settings(augmentation=name), "oulu", 3, 20)
    among = draw(Settings(augmentation=EVERY), "oulu", 3, 20)
    assert torch.equal(getattr(alone, name), getattr(among, name))
    assert [field for field in Drawn._fields if getattr(alone, field) is not None] == [name]


def test_processes_draw_the_parts_of_one_draw():
    every = Settings(augmentation=EVERY)
    whole = draw(every, "oulu", 3, 20)
    parts = [draw(every, "oulu", 3, 5, rank, 4) for rank in range(4)]
    for name in Drawn._fields:
        joined = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(joined, getattr(whole, name)), name


def test_what_is_drawn_lies_where_the_settings_say():
    settings = Settings(augmentation=EVERY, zoom_most=1.5, erase_most=0.3, jpeg_least=50)
    drawn = draw(settings, "oulu", 0, 4000)
    assert all(part is not None for part in drawn)
    assert 0.45 < drawn.flip.double().mean() < 0.55
    scale, edges = drawn.zoom[:, 0], drawn.zoom[:, 1:]
    assert 1 <= scale.min() < 1.02 and 1.48 < scale.max() <= 1.5
    assert edges.min() >= 0 and (edges + 1 / scale[:, None]).max() <= 1 + 1e-12
    assert 0.8 <= drawn.colour.min() < 0.81 and 1.19 < drawn.colour.max() <= 1.2
    top, bottom, left, right = drawn.erase.T
    area = (bottom - top) * (right - left)
    touched = area > 0
    assert 0.45 < touched.double().mean() < 0.55
    assert 0.0199 < area[touched].min() < 0.03 and 0.29 < area.max() < 0.3001
    assert drawn.erase.min() >= 0 and drawn.erase.max() <= 1 + 1e-6
    stretch = ((bottom - top) / (right - left))[touched]
    assert 0.499 < stretch.min() < 0.52 and 1.95 < stretch.max() < 2.001
    assert 0.45 < (drawn.blur > 0).double().mean() < 0.55 and 1.45 < drawn.blur.max() <= 1.5
    quality = drawn.jpeg[drawn.jpeg > 0]
    assert 0.45 < len(quality) / 4000 < 0.55
    assert sorted(set(quality.tolist())) == list(range(50, 96))


def test_a_picture_that_chance_leaves_alone_stays_as_it_is():
    rgb = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    nothing = Drawn(
        erase=torch.zeros(2, 4), blur=torch.zeros(2), jpeg=torch.zeros(2, dtype=torch.float64)
    )
    assert torch.equal(recolour(rgb, nothing), rgb)
    assert torch.equal(recolour(rgb, Drawn()), rgb)
