"""train/baselines/ssdg.py: its triplet loss beside cases worked by hand and a loop."""

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.baselines.ssdg import class_triplets


def run(embedding: Any, classes: list[int], margin: float) -> tuple[float, Any]:
    leaf = torch.tensor(embedding, dtype=torch.float64).requires_grad_()
    loss = class_triplets(leaf, torch.tensor(classes), margin).loss()
    loss.backward()
    assert leaf.grad is not None
    assert bool(torch.isfinite(leaf.grad).all())
    return float(loss.detach()), leaf.grad.tolist()


def test_every_reference_case_of_ssdgs_triplet_loss(reference):
    cases = [c for c in reference("triplet_cases")["cases"] if c["kind"] == "ssdg"]
    assert len(cases) >= 3
    for case in cases:
        loss, gradient = run(case["embeddings"], case["class"], case["margin"])
        expected = case["expected"]
        assert loss == pytest.approx(expected["loss"], abs=1e-12), case["name"]
        if "expected_gradient" in case:
            rows = [pytest.approx(row, abs=1e-12) for row in case["expected_gradient"]]
            assert gradient == rows, case["name"]
        mined = class_triplets(
            torch.tensor(case["embeddings"], dtype=torch.float64),
            torch.tensor(case["class"]),
            case["margin"],
        )
        assert int(mined.valid) == expected["valid_triplets"], case["name"]
        assert int(mined.counted) == expected["positive_triplets"], case["name"]
        over_all = float(mined.total) / int(mined.valid)
        assert over_all == pytest.approx(expected["mean_over_all_valid"], abs=1e-12), case["name"]


def test_ssdgs_triplet_loss_by_hand():
    # points 0 and 1 of one class, 1/2 of another, which has no positive: two triplets, 0.6 each
    loss, gradient = run([[0], [1], [0.5]], [7, 7, 2], margin=0.1)
    assert loss == pytest.approx(0.6)
    # of anchor 0: -1 + 1, +1, -1; of anchor 1: -1, +1 - 1, +1; halved
    assert gradient == [[pytest.approx(-0.5)], [pytest.approx(0.5)], [pytest.approx(0)]]


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [5, 5, 5, 5]])
def test_without_a_pair_or_a_second_class_ssdgs_is_zero(classes: list[int]):
    loss, gradient = run([[0, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [0, 2, 0]], classes, margin=0.5)
    assert loss == 0
    assert gradient == [[0, 0, 0]] * 4


def test_samples_at_the_same_place_cost_ssdg_the_margin_and_pull_nowhere():
    loss, gradient = run([[0.3, 0.1]] * 4, [0, 0, 1, 1], margin=0.25)
    assert loss == 0.25
    assert gradient == [[0, 0]] * 4


@given(
    st.lists(
        st.tuples(st.integers(-8, 8), st.integers(-8, 8), st.integers(0, 3)), min_size=1, max_size=9
    )
)
def test_ssdgs_triplet_loss_is_what_a_loop_gives(samples: list[tuple[int, int, int]]):
    margin, costs = 0.1, []
    for a, p, n in itertools.permutations(range(len(samples)), 3):
        if samples[a][2] == samples[p][2] != samples[n][2]:
            near, far = (math.dist(samples[a][:2], samples[i][:2]) for i in (p, n))
            costs.append(max(0.0, near - far + margin))
    costing = [cost for cost in costs if cost > 1e-16]
    mined = class_triplets(
        torch.tensor([s[:2] for s in samples], dtype=torch.float64),
        torch.tensor([s[2] for s in samples]),
        margin,
    )
    expected = sum(costing) / max(1, len(costing))
    assert float(mined.loss()) == pytest.approx(expected, abs=1e-12)
    assert (int(mined.valid), int(mined.counted)) == (len(costs), len(costing))
