"""Counting under weights: against rows repeated as often, against scikit-learn, and by hand."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_scores import random_rows, rows
from sklearn.metrics import roc_auc_score, roc_curve

from train.evaluation.rates import Counts, Table, species
from train.evaluation.scores import Score
from train.evaluation.thresholds import counted_once

CASES = json.loads((Path(__file__).parent / "scores_cases.json").read_text())["cases"]


def weighted(those: list[Score], weights: np.ndarray) -> Counts:
    """Each row a group of its own, under (B, rows) weights."""
    return Counts(Table(those, np.arange(len(those))), weights)


def draw(those: list[Score], seed: int, sets: int = 5) -> np.ndarray:
    """Random weights, 0 among them, with both classes in each set."""
    weights = np.random.default_rng(seed).integers(0, 4, size=(sets, len(those)))
    for live in (0, 1):
        first = next(i for i, r in enumerate(those) if r.live == live and r.score is not None)
        weights[:, first] += 1
    return weights


def repeated(those: list[Score], weights: np.ndarray) -> list[Score]:
    return [row for row, often in zip(those, weights, strict=True) for _ in range(often)]


@pytest.mark.parametrize("seed", range(25))
def test_weights_are_rows_that_are_there_so_often(seed: int):
    those = random_rows(seed)
    weights = draw(those, seed)
    counted = weighted(those, weights)
    thresholds = np.array([0.125, 0.5, np.inf, 0.3, -np.inf])
    at = counted.at(thresholds)
    for number, often in enumerate(weights):
        single = counted_once(repeated(those, often))
        one = single.at(thresholds[number : number + 1])
        for name in ("far", "frr", "hter", "bpcer", "apcer_worst", "acer"):
            assert getattr(at, name)[number] == pytest.approx(getattr(one, name)[0], abs=1e-15)
        for name, found in one.apcer.items():
            assert at.apcer[name][number] == pytest.approx(found[0], abs=1e-15, nan_ok=True)
        assert counted.auc()[number] == pytest.approx(single.auc()[0], abs=1e-15)
        assert counted.eer_thresholds()[number] == single.eer_thresholds()[0]
        assert counted.ssdg_thresholds()[number] == single.ssdg_thresholds()[0]
        for percent in (1, 5, 10, 50):
            both = (counted.bpcer_at_apcer(percent)[number], single.bpcer_at_apcer(percent)[0])
            assert both[0] == pytest.approx(both[1], abs=1e-15)


@pytest.mark.parametrize("seed", range(25))
def test_weighted_auc_and_eer_are_scikit_learns(seed: int):
    those = random_rows(seed)
    weights = draw(those, seed)
    counted = weighted(those, weights)
    eer = counted.eer_thresholds()
    gap = np.abs(np.subtract(*counted.fpr_and_fnr(eer)))
    there = np.array([row.score is not None for row in those])
    live = np.array([row.live for row in those])[there]
    score = np.array([row.score for row in those])[there].astype(float)
    for number, often in enumerate(weights):
        own = often[there]
        auc = roc_auc_score(live, score, sample_weight=own)
        assert counted.auc()[number] == pytest.approx(auc, abs=1e-12)
        curve = roc_curve(live, score, sample_weight=own, drop_intermediate=False)
        assert gap[number] == pytest.approx(np.abs(curve[0] + curve[1] - 1).min(), abs=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_far_and_frr_at_thresholds_are_bobs(case: dict[str, Any]):
    counted = counted_once(rows(case["live"], case["spoof"]))
    for threshold, (far, frr) in zip(case["thresholds"], case["bob_farfrr"], strict=True):
        at = counted.at(np.array([threshold]))
        assert (at.far[0], at.frr[0]) == pytest.approx((far, frr), abs=1e-12)
        assert at.hter[0] == pytest.approx((far + frr) / 2, abs=1e-12)


def test_failures_to_acquire_are_in_far_and_frr_and_not_in_apcer_and_bpcer():
    # two failures among ten: FTA 1/5. At 0.5 one spoof of four is accepted, one live of four is not
    counted = counted_once(rows([0.3, 0.5, 0.7, 0.9, None], [0.1, 0.2, 0.4, 0.6, None]))
    at = counted.at(np.array([0.5]))
    assert float(at.far[0]) == pytest.approx(0.25 * 0.8)
    assert float(at.frr[0]) == pytest.approx(0.2 + 0.25 * 0.8)
    assert (float(at.apcer_worst[0]), float(at.bpcer[0])) == (0.25, 0.25)


def spoofs(**scores: list[float | None]) -> list[Score]:
    return [
        Score(f"{name}{i}", 0, 0, score, "print", name)
        for name, found in scores.items()
        for i, score in enumerate(found)
    ]


def test_apcer_is_of_each_instrument_and_the_worst_of_them():
    # at 0.5: paper 1 of 4, screen 2 of 2; live 1 of 4 rejected; pooled spoofs 3 of 6
    those = spoofs(paper=[0.1, 0.2, 0.3, 0.5], screen=[0.6, 0.7], lost=[None])
    at = counted_once(those + rows([0.4, 0.5, 0.6, 0.7], [])).at(np.array([0.5]))
    assert {name: float(x[0]) for name, x in at.apcer.items() if name != "lost"} == {
        "paper": 0.25,
        "screen": 1.0,
    }
    assert np.isnan(at.apcer["lost"][0])  # no sample of it has a score
    assert (float(at.apcer_worst[0]), float(at.bpcer[0]), float(at.acer[0])) == (1, 0.25, 0.625)
    fta = 1 / 11
    assert float(at.hter[0]) == pytest.approx((0.5 * (1 - fta) + fta + 0.25 * (1 - fta)) / 2)


def test_bpcer_at_apcer_holds_the_worst_instrument_below_it():
    # ten of paper at 0.0 to 0.9, two of screen at 0.35 and 0.05; live at 0.3, 0.6, 0.95, 0.97
    paper = [i / 10 for i in range(10)]
    those = spoofs(paper=paper, screen=[0.35, 0.05]) + rows([0.3, 0.6, 0.95, 0.97], [])
    counted = counted_once(those)
    # none of screen may pass: above 0.35; of paper one in ten at 10%: above 0.8, so 0.9 is the
    # lowest candidate, and two of four live lie below; at 5% above 0.9: 0.95, two again
    assert float(counted.bpcer_at_apcer(10)[0]) == 0.5
    assert float(counted.bpcer_at_apcer(5)[0]) == 0.5
    # half of each: of paper above 0.4, of screen above 0.05: at 0.5 one live of four lies below
    assert float(counted.bpcer_at_apcer(50)[0]) == 0.25
    # all may pass at 100%: nothing is rejected
    assert float(counted.bpcer_at_apcer(100)[0]) == 0


def test_bpcer_at_apcer_is_1_where_only_infinity_keeps_an_attack_out():
    assert float(counted_once(rows([0.2], [0.9])).bpcer_at_apcer(1)[0]) == 1


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("percent", [1, 5, 10, 34])
def test_bpcer_at_apcer_is_the_lowest_of_all_candidates(seed: int, percent: int):
    those = random_rows(seed)
    counted = counted_once(those)
    allowed = []
    for threshold in counted.table.candidates:
        at = counted.at(np.array([threshold]))
        if 100 * at.apcer_worst[0] <= percent + 1e-9:
            allowed.append(at.bpcer[0])
    assert counted.bpcer_at_apcer(percent)[0] == min(allowed)


def test_a_species_is_the_instrument_or_the_attack_type_or_unknown():
    those = [
        Score("a", 0, 0, 0.1, "print", "printer1"),
        Score("b", 0, 0, 0.1, "replay"),
        Score("c", 0, 0, 0.1),
        Score("d", 0, 1, 0.1),
    ]
    assert species(those) == ["printer1", "replay", "unknown"]


def test_species_carry_their_dataset_only_where_there_are_several():
    those = [Score(v, 0, 0, 0.1, "print", "p", "", d) for v, d in (("a", "oulu"), ("b", "oulu"))]
    assert species(those) == ["p", "p"]
    live = Score("c", 0, 1, 0.1, dataset="casia")
    assert species([*those, live]) == ["oulu/p", "oulu/p"]


SCORE = st.none() | st.integers(0, 12).map(lambda eighth: eighth / 8)
SCORED = SCORE.filter(lambda score: score is not None)
INSTRUMENT = st.sampled_from(["paper", "screen", "mask"])


@st.composite
def made(draw: Any) -> list[Score]:
    """Rows with ties and failures, at least one score of each class."""
    live = [draw(SCORED), *draw(st.lists(SCORE, max_size=12))]
    spoof = [(draw(SCORED), "paper"), *draw(st.lists(st.tuples(SCORE, INSTRUMENT), max_size=12))]
    return [Score(f"l{i}", 0, 1, s) for i, s in enumerate(live)] + [
        Score(f"s{i}", 0, 0, s, "", name) for i, (s, name) in enumerate(spoof)
    ]


def changed(those: list[Score], change: Any) -> list[Score]:
    return [r if r.score is None else r._replace(score=change(r.score)) for r in those]


@given(made())
def test_only_the_order_of_scores_counts(those: list[Score]):
    one, other = counted_once(those), counted_once(changed(those, lambda score: score**3 * 40 - 7))
    assert one.auc()[0] == other.auc()[0]
    for percent in (1, 5, 10):
        assert one.bpcer_at_apcer(percent)[0] == other.bpcer_at_apcer(percent)[0]
    rates = [c.fpr_and_fnr(c.eer_thresholds()) for c in (one, other)]
    assert rates[0] == rates[1]


@given(made())
def test_classes_changed_over_with_scores_turned_round_give_the_same_auc(those: list[Score]):
    turned = [r._replace(live=1 - r.live) for r in changed(those, lambda score: -score)]
    assert counted_once(turned).auc()[0] == pytest.approx(counted_once(those).auc()[0], abs=1e-15)


@given(made(), st.floats(-1, 3))
def test_rates_are_fractions_and_the_worst_instrument_is_no_better_than_all(
    those: list[Score], threshold: float
):
    counted = counted_once(those)
    at = counted.at(np.array([threshold]))
    fpr, fnr = counted.fpr_and_fnr(np.array([threshold]))
    for rate in (at.far, at.frr, at.hter, at.bpcer, at.apcer_worst, at.acer, fpr, fnr):
        assert 0 <= rate[0] <= 1
    assert at.apcer_worst[0] >= fpr[0] - 1e-12
    assert at.frr[0] >= counted.failures[0] - 1e-12
    assert at.far[0] <= fpr[0]


@given(made())
def test_the_more_attacks_may_pass_the_fewer_live_are_rejected(those: list[Score]):
    counted = counted_once(those)
    found = [float(counted.bpcer_at_apcer(percent)[0]) for percent in (0, 1, 5, 10, 50, 100)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == 0


@given(made())
def test_no_candidate_is_closer_than_the_eer_threshold_and_none_above_is_as_close(
    those: list[Score],
):
    counted = counted_once(those)
    threshold = counted.eer_thresholds()

    def gap(t: float) -> Fraction:
        live = [r.score for r in those if r.live and r.score is not None]
        spoof = [r.score for r in those if not r.live and r.score is not None]
        far = Fraction(sum(s >= t for s in spoof), len(spoof))
        return abs(far - Fraction(sum(s < t for s in live), len(live)))

    for candidate in counted.table.candidates:
        assert gap(candidate) >= gap(threshold[0])
        assert candidate <= threshold[0] or gap(candidate) > gap(threshold[0])
