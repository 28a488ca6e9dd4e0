"""What all benchmarks measure and print with."""

from benchmarks.parts.measuring import ratio, rounded


def test_figures_are_rounded_within_dicts_and_lists_and_nothing_else_is_changed():
    figures = {"a": 1.23456, "b": [{"c": 2.00004}, "d"], "e": 7, "f": None, "g": True}
    assert rounded(figures) == {"a": 1.2346, "b": [{"c": 2.0}, "d"], "e": 7, "f": None, "g": True}


def test_a_ratio_is_the_median_of_pairs_and_not_that_of_medians():
    assert ratio([10, 20, 90], [5, 20, 30]) == 2
    assert ratio([1, 8, 9], [1, 2, 9]) == 1
