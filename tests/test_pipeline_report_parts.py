"""The parts of the report, each against values worked by hand."""

import base64
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.report import gallery, histograms, rates, table_rows, videos
from pipeline.report.drawing import thin
from pipeline.report.page import in_script, policy
from pipeline.report.results import Results
from pipeline.report.scores import Samples, samples_of, verdict, videos_of
from pipeline.report.training import binned, read_curves
from train.evaluation.intervals import Groups
from train.evaluation.scores import Score


def score(video: str, frame: int, live: int, value: float | None, **who: str) -> Score:
    return Score(video, frame, live, value, **who)


ROWS = [
    score("a", 0, 1, 0.5, subject="s"),
    score("a", 5, 1, 0.75, subject="s"),
    score("a", 10, 1, None, subject="s"),
    score("b", 0, 0, 0.25, instrument="ipad", subject="s"),
    score("c", -1, 0, None, attack="print", subject="t"),
    score("d", 0, 0, 0.125, attack="print", subject="t"),
]


def test_a_video_is_the_mean_of_its_scored_frames_and_counts_the_others():
    found = {one.score.video: (one.score.score, one.frames, one.failed) for one in videos_of(ROWS)}
    assert found == {
        "a": (0.625, 2, 1),
        "b": (0.25, 1, 0),
        "c": (None, 0, 1),
        "d": (0.125, 1, 0),
    }


def test_samples_are_those_with_a_score_an_attack_stands_for_a_nameless_instrument():
    samples = samples_of(ROWS)
    assert samples.score.tolist() == [0.5, 0.75, 0.25, 0.125]
    assert samples.live.tolist() == [True, True, False, False]
    assert samples.instrument.tolist() == ["", "", "ipad", "print"]


@pytest.mark.parametrize(
    "live, value, threshold, said",
    [
        (1, 0.5, 0.5, "right"),  # accepted is what scores at least the threshold
        (0, 0.5, 0.5, "wrong"),
        (1, 0.49, 0.5, "wrong"),
        (0, 0.49, 0.5, "right"),
        (1, 9.0, math.inf, "wrong"),
        (0, -9.0, -math.inf, "wrong"),
        (1, None, 0.5, "failed"),
    ],
)
def test_a_decision_is_right_where_the_class_is_that_side_of_the_threshold(
    live, value, threshold, said
):
    assert verdict(live, value, threshold) == said


def test_the_worst_frames_are_at_most_two_a_video_in_order_of_their_scores():
    rows = [score("a", frame, 1, 0.1 + frame / 100) for frame in range(5)]
    rows += [score("b", 0, 1, 0.115), score("b", 1, 1, None), score("c", 0, 0, 0.0)]
    found = [(row.video, row.frame) for row in gallery.worst(rows, 1)]
    assert found == [("a", 0), ("a", 1), ("b", 0)]


def test_the_worst_spoofs_are_the_highest_and_equal_ones_go_by_name():
    rows = [score(name, 0, 0, value) for name, value in zip("dcba", (0.5, 0.9, 0.9, 0.7))]  # noqa: B905
    assert [row.video for row in gallery.worst(rows, 0)] == ["b", "c", "a", "d"]


def test_the_gallery_has_an_end():
    rows = [score(f"{number:03d}", 0, 1, 0.5) for number in range(40)]
    assert len(gallery.worst(rows, 1)) == gallery.SHOWN == 12


def test_a_frame_is_found_in_its_shard_by_video_and_frame():
    shards = [
        SimpleNamespace(video=np.array(["a", "b"]), frame=np.array([0, 5])),
        SimpleNamespace(video=np.array(["b", "a"]), frame=np.array([0, 5])),
    ]
    assert gallery.find(score("a", 5, 1, 0.1), shards) == (shards[1], 1)
    assert gallery.find(score("b", 10, 1, 0.1), shards) is None


def test_a_card_names_the_rules_at_which_its_frame_is_wrong():
    rules = {"target_eer": 0.5, "fixed": 0.25, "ssdg": 0.75}
    (card,) = gallery.cards([score("a", 0, 1, 0.5)], {}, rules)
    assert card.wrong == ["ssdg"] and card.pictures is None


def test_bins_are_twice_the_root_of_the_number_of_scores_within_bounds():
    assert [len(histograms.edges_of(np.arange(n))) - 1 for n in (9, 100, 10_000)] == [10, 20, 40]
    edges = histograms.edges_of(np.array([0.25, 0.25]))
    assert edges[0] == -0.25 and edges[-1] == 0.75


def test_shares_are_of_the_class_alone():
    edges = np.array([0.0, 0.5, 1.0])
    assert histograms.shares(np.array([0.1, 0.2, 0.9, 1.0]), edges).tolist() == [0.5, 0.5]
    assert histograms.shares(np.zeros(0), edges).tolist() == [0, 0]


def test_operating_points_are_the_shares_beyond_the_threshold():
    samples = Samples(
        np.array([0.9, 0.4, 0.5, 0.1]), np.array([True, True, False, False]), np.full(4, "")
    )
    points = rates.operating(samples, {"fixed": 0.5, "ssdg": math.inf, "target_eer": 0.3})
    assert points == {"fixed": (0.5, 0.5), "ssdg": (0.0, 1.0), "target_eer": (0.5, 0.0)}


def test_the_band_of_two_subjects_lies_between_each_of_them_alone():
    # s alone is told apart without an error, t the wrong way round: a quarter of the draws each.
    rows = [
        score("a", 0, 1, 0.9, subject="s"),
        score("b", 0, 0, 0.1, subject="s", instrument="x"),
        score("c", 0, 1, 0.2, subject="t"),
        score("d", 0, 0, 0.8, subject="t", instrument="x"),
    ]
    low, high = rates.band(rows, Groups(rows))
    assert low[rates.GRID < 1].tolist() == [0] * (len(rates.GRID) - 1)
    assert high.tolist() == [1] * len(rates.GRID) and low[-1] == 1


def test_one_subject_has_no_band():
    rows = [score("a", 0, 1, 0.9, subject="s"), score("b", 0, 0, 0.1, subject="s")]
    assert rates.band(rows, Groups(rows)) is None


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=300),
    st.integers(5, 50),
)
def test_a_thinned_line_keeps_its_ends_and_passes_by_every_point(points, steps):
    x, y = (np.array(sorted(values)) for values in zip(*points, strict=True))
    few_x, few_y = thin(x, y, steps)
    assert (few_x[0], few_y[0], few_x[-1], few_y[-1]) == (x[0], y[0], x[-1], y[-1])
    assert set(zip(few_x, few_y, strict=True)) <= set(zip(x, y, strict=True))
    for values, few in ((x, few_x), (y, few_y)):
        away = np.abs(values[:, None] - few[None]).min(1).max()
        assert away <= (values.max() - values.min()) / steps * (1 + 1e-9)


def test_a_line_of_sixty_thousand_points_becomes_one_of_two_thousand_at_most():
    x = np.linspace(0, 1, 60_000)
    few, _ = thin(x, np.sqrt(x))
    assert len(few) <= 2000


def test_curves_are_read_by_loss_and_a_step_without_one_is_a_gap():
    steps, losses = read_curves("step,epoch,total,dep\n1,0,3,\n2,0,2,0.5\n")
    assert steps.tolist() == [1, 2] and losses["total"].tolist() == [3, 2]
    assert np.isnan(losses["dep"][0]) and losses["dep"][1] == 0.5


@pytest.mark.parametrize("text", ["step,epoch,total\n1,0\n", "step,epoch\n1,0\n", "total\n1\n"])
def test_curves_that_were_cut_are_told(text):
    with pytest.raises(UserError, match="damaged"):
        read_curves(text)


def test_long_curves_are_told_by_mean_lowest_and_highest_of_each_part():
    parts = binned(np.arange(1, 5), np.array([1.0, 3, 2, 6]), 2)
    assert [part.tolist() for part in parts] == [[2, 4], [2, 4], [1, 2], [3, 6]]


POINT = {"threshold": "inf", "far": 0.1, "frr": 0.2, "hter": 0.15,
         "apcer": {"a": 0.125, "b": 0.5, "c": None}, "apcer_worst": 0.5, "worst_instrument": "b",
         "bpcer": 0.25, "acer": 0.375}  # fmt: skip
WITHIN = {"hter": [0.1, 0.2], "apcer_worst": [0.25, 0.75], "bpcer": [0, 0.5], "acer": [0.3, 0.4]}
NUMBERS = {
    "counts": {"live": 4, "spoof": 8, "live_failed": 1, "spoof_failed": 0},
    "failure_to_acquire": 1 / 12,
    "auc": 0.9,
    "eer": 0.25,
    "hter_at_eer_threshold": 0.1234,
    "bpcer_at_apcer": {"10": 0.5, "5": 0.75, "1": 1},
    "at": {"target_eer": POINT, "sources_eer": None, "fixed": None, "ssdg": None},
    "intervals": {
        "share": 0.95, "resamples": 10, "subjects": 3, "by": "subject", "auc": [0.8, 1],
        "eer": [0.2, 0.3], "hter_at_eer_threshold": [0.1, 0.2],
        "bpcer_at_apcer": {"1": [0.5, 1], "5": [0.5, 1], "10": [0, 1]},
        "at": {"target_eer": WITHIN, "sources_eer": None, "fixed": None, "ssdg": None},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def results() -> Results:
    rules = {"target_eer": {"frame": "inf", "video": 0.5, "how": "how", "from": "what"}}
    rules["sources_eer"] = {"frame": None, "video": None, "how": "how", "from": "none: why"}
    return Results.model_validate(
        {
            "protocol": "O&C&I to M", "sources": ["oulu"], "target": "msu", "variant": "ours",
            "width": 1, "input_size": 256, "steps": 1, "all_steps": 1, "seed": 0, "score": "",
            "selection": "last", "trained_on": "", "evaluated_on": "", "environment": {},
            "sampling": {}, "thresholds": rules, "frame": NUMBERS,
            "video": {**NUMBERS, "intervals": None},
            "published": {
                "protocol": "O&C&I to M", "table_1": {"Ours": {"hter": 7.38, "auc": 96.66}},
                "table_2": {"ours": {"hter": 7.38, "auc": 96.66}},
            },
        }
    )  # fmt: skip


def test_the_headline_tells_numbers_in_percent_and_their_intervals_by_level(results):
    rows = dict(table_rows.headline(results))
    assert list(rows)[3:] == ["BPCER at APCER 1%", "BPCER at APCER 5%", "BPCER at APCER 10%"]
    hter = rows["HTER at the EER threshold"]
    assert (hter["frame"].percent, hter["frame"].between) == ("12.34", "10.00 – 20.00")
    assert hter["video"].between == ""


def test_a_rule_without_a_threshold_tells_why(results):
    rows = {(row.level, row.rule): row for row in table_rows.at_rules(results)}
    there, none = rows["frame", "target_eer"], rows["frame", "sources_eer"]
    assert there.threshold == "∞" and there.sorts_as == "inf" and not there.why
    assert there.cells["acer"].percent == "37.50" and there.cells["acer"].between == "30.00 – 40.00"
    assert there.cells["far"].between == ""
    assert none.threshold == "–" and none.why == "none: why"
    assert rows["frame", "ssdg"].why == "not in these results"


def test_the_worst_instrument_stands_first_and_one_without_a_score_last(results):
    rows = [row for row in table_rows.instruments(results) if row.level == "frame"]
    assert [(row.instrument, row.cells["target_eer"].percent) for row in rows] == [
        ("b", "50.00"),
        ("a", "12.50"),
        ("c", "–"),
    ]


def test_this_run_stands_above_the_papers_rows(results):
    (_, one), (_, two) = table_rows.paper_rows(results)
    assert [(row.name, row.hter, row.own) for row in one] == [
        ("this run, by frame", "12.34", True),
        ("this run, by video", "12.34", True),
        ("the paper's own", "7.38", False),
    ]
    assert [(row.name, row.own) for row in two][2:] == [("ours", True)]


@pytest.mark.parametrize(
    "threshold, text",
    [(0.26834123, "0.268341"), (-math.inf, "−∞"), (math.inf, "∞"), (None, "–"), (1e-9, "1e-09")],
)
def test_a_threshold_is_told_with_six_digits(threshold, text):
    assert table_rows.threshold_text(threshold) == text


def test_the_table_of_videos_holds_every_column_and_thresholds_that_json_can_say():
    table = videos.table(videos_of(ROWS[:4]), {"fixed": 0.5, "target_eer": math.inf})
    assert table["rows"][0] == ["", "a", 1, "", "", "s", 2, 1, 0.625]
    assert table["rows"][1] == ["", "b", 0, "", "ipad", "s", 1, 0, 0.25]
    assert table["rules"][0] == ["fixed", "fixed (0.5)", 0.5]
    assert table["rules"][1][1] == "target EER (∞)" and table["rules"][1][2] > 1e308
    json.dumps(table, allow_nan=False)


@given(st.text() | st.sampled_from(["</script>", "<!--<script>", "a\u2028b", "\u202e'\"&\n"]))
def test_json_in_a_script_cannot_end_it_and_says_the_same(text):
    written = in_script({text: [text]})
    assert written.isascii() and not set("<>&\n\r") & set(written)
    assert json.loads(written) == {text: [text]}


def test_the_policy_allows_this_style_and_script_by_their_sha256_alone():
    # The sha256 of nothing, in base64.
    nothing = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    parts = dict(part.strip().split(" ", 1) for part in policy("", "").split(";"))
    assert parts == {
        "default-src": "'none'", "img-src": "data:", "style-src": nothing, "script-src": nothing,
        "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip


def test_the_curves_of_sixty_thousand_frames_are_small_drawings():
    rng = np.random.default_rng(0)
    live = np.arange(60_000) % 4 == 0
    samples = Samples(rng.normal(live * 2.0, 1), live, np.where(live, "", "ipad"))
    for draw in (rates.roc, rates.det):
        uri = draw(samples, {"fixed": 0.5})
        assert len(base64.b64decode(uri.partition(",")[2])) < 60_000
