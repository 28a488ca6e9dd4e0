"""A finding is one line, and of one kind only the first few are told."""

import pytest

from pipeline.verify.findings import Finding, limited


@pytest.mark.parametrize(
    "finding, line",
    [
        (Finding("too big"), "a.h5: too big"),
        (Finding("too big", "9 is too big"), "a.h5: 9 is too big"),
        (Finding("too big", sample=3), "a.h5: sample 3: too big"),
        (
            Finding("too big", "", 3, "größe/a b.avi", 0),
            "a.h5: sample 3 (video größe/a b.avi, frame 0): too big",
        ),
        (
            Finding("too big", "", 3, "two\nlines", 5),
            "a.h5: sample 3 (video 'two\\nlines', frame 5): too big",
        ),
    ],
)
def test_a_finding_is_one_line_that_begins_with_the_file(finding, line):
    assert finding.line("a.h5") == line


def test_a_file_name_that_would_break_the_line_is_quoted():
    assert Finding("x").line("a\nb\udc80.h5") == "'a\\nb\\udc80.h5': x"


def test_the_first_five_of_a_kind_are_told_and_the_others_counted():
    some = [Finding("a", f"{n} a", n) for n in range(7)] + [Finding("b")] * 5 + [Finding("c")] * 6
    told = [finding.text or finding.kind for finding in limited(some)]
    assert told == [
        *(f"{n} a" for n in range(5)), *["b"] * 5, *["c"] * 5, "2 more samples: a", "1 more: c",
    ]  # fmt: skip
