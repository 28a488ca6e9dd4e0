import random
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from pipeline.errors import UserError
from train.metrics import Score, eer_threshold, read_scores, summary, video_scores


def rows(live: list[float | None], spoof: list[float | None]) -> list[Score]:
    """One frame a video."""
    return [Score(f"l{i}", 0, 1, s) for i, s in enumerate(live)] + [
        Score(f"s{i}", 0, 0, s) for i, s in enumerate(spoof)
    ]


def test_separated_scores_have_no_error():
    found = summary(rows([0.8, 0.9], [0.1, 0.7]))
    assert found["frame"] == {"eer": 0, "hter_at_eer_threshold": 0, "auc": 1}
    assert found["video"] == found["frame"]
    # every score in (0.7, 0.8] separates; the candidate there is 0.8 itself
    assert eer_threshold([0.1, 0.7], [0.8, 0.9]).threshold == 0.8


def test_a_hand_worked_case_with_overlap():
    # at 0.4: spoofs 0.4 and 0.6 accepted of 4, live 0.3 rejected of 4 -> |1/2 - 1/4|
    # at 0.5: spoof 0.6 of 4 accepted, live 0.3 rejected of 4 -> equal
    found = summary(rows([0.3, 0.5, 0.7, 0.9], [0.1, 0.2, 0.4, 0.6]))["frame"]
    assert eer_threshold([0.1, 0.2, 0.4, 0.6], [0.3, 0.5, 0.7, 0.9]).threshold == 0.5
    assert found["eer"] == found["hter_at_eer_threshold"] == 0.25
    assert found["auc"] == pytest.approx(13 / 16)


def test_of_equal_gaps_the_highest_threshold_is_taken():
    # one live at 0.5, spoofs at 0.5 and 0.2: at 0.5 FPR 1/2, FNR 0; above all FPR 0, FNR 1;
    # two live at 1 and 3, two spoofs at 2 and 4: at 2 FPR 1, FNR 1/2; at 3 FPR 1/2, FNR 1/2;
    # at 4 FPR 1/2, FNR 1
    assert eer_threshold([0.5, 0.2], [0.5]) == (0.5, 0.5, 0.0)
    assert eer_threshold([2, 4], [1, 3]) == (3, 0.5, 0.5)
    # all scores equal: 1 accepts all (gap 1), infinity rejects all (gap 1): the highest
    assert eer_threshold([1.0], [1.0]) == (float("inf"), 0.0, 1.0)


def test_failures_count_in_hter_and_not_in_eer_or_auc():
    # the case of overlap with two failures among ten: FTA 1/5
    found = summary(rows([0.3, 0.5, 0.7, 0.9, None], [0.1, 0.2, 0.4, 0.6, None]))["frame"]
    assert found["eer"] == 0.25
    assert found["auc"] == pytest.approx(13 / 16)
    far, frr = 0.25 * 0.8, 0.2 + 0.25 * 0.8
    assert found["hter_at_eer_threshold"] == pytest.approx((far + frr) / 2)


def test_a_video_is_the_mean_of_its_frames_that_have_a_score():
    scores = [
        Score("b", 0, 1, 0.25),
        Score("b", 5, 1, None),
        Score("b", 10, 1, 0.75),
        Score("a", -1, 0, None),
    ]
    assert video_scores(scores) == [Score("a", 0, 0, None), Score("b", 2, 1, 0.5)]


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
    rng = random.Random(seed)
    scores = []
    for video in range(rng.randint(4, 30)):
        live = video % 2
        for frame in range(rng.randint(1, 4)):
            eighths = round(8 * rng.gauss(0.3 * live, 0.5))  # exact, so that means can tie
            score = eighths / 8 if rng.random() > 0.15 else None
            scores.append(Score(f"v{video}", frame, live, score))
    scores += [Score("w0", 0, 0, 0.0), Score("w1", 0, 1, 0.125)]
    rng.shuffle(scores)
    found = summary(scores)
    assert found["frame"] == pytest.approx(brute_force(scores), abs=1e-12)
    frames = defaultdict(list)
    for row in scores:
        frames[row.video, row.live].append(row.score)
    videos = []
    for (video, live), values in sorted(frames.items()):
        kept = [v for v in values if v is not None]
        videos.append(Score(video, 0, live, sum(kept) / len(kept) if kept else None))
    assert found["video"] == pytest.approx(brute_force(videos), abs=1e-12)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_scores_file_may_have_more_columns_and_empty_scores(tmp_path: Path):
    path = write(
        tmp_path / "s.csv",
        "\ufeffscore,attack,live,frame,video\r\n0.5,,1,0,a.avi\r\n,print,0,-1,b.avi\r\n",
    )
    assert read_scores(path) == [Score("a.avi", 0, 1, 0.5), Score("b.avi", -1, 0, None)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no column video, frame, live, score"),
        ("video,frame,live\na,0,1\n", "line 1: no column score"),
        ("video,frame,live,score\na,0,1,0.5\n,0,1,0.5\n", "line 3: no video"),
        ("video,frame,live,score\na,0,2,0.5\n", "line 2: live is '2'"),
        ("video,frame,live,score\na,x,1,0.5\n", "line 2: frame is 'x'"),
        ("video,frame,live,score\na,0,1,high\n", "line 2: score is 'high'"),
        ("video,frame,live,score\na,0,1,nan\n", "line 2: score is 'nan'"),
        ("video,frame,live,score\na,0,1,inf\n", "line 2: score is 'inf'"),
        ("video,frame,live,score\na,0,1\n", "line 2: the line ends"),
        ("video,frame,live,score\na,0,1,1\na,1,0,1\n", "line 3: video 'a' is live on one"),
    ],
)
def test_a_mistake_in_a_scores_file_is_told_with_its_line(tmp_path: Path, text: str, said: str):
    with pytest.raises(UserError, match=r"s\.csv") as caught:
        read_scores(write(tmp_path / "s.csv", text))
    assert said in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be read"):
        read_scores(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00video")
    with pytest.raises(UserError, match="not a CSV"):
        read_scores(tmp_path / "b.csv")


@pytest.mark.parametrize("scores", [rows([0.5], []), rows([0.5], [None]), rows([], [0.5]), []])
def test_one_class_alone_has_no_error_rates(scores: list[Score]):
    with pytest.raises(UserError, match="both classes"):
        summary(scores)
