"""What all benchmarks measure and print with."""

from benchmarks.parts.measuring import rounded


def test_figures_are_rounded_within_dicts_and_lists_and_nothing_else_is_changed():
    figures = {"a": 1.23456, "b": [{"c": 2.00004}, "d"], "e": 7, "f": None, "g": True}
    assert rounded(figures) == {"a": 1.2346, "b": [{"c": 2.0}, "d"], "e": 7, "f": None, "g": True}
