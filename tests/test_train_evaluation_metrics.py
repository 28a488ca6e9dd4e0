"""train/evaluation/metrics.py: error rates by hand and by definition, and as JSON."""

import json
import random
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from made_scores import random_rows, rows
from sklearn.metrics import roc_auc_score

from pipeline.errors import UserError
from train.evaluation.metrics import measure, of_files, rates
from train.evaluation.scores import Score, by_level, scores_text, video_scores
from train.evaluation.thresholds import fixed, no_sources, rules_for

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "metrics.schema.json").read_text())


def measured(those: list[Score], number: float = 0.5) -> dict[str, Any]:
    return measure(those, rules_for(those, no_sources("none here"), fixed(number)))


def test_separated_scores_have_no_error():
    found = measured(rows([0.8, 0.9], [0.1, 0.7]))
    for level in ("frame", "video"):
        assert (found[level]["eer"], found[level]["auc"]) == (0, 1)
        assert found[level]["hter_at_eer_threshold"] == 0
        assert found[level]["bpcer_at_apcer"] == {"1": 0, "5": 0, "10": 0}
        assert found[level]["at"]["target_eer"]["threshold"] == 0.8


def test_a_hand_worked_case_with_overlap():
    found = rates(rows([0.3, 0.5, 0.7, 0.9], [0.1, 0.2, 0.4, 0.6]))
    assert found["eer"] == found["hter_at_eer_threshold"] == 0.25
    assert found["auc"] == pytest.approx(13 / 16)


def test_failures_count_in_hter_and_not_in_eer_or_auc():
    # the case of overlap with two failures among ten: FTA 1/5
    those = rows([0.3, 0.5, 0.7, 0.9, None], [0.1, 0.2, 0.4, 0.6, None])
    found = measured(those)["frame"]
    assert found["eer"] == 0.25
    assert found["auc"] == pytest.approx(13 / 16)
    far, frr = 0.25 * 0.8, 0.2 + 0.25 * 0.8
    assert found["hter_at_eer_threshold"] == pytest.approx((far + frr) / 2)
    assert found["failure_to_acquire"] == 0.2
    assert found["counts"] == {"live": 5, "spoof": 5, "live_failed": 1, "spoof_failed": 1}
    at = found["at"]["target_eer"]
    assert (at["far"], at["frr"]) == pytest.approx((far, frr))
    assert (at["apcer_worst"], at["bpcer"], at["acer"]) == (0.25, 0.25, 0.25)


def test_the_worst_instrument_is_named_and_of_equals_the_first_by_name():
    those = [Score(f"{n}{i}", 0, 0, s, "", n) for n in "cab" for i, s in enumerate([0.2, 0.6])]
    at = measured(those + rows([0.7], []))["frame"]["at"]["fixed"]
    assert at["apcer"] == {"a": 0.5, "b": 0.5, "c": 0.5}
    assert (at["apcer_worst"], at["worst_instrument"]) == (0.5, "a")
    # HTER pools the attacks and ACER takes the worst, so it is never smaller without failures
    those.append(Score("d0", 0, 0, 0.9, "", "d"))
    at = measured(those + rows([0.7], []))["frame"]["at"]["fixed"]
    assert (at["worst_instrument"], at["apcer_worst"], at["far"]) == ("d", 1, 4 / 7)
    assert at["acer"] > at["hter"]


def brute_force(scores: list[Score]) -> dict[str, float]:
    """The definitions again, by fractions and loops."""
    known = [s for s in scores if s.score is not None]
    live = [s.score for s in known if s.live]
    spoof = [s.score for s in known if not s.live]
    best = None
    for threshold in sorted({-float("inf"), float("inf"), *live, *spoof}):
        far = Fraction(sum(s >= threshold for s in spoof), len(spoof))
        frr = Fraction(sum(s < threshold for s in live), len(live))
        if best is None or abs(far - frr) <= best[0]:
            best = (abs(far - frr), far, frr)
    assert best is not None
    _, far, frr = best
    fta = Fraction(len(scores) - len(known), len(scores))
    return {
        "eer": float((far + frr) / 2),
        "hter_at_eer_threshold": float((far * (1 - fta) + fta + frr * (1 - fta)) / 2),
        "auc": float(roc_auc_score([s.live for s in known], [s.score for s in known])),
    }


@pytest.mark.parametrize("seed", range(30))
def test_random_scores_with_ties_and_failures_agree_with_the_definitions(seed: int):
    scores = random_rows(seed)
    assert rates(scores) == pytest.approx(brute_force(scores), abs=1e-12)
    frames = defaultdict(list)
    for row in scores:
        frames[row.video, row.live].append(row.score)
    videos = []
    for (video, live), values in sorted(frames.items()):
        kept = [v for v in values if v is not None]
        videos.append(Score(video, 0, live, sum(kept) / len(kept) if kept else None))
    assert rates(video_scores(scores)) == pytest.approx(brute_force(videos), abs=1e-12)


def at_in_loops(scores: list[Score], threshold: float) -> dict[str, Any]:
    """Rates at one threshold, in plain loops."""
    known = [s for s in scores if s.score is not None]
    fta = 1 - len(known) / len(scores)
    live = [s.score for s in known if s.live]
    pooled = [s.score for s in known if not s.live]
    apcer: dict[str, float | None] = {}
    for name in {s.instrument or s.attack or "unknown" for s in scores if not s.live}:
        own = [s.score for s in known if not s.live
               and (s.instrument or s.attack or "unknown") == name]  # fmt: skip
        apcer[name] = sum(s >= threshold for s in own) / len(own) if own else None
    fpr = sum(s >= threshold for s in pooled) / len(pooled)
    fnr = sum(s < threshold for s in live) / len(live)
    far, frr = fpr * (1 - fta), fta + fnr * (1 - fta)
    worst = max(value for value in apcer.values() if value is not None)
    return {
        "far": far, "frr": frr, "hter": (far + frr) / 2,
        "apcer": apcer, "apcer_worst": worst, "bpcer": fnr, "acer": (worst + fnr) / 2,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_rates_at_every_threshold_agree_with_plain_loops(seed: int):
    those = random_rows(seed)
    number = random.Random(seed).random()
    found = measured(those, number)
    for name, level in by_level(those).items():
        for rule in ("target_eer", "fixed", "ssdg"):
            at = dict(found[name]["at"][rule])
            threshold = float(at.pop("threshold"))
            assert at.pop("worst_instrument") in at["apcer"]
            expected = at_in_loops(level, threshold)
            apcer = at.pop("apcer"), expected.pop("apcer")
            assert at == pytest.approx(expected, abs=1e-12)
            assert apcer[0] == pytest.approx(apcer[1], abs=1e-12)
        assert found[name]["at"]["sources_eer"] is None


@pytest.mark.parametrize("scores", [rows([0.5], []), rows([0.5], [None]), rows([], [0.5])])
def test_one_class_alone_has_no_error_rates(scores: list[Score]):
    with pytest.raises(UserError, match="both classes"):
        measured(scores)
    with pytest.raises(UserError, match="both classes"):
        rates(scores)


def write(path: Path, those: list[Score]) -> Path:
    path.write_text(scores_text(those))
    return path


@pytest.mark.parametrize("seed", range(6))
def test_what_is_printed_as_json_is_what_the_schema_says(seed: int, tmp_path: Path):
    scores = write(tmp_path / "s.csv", random_rows(seed))
    sources = write(tmp_path / "h.csv", random_rows(seed + 100)) if seed % 2 else None
    found = of_files(scores, sources, None)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(found, allow_nan=False)))
    assert (found["frame"]["at"]["sources_eer"] is None) == (sources is None)
    origin = found["thresholds"]["sources_eer"]["from"]
    assert origin == f"the scores in {sources}" if sources else origin.startswith("none: ")


def test_the_threshold_of_others_scores_is_used_as_it_is(tmp_path: Path):
    scores = write(tmp_path / "s.csv", rows([0.3, 0.8], [0.1, 0.6]))
    sources = write(tmp_path / "h.csv", rows([0.7], [0.2]))
    found = of_files(scores, sources, 0.25)["frame"]["at"]
    assert (found["sources_eer"]["threshold"], found["fixed"]["threshold"]) == (0.7, 0.25)
    assert (found["sources_eer"]["far"], found["sources_eer"]["frr"]) == (0, 0.5)
    assert (found["fixed"]["far"], found["fixed"]["frr"]) == (0.5, 0)


def test_an_infinite_threshold_is_text_in_json(tmp_path: Path):
    scores = write(tmp_path / "s.csv", rows([0.5, 0.5], [0.5]))
    found = of_files(scores, None, None)
    assert found["thresholds"]["target_eer"]["frame"] == "inf"
    at = found["frame"]["at"]["target_eer"]
    assert (at["threshold"], at["far"], at["frr"]) == ("inf", 0, 1)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("those", "said"),
    [
        ([], "there is no row"),
        (rows([0.5], []), "no spoof sample has a score"),
        (rows([None], [None]), "none of 1 live samples has a score"),
    ],
)
def test_a_file_that_cannot_be_measured_is_one_line_with_its_name(
    those: list[Score], said: str, tmp_path: Path
):
    bad, good = write(tmp_path / "bad.csv", those), write(tmp_path / "s.csv", rows([1], [0]))
    for arguments in ((bad, None), (good, bad)):
        with pytest.raises(UserError, match=rf"bad\.csv: {said}") as caught:
            of_files(*arguments, None)
        assert "\n" not in str(caught.value)


def test_one_frame_of_each_class_is_measured_without_intervals(tmp_path: Path):
    those = [Score("a", 0, 1, 0.9, subject="p"), Score("b", 0, 0, 0.1, subject="p")]
    found = of_files(write(tmp_path / "s.csv", those), None, None)
    assert found["frame"]["intervals"] is None
    assert (found["frame"]["eer"], found["frame"]["auc"]) == (0, 1)
    assert not np.isnan(found["frame"]["hter_at_eer_threshold"])
