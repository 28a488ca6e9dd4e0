"""Thresholds against the definitions by hand and in plain loops, and against what others' programs
found (tests/scores_cases.json, made by tests/make_scores_cases.py).
"""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_scores import random_rows, rows

from pipeline.errors import UserError
from train.evaluation.scores import Score
from train.evaluation.thresholds import (
    FIXED,
    counted_once,
    eer_rule,
    eer_threshold,
    fixed,
    fixed_threshold,
    no_sources,
    rules_for,
    ssdg,
    ssdg_threshold,
)

CASES = json.loads((Path(__file__).parent / "scores_cases.json").read_text())["cases"]
INFINITY = float("inf")


def split(those: list[Score]) -> tuple[list[float], list[float]]:
    """Scores of live and of spoof."""
    live, spoof = ([s.score for s in those if s.live == c and s.score is not None] for c in (1, 0))
    return live, spoof


def at_eer(live: list[float], spoof: list[float]) -> tuple[float, float, float]:
    """Threshold, FPR and FNR."""
    counted = counted_once(rows([*live], [*spoof]))
    threshold = counted.eer_thresholds()
    fpr, fnr = counted.fpr_and_fnr(threshold)
    return float(threshold[0]), float(fpr[0]), float(fnr[0])


def test_a_threshold_that_separates_is_the_lowest_live_score():
    # every number in (0.7, 0.8] separates; the candidate there is 0.8 itself
    assert eer_threshold(rows([0.8, 0.9], [0.1, 0.7])) == 0.8


def test_a_hand_worked_case_with_overlap():
    # at 0.4: spoofs 0.4 and 0.6 accepted of 4, live 0.3 rejected of 4 -> |1/2 - 1/4|
    # at 0.5: spoof 0.6 of 4 accepted, live 0.3 rejected of 4 -> equal
    assert at_eer([0.3, 0.5, 0.7, 0.9], [0.1, 0.2, 0.4, 0.6]) == (0.5, 0.25, 0.25)


def test_of_equal_gaps_the_highest_threshold_is_taken():
    # one live at 0.5, spoofs at 0.5 and 0.2: at 0.5 FPR 1/2, FNR 0; above all FPR 0, FNR 1;
    # two live at 1 and 3, two spoofs at 2 and 4: at 2 FPR 1, FNR 1/2; at 3 FPR 1/2, FNR 1/2;
    # at 4 FPR 1/2, FNR 1
    assert at_eer([0.5], [0.5, 0.2]) == (0.5, 0.5, 0.0)
    assert at_eer([1, 3], [2, 4]) == (3, 0.5, 0.5)
    # all scores equal: 1 accepts all (gap 1), infinity rejects all (gap 1): the highest
    assert at_eer([1.0], [1.0]) == (INFINITY, 0.0, 1.0)


def eer_in_loops(live: list[float], spoof: list[float]) -> float:
    best = None
    for threshold in sorted({-INFINITY, INFINITY, *live, *spoof}):
        far = Fraction(sum(s >= threshold for s in spoof), len(spoof))
        frr = Fraction(sum(s < threshold for s in live), len(live))
        if best is None or abs(far - frr) <= best[0]:
            best = (abs(far - frr), threshold)
    assert best is not None
    return best[1]


def ssdg_in_loops(live: list[float], spoof: list[float]) -> float:
    """10,001 steps and 1.1, the last of equals; quotients and distance in floating point."""
    least, found = 1.0, 0.0
    for step in range(10_002):
        threshold = step / 10_000 if step <= 10_000 else 1.1
        accepted = sum(1 for score in spoof if score >= threshold)
        rejected = sum(1 for score in live if not score >= threshold)
        distance = abs(rejected / len(live) - accepted / len(spoof))
        if distance <= least:
            least, found = distance, threshold
    return found


@pytest.mark.parametrize("seed", range(30))
def test_random_scores_with_ties_agree_with_the_definitions(seed: int):
    those = random_rows(seed)
    assert eer_threshold(those) == eer_in_loops(*split(those))
    if seed < 6:
        assert ssdg_threshold(those) == ssdg_in_loops(*split(those))


@pytest.mark.parametrize("case", CASES)
def test_ssdgs_threshold_and_hter_are_those_of_its_released_code(case: dict[str, Any]):
    those = rows(case["live"], case["spoof"])
    threshold = ssdg_threshold(those)
    assert threshold == case["ssdg_threshold"]
    fpr, fnr = counted_once(those).fpr_and_fnr(np.array([threshold]))
    assert float(fpr[0] + fnr[0]) / 2 == case["ssdg_hter"] == case["ssdg_eer"]


def test_ssdgs_rule_accepts_at_the_step_itself_and_may_take_the_last():
    # 0.3 is a step: at 0.3 the live sample is accepted and at 0.3001 it is not
    assert ssdg_threshold(rows([0.3], [0.1])) == 0.3
    # all at 1: FAR 1, FRR 0 up to 1; at 1.1 FAR 0, FRR 1, the same distance and the last
    assert ssdg_threshold(rows([1.0], [1.0])) == 1.1
    # between two steps: the last step below it
    assert ssdg_threshold(rows([0.50005], [0.1])) == 0.5


def test_scores_beyond_0_to_1_have_no_threshold_by_ssdgs_rule():
    those = rows([0.3, 1.5], [0.1])
    with pytest.raises(UserError, match=r"video 'l1' has the score 1\.5"):
        ssdg_threshold(those)
    rule = ssdg(those)
    assert (rule.frame, rule.video) == (None, None)
    assert rule.origin.startswith("none: SSDG's rule looks from 0 to 1")
    assert rule.to_json()["frame"] is None


@pytest.mark.parametrize("case", [case for case in CASES if case["bob_at_eer"]])
def test_rates_at_the_eer_threshold_are_bobs(case: dict[str, Any]):
    _, fpr, fnr = at_eer(case["live"], case["spoof"])
    assert (fpr, fnr) == pytest.approx(tuple(case["bob_at_eer"]), abs=1e-12)


@pytest.mark.parametrize(
    ("those", "said"),
    [
        (rows([0.5], []), "no spoof sample has a score"),
        (rows([0.5], [None, None]), "none of 2 spoof samples has a score"),
        (rows([], [0.5]), "no live sample has a score"),
        (rows([None], [None]), "none of 1 live samples has a score"),
        ([], "there is no row"),
    ],
)
def test_one_class_alone_has_no_threshold(those: list[Score], said: str):
    for rule in (eer_threshold, ssdg_threshold, lambda r: eer_rule(r, "them")):
        with pytest.raises(UserError, match=said):
            rule(those)


def test_the_four_rules_say_how_and_from_what():
    # by video: v has 0.2 and 0.6, their mean is 0.4
    those = [Score("v", 0, 1, 0.2), Score("v", 1, 1, 0.6), Score("s", 0, 0, 0.3)]
    others = rows([0.9], [0.9])
    rules = rules_for(those, eer_rule(others, "the others"), fixed(None))
    assert list(rules) == ["target_eer", "sources_eer", "fixed", "ssdg"]
    # by frame at 0.3: FAR 1, FRR 1/2; at 0.6: FAR 0, FRR 1/2, as close and higher
    assert (rules["target_eer"].frame, rules["target_eer"].video) == (0.6, 0.4)
    assert rules["sources_eer"].to_json() == {
        "frame": "inf",
        "video": "inf",
        "how": rules["target_eer"].how,
        "from": "the others",
    }
    assert rules["fixed"].at("video") == FIXED == 0.5
    # on the grid the last step at 0.6 and below, and at 0.4 and below
    assert (rules["ssdg"].frame, rules["ssdg"].video) == (0.6, 0.4)
    assert no_sources("nobody").to_json()["from"] == "none: nobody"
    assert fixed(0.25).frame == 0.25
    assert fixed_threshold("why")["from"] == "why"


@pytest.mark.parametrize("number", [float("nan"), INFINITY, -INFINITY])
def test_a_number_that_is_not_finite_is_no_threshold(number: float):
    with pytest.raises(UserError, match="give a finite number"):
        fixed(number)
