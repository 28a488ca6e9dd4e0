"""train/losses.py: each equation beside one worked by hand."""

import itertools
import math
from typing import Any

import pytest
import torch

from train import losses


def double(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


FOUR = [[0, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [0, 2, 0]]  # two live, two spoof


def run(
    embedding: Any, live: Any, **options: Any
) -> tuple[float, list[list[float]]]:  # fmt: skip
    leaf = double(embedding).requires_grad_()
    loss = losses.triplet_loss(leaf, double(live), **options)
    loss.backward()
    assert leaf.grad is not None
    assert bool(torch.isfinite(leaf.grad).all())
    return float(loss.detach()), leaf.grad.tolist()


def test_one_side_batch_all_by_hand():
    # d(0,1) = 1; d(0,2) = d(1,2) = 1/2; d(0,3) = 4, d(1,3) = 5: two of four triplets cost 0.6
    loss, gradient = run(FOUR, [1, 1, 0, 0], margin=0.1)
    assert loss == pytest.approx(0.6)
    assert gradient == [
        pytest.approx(row) for row in ([-1.5, 0.5, 0], [1.5, 0.5, 0], [0, -1, 0], [0, 0, 0])
    ]


def test_one_side_batch_hard_by_hand():
    # each live anchor: positive at 1, nearest negative at 1/2
    loss, _ = run(FOUR, [1, 1, 0, 0], margin=0.3, mining="batch_hard")
    assert loss == pytest.approx(0.8)


def test_both_sides_by_hand():
    # spoof anchors add d(2,3) = 2.5 against 1/2, 1/2, and against 4, 5
    loss, _ = run(FOUR, [1, 1, 0, 0], margin=0.1, anchors="both")
    assert loss == pytest.approx((0.6 + 0.6 + 2.1 + 2.1) / 4)
    loss, _ = run(FOUR, [1, 1, 0, 0], margin=0.1, anchors="both", mining="batch_hard")
    assert loss == pytest.approx((0.6 + 0.6 + 2.1 + 0) / 4)


def test_sums_are_the_means_times_what_counts():
    loss, _ = run(FOUR, [1, 1, 0, 0], margin=0.1, reduction="sum")
    assert loss == pytest.approx(1.2)
    loss, _ = run(FOUR, [1, 1, 0, 0], margin=0.3, mining="batch_hard", reduction="sum")
    assert loss == pytest.approx(1.6)


@pytest.mark.parametrize("mining", ["batch_all", "batch_hard"])
@pytest.mark.parametrize("live", [[1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
def test_without_a_positive_or_a_negative_it_is_zero(mining: Any, live: list[int]):
    loss, gradient = run(FOUR, live, margin=0.5, mining=mining)
    assert loss == 0
    assert gradient == [[0, 0, 0]] * 4


@pytest.mark.parametrize("mining", ["batch_all", "batch_hard"])
def test_equal_embeddings_cost_the_margin_and_pull_nowhere(mining: Any):
    loss, gradient = run([[0.3, 0.1]] * 6, [1, 1, 1, 0, 0, 0], margin=0.25, mining=mining)
    assert loss == 0.25
    assert gradient == [[0, 0]] * 6


@pytest.mark.parametrize("anchors", ["live", "both"])
@pytest.mark.parametrize("mining", ["batch_all", "batch_hard"])
def test_it_is_what_a_loop_over_triplets_gives(mining: Any, anchors: Any):
    random = torch.Generator().manual_seed(3)
    embedding = torch.rand(9, 4, generator=random, dtype=torch.float64)
    live = [1, 0, 1, 1, 0, 0, 1, 0, 1]
    distance = (embedding[:, None] - embedding[None]).square().sum(-1).tolist()
    costs = []
    for anchor in range(9):
        if anchors == "live" and not live[anchor]:
            continue
        near = [p for p in range(9) if p != anchor and live[p] == live[anchor]]
        far = [n for n in range(9) if live[n] != live[anchor]]
        row = distance[anchor]
        if mining == "batch_all":
            costs += [row[p] - row[n] + 0.2 for p, n in itertools.product(near, far)]
        else:
            costs.append(max(row[p] for p in near) - min(row[n] for n in far) + 0.2)
    positive = [max(0.0, cost) for cost in costs if mining == "batch_hard" or cost > 0]
    loss, _ = run(embedding.tolist(), live, margin=0.2, mining=mining, anchors=anchors)
    assert loss == pytest.approx(sum(positive) / len(positive))


def test_every_reference_case_of_the_triplet_loss(reference):
    cases = [c for c in reference("triplet_cases")["cases"] if c["kind"] == "squared"]
    assert len(cases) >= 15
    for case in cases:
        options = {key: case[key] for key in ("margin", "mining", "anchors")}
        loss, gradient = run(case["embeddings"], case["live"], **options)
        assert loss == pytest.approx(case["expected"]["loss"], abs=1e-12), case["name"]
        if "expected_gradient" in case:
            expected = [pytest.approx(row, abs=1e-12) for row in case["expected_gradient"]]
            assert gradient == expected, case["name"]


def test_classification_by_hand():
    # logit ln 3: the probability of live is 3/4
    logit = double([math.log(3), math.log(3)])
    loss = losses.classification_loss(logit, double([1, 0]))
    assert float(loss) == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)


def test_depth_by_hand():
    estimate, depth = double([[[[0.5, 0.0]]], [[[1.0, 0.0]]]]), double([[[[1, 0]]], [[[0, 0]]]])
    assert float(losses.depth_loss(estimate, depth)) == pytest.approx((0.25 + 1) / 4)
    assert float(losses.depth_loss(estimate, depth, "sum")) == pytest.approx(1.25)


def test_segmentation_by_hand():
    # one pixel sure of its class by ln 12 over twelve others, one pixel undecided
    logits = torch.zeros(1, 13, 1, 2, dtype=torch.float64)
    logits[0, 3, 0, 0] = math.log(12)
    parsing = torch.tensor([[[3, 0]]])
    loss = losses.segmentation_loss(logits, parsing)
    assert float(loss) == pytest.approx((math.log(2) + math.log(13)) / 2)


def test_segmentation_ignores_no_class():
    logits = torch.zeros(13, 13, 1, 1, dtype=torch.float64, requires_grad=True)
    losses.segmentation_loss(logits, torch.arange(13)[:, None, None]).backward()
    assert logits.grad is not None
    pulled = logits.grad[torch.arange(13), torch.arange(13), 0, 0]
    assert pulled.tolist() == pytest.approx([(1 / 13 - 1) / 13] * 13)
