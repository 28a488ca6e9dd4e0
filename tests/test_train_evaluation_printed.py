"""train/evaluation/printed.py: numbers as they are printed, and the tables of them."""

from typing import Any

from made_scores import random_rows, rows

from train.evaluation.metrics import measure
from train.evaluation.printed import between, number, percent, short, whole
from train.evaluation.scores import Score
from train.evaluation.thresholds import eer_rule, fixed, no_sources, rules_for


def measured(those: list[Score], sources: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    rules = rules_for(those, sources, fixed(None))
    return measure(those, rules), {name: rule.to_json() for name, rule in rules.items()}


def test_numbers_are_percent_with_their_intervals_and_a_dash_where_there_is_none():
    assert percent(0.12345) == "12.35%"
    assert percent(None) == "-"
    assert between(0.5, [0.25, 1.0]) == "50.00% [25.00, 100.00]"
    assert between(0.5, None) == "50.00%"
    assert (number(0.12345678), number("inf")) == ("0.123457", "inf")


def test_a_short_table_names_the_threshold_of_every_rate():
    # two live, two spoofs of paper; at 0.5 nothing is wrong, at 0.95 both live are rejected
    those = rows([0.8, 0.9], []) + [Score(f"s{i}", 0, 0, 0.1, "print", "paper") for i in (1, 2)]
    levels, thresholds = measured(those, eer_rule(rows([0.95], [0.9]), "two others"))
    lines = short(levels, thresholds).splitlines()
    assert lines[0] == "by frame: HTER 0.00%, AUC 100.00%, EER 0.00%"
    assert lines[1:4] == [
        "  target_eer 0.8: HTER 0.00%, APCER 0.00%, BPCER 0.00%, ACER 0.00%",
        "  sources_eer 0.95: HTER 50.00%, APCER 0.00%, BPCER 100.00%, ACER 50.00%",
        "  fixed 0.5: HTER 0.00%, APCER 0.00%, BPCER 0.00%, ACER 0.00%",
    ]
    assert "thresholds:" in lines
    (line,) = [line for line in lines if line.startswith("  sources_eer: ")]
    assert line.endswith("; from: two others")


def test_a_rule_without_a_threshold_has_no_row_and_says_why():
    levels, thresholds = measured(rows([3, 4], [1, 2]), no_sources("nobody was asked"))
    for text in (short(levels, thresholds), whole(levels, thresholds)):
        lines = text.splitlines()
        assert "  sources_eer: none: nobody was asked" in lines
        assert [line.split()[0] for line in lines if "SSDG's rule" in line] == ["ssdg:"]
        assert not any(line.strip().startswith(("ssdg ", "sources_eer ")) for line in lines)


def test_the_whole_table_is_aligned_and_names_all_instruments():
    levels, thresholds = measured(random_rows(7), no_sources("none"))
    lines = whole(levels, thresholds).splitlines()
    for name in levels["frame"]["at"]["fixed"]["apcer"]:
        assert sum(line.split()[0] == name for line in lines) == 2  # by frame and by video
    heads = [line for line in lines if line.split()[0] == "rule"]
    for head in heads:
        at = lines.index(head)
        for row in lines[at + 1 : at + 4]:
            for column in ("threshold", "FAR", "HTER", "ACER"):
                place = head.index(column)
                assert row[place - 1] == " "
                assert row[place] != " "
    assert lines[-1].startswith("[low, high]: 95% intervals, percentile bootstrap of 1000 draws of")


def test_one_subject_alone_is_told_to_have_no_intervals():
    those = [Score("a", 0, 1, 0.9, subject="p"), Score("b", 0, 0, 0.1, subject="p")]
    levels, thresholds = measured(those, no_sources("none"))
    text = whole(levels, thresholds)
    assert text.splitlines()[-1].startswith("no intervals: they need two subjects")
    assert "[" not in text
