"""The bootstrap against the same draws made with plain repetition of rows."""

import numpy as np
import pytest
from made_scores import random_rows, rows
from sklearn.metrics import roc_auc_score

from train.evaluation.intervals import RESAMPLES, Groups, draws, intervals
from train.evaluation.metrics import level, rates
from train.evaluation.rates import Table
from train.evaluation.scores import Score
from train.evaluation.thresholds import eer_threshold


def of(those: list[Score], groups: Groups, **thresholds: float | None):
    return intervals(those, thresholds, groups)


def drawn(those: list[Score]) -> np.ndarray:
    """(RESAMPLES, groups): how often each group was drawn."""
    groups = Groups(those)
    return np.concatenate([*draws(Table(those, groups.numbers(those)), len(groups))])


@pytest.mark.slow
def test_an_interval_is_the_middle_of_what_repeated_rows_give():
    those = random_rows(5, failing=0.1)
    groups = Groups(those)
    assert (groups.by, len(groups)) == ("subject", 6)
    number = groups.numbers(those)
    found: dict[str, list[float]] = {"auc": [], "eer": [], "hter": [], "hter_fixed": []}
    for weights in drawn(those):
        again = [row for row, n in zip(those, number, strict=True) for _ in range(weights[n])]
        one = rates(again)
        found["auc"].append(one["auc"])
        found["eer"].append(one["eer"])
        found["hter"].append(one["hter_at_eer_threshold"])
        live = [r.score for r in again if r.live and r.score is not None]
        spoof = [r.score for r in again if not r.live and r.score is not None]
        fta = 1 - (len(live) + len(spoof)) / len(again)
        far = sum(s >= 0.5 for s in spoof) / len(spoof) * (1 - fta)
        frr = fta + sum(s < 0.5 for s in live) / len(live) * (1 - fta)
        found["hter_fixed"].append((far + frr) / 2)
    made = of(those, groups, target_eer=eer_threshold(those), fixed=0.5, sources_eer=None)
    assert made is not None
    assert (made["resamples"], made["subjects"], made["by"]) == (1000, 6, "subject")

    def middle(name: str):
        return pytest.approx(np.quantile(found[name], [0.025, 0.975]), abs=1e-12)

    assert made["auc"] == middle("auc")
    assert made["eer"] == middle("eer")
    assert made["hter_at_eer_threshold"] == middle("hter")
    assert made["at"]["target_eer"]["hter"] == middle("hter")  # found anew in each draw
    assert made["at"]["fixed"]["hter"] == middle("hter_fixed")
    assert made["at"]["sources_eer"] is None


def test_a_subject_is_drawn_with_all_of_its_rows_and_as_many_as_there_are():
    weights = drawn(random_rows(3))
    assert weights.shape == (RESAMPLES, 6)
    assert set(weights.sum(axis=1)) == {6}
    assert weights.mean(axis=0) == pytest.approx(np.ones(6), abs=0.15)


def test_one_name_in_two_datasets_is_two_subjects():
    those = [Score(f"v{d}{live}", 0, live, live, "", "", "1", d) for d in "ab" for live in (0, 1)]
    assert len(Groups(those)) == 2


def test_without_a_subject_videos_are_drawn_and_the_json_says_so():
    those = rows([0.9, 0.4, 0.7], [0.1, 0.5, 0.6])
    those.append(Score("l0", 1, 1, 0.8))
    groups = Groups(those)
    assert (groups.by, len(groups)) == ("video", 6)
    made = of(those, groups)
    assert made is not None
    assert (made["by"], made["subjects"]) == ("video", 6)
    some = [those[0]._replace(subject="7"), *those[1:]]
    assert Groups(some).by == "video"  # one row that has none is enough


def test_draws_that_lack_a_class_are_drawn_again_and_end():
    # two subjects, one with each class alone: half of all draws lack one
    live = [Score(f"l{i}", 0, 1, 0.5 + i / 8, subject="a") for i in range(3)]
    spoof = [Score(f"s{i}", 0, 0, i / 8, subject="b") for i in range(5)]
    assert (drawn(live + spoof) == 1).all()
    made = of(live + spoof, Groups(live + spoof))
    assert made is not None
    whole = rates(live + spoof)["auc"]
    assert made["auc"] == [whole, whole]
    # one live subject among 200
    spoof = [Score(f"s{i}", 0, 0, i / 256, subject=f"b{i}") for i in range(200)]
    weights = drawn(live + spoof)
    assert weights[:, 0].min() == 1
    # those without a score do not make a class
    failed = [Score("l9", 0, 1, None, subject="c"), *live, *spoof]
    assert drawn(failed)[:, 0].min() == 1


def test_one_subject_has_no_interval():
    those = [Score(f"v{live}", 0, live, live, subject="a") for live in (0, 1)]
    assert of(those, Groups(those)) is None


def test_the_same_rows_give_the_same_intervals_whatever_their_order():
    those = random_rows(8)
    first = level(those, {"fixed": 0.5}, Groups(those))
    again = level(those[::-1], {"fixed": 0.5}, Groups(those[::-1]))
    assert first == again


def test_frames_and_videos_are_drawn_alike():
    those = random_rows(11)
    groups = Groups(those)
    videos = [row for row in those if row.frame == 0]
    tables = [Table(part, groups.numbers(part)) for part in (those, videos)]
    both = [np.concatenate([*draws(table, len(groups))]) for table in tables]
    assert (both[0] == both[1]).all()


@pytest.mark.slow
def test_sixty_thousand_frames_give_what_fewer_would():
    # live uniform over 0.5 to 1, spoof over 0 to 0.6, of 50 subjects: AUC 1 - 0.1 ** 2 / 2 / 0.3
    random = np.random.default_rng(4)
    those = []
    for video in range(3000):
        live = video % 2
        score = random.uniform(0.5, 1, 20) if live else random.uniform(0, 0.6, 20)
        those += [
            Score(f"v{video}", frame, live, float(s), "", "" if live else f"i{video % 7}",
                  f"p{video % 50}", "made")
            for frame, s in enumerate(score)
        ]  # fmt: skip
    made = of(those, Groups(those), target_eer=0.5, fixed=0.55)
    assert made is not None
    expected = 1 - 0.1**2 / 2 / 0.3
    low, high = made["auc"]
    assert low < expected < high
    assert high - low < 0.002
    auc = roc_auc_score([r.live for r in those], [r.score for r in those])
    assert low < auc < high
    # at 0.55 a twelfth of the spoofs and a tenth of the live are on the wrong side
    low, high = made["at"]["fixed"]["hter"]
    assert low < (1 / 12 + 1 / 10) / 2 < high
