"""train/evaluation/card.py: what a model card says of data, settings, results and limits."""

import dataclasses
import re
from typing import Any

import pytest
from made_predict import THRESHOLD, made_model

from train.evaluation.card import LIMITS, card_text, code, plain
from train.evaluation.metrics import measure
from train.evaluation.scores import Score
from train.evaluation.thresholds import fixed, no_sources, rules_for
from train.running.checkpoint import Model

DATA = {
    "datasets": {
        "casia": {
            "samples": 40, "subjects": 20, "videos": 30, "live": 12, "spoof": 28,
            "sampling": {"sampling": "every", "every": 2, "reach": 5, "faces": "detected"},
        },
        "mine": {
            "samples": 9, "subjects": 3, "videos": 9, "live": 4, "spoof": 5,
            "sampling": {"sampling": "uniform", "frames": 1},
        },
    },
    "licences": ["This bundle holds pictures of faces.", "", "- CASIA-FASD: under its agreement"],
}  # fmt: skip


def model(**changes: Any) -> Model:
    return made_model({"data": DATA, **changes})


def results(instrument: str = "ipad", subjects: int = 2) -> dict[str, Any]:
    """Of two live and two spoof videos a subject, one without a score."""
    rows = [
        Score(f"{subject}{live}{take}", 0, live, None if (subject, live, take) == (0, 1, 0)
              else 0.2 + 0.5 * live + 0.01 * take, "" if live else "replay",
              "" if live else instrument, str(subject), "mine")
        for subject in range(subjects) for live in (0, 1) for take in (0, 1)
    ]  # fmt: skip
    rules = rules_for(rows, no_sources("made"), fixed(None))
    return {
        "schema": 3,
        "target": "msu",
        "evaluated_on": "e" * 64,
        "thresholds": {name: rule.to_json() for name, rule in rules.items()},
        **measure(rows, rules),
    }


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_data_are_counted_by_dataset_and_all_people_together():
    text = section(card_text(model(), None, None), "Data that it learned from")
    assert "| casia | 20 | 30 | 12 | 28 | 40 |" in text
    assert "every 2" in text and "sampling uniform" in text
    assert "23 people in all" in text


def test_licences_stand_as_the_bundle_has_them():
    text = section(card_text(model(), None, None), "Licences of the data")
    assert "> This bundle holds pictures of faces." in text
    assert "> - CASIA-FASD: under its agreement" in text


def test_settings_other_than_the_published_ones_are_listed_and_how_it_runs_is_not():
    text = section(card_text(model(), None, None), "Settings that differ from the published ones")
    assert "| `width` | `0.125` | `1.0` |" in text and "| `input_size` | `64` | `256` |" in text
    assert "threads" not in text and "seed" not in text and "protocol" not in text


def test_a_baseline_is_held_against_its_own_settings():
    made = made_model({"data": DATA}, variant="ssdg", margin=0.2)
    text = section(card_text(made, None, None), "Settings that differ from the published ones")
    assert "| `margin` | `0.2` | `0.1` |" in text
    assert "weight_decay" not in text and "colours" not in text


def test_without_results_it_says_that_nothing_was_measured():
    assert "Not measured yet." in section(card_text(model(), None, None), "Results")


def test_results_have_every_rule_with_its_interval_and_where_it_came_from():
    found = results()
    text = section(card_text(model(), found, None), "Results")
    assert "On msu, which it has not seen" in text
    at = found["video"]["at"]["fixed"]
    low, high = found["video"]["intervals"]["at"]["fixed"]["hter"]
    assert f"{at['hter']:.2%} [{100 * low:.2f}, {100 * high:.2f}]" in text
    assert text.count("| `fixed` |") == text.count("| `target_eer` |") == 2  # by frame, by video
    assert "| `sources_eer` |" not in text  # there is none
    assert "- `sources_eer`: " in text and "none: made" in text
    assert "By video: 4 live, 4 spoof, of them 1 without a score" in text
    assert "Attack instruments: ipad." in text


def test_held_out_numbers_say_that_the_threshold_was_found_on_them():
    text = section(card_text(model(), None, results()), "Results")
    assert "The dataset left out has not been measured." in text
    assert "flatter" in text
    both = section(card_text(model(), results(), results()), "Results")
    assert both.count("| `fixed` |") == 4


def test_one_subject_gives_no_interval_and_that_is_said():
    found = results(subjects=1)
    for level in ("frame", "video"):
        found[level]["intervals"] = None
    assert "No intervals" in section(card_text(model(), found, None), "Results")


def test_threshold_crop_and_environment_are_the_models():
    text = card_text(model(), None, None)
    of_threshold = section(text, "Threshold")
    assert "Live from 0.75 by video and 0.25 by frame on" in of_threshold
    assert THRESHOLD["how"] in of_threshold and THRESHOLD["from"] in of_threshold
    assert "| margin | 1.4 |" in section(text, "Crops")
    assert "| torch | 2.13.0 |" in section(text, "Environment")


def test_what_is_not_known_is_said_and_not_made_up():
    bare = model(threshold=None, crop={}, environment={}, data={"datasets": {}, "licences": []})
    text = card_text(bare, None, None)
    for title in ("Data that it learned from", "Licences of the data", "Environment"):
        assert "The model does not say." in section(text, title)
    assert "None: this is a checkpoint" in section(text, "Threshold")
    assert "does not say how its crops were made" in section(text, "Crops")


def test_limits_are_always_there():
    text = section(card_text(model(), None, None), "Limits")
    assert [line for line in text.splitlines() if line] == [f"- {line}" for line in LIMITS]
    for word in ("no proof", "GDPR", "replica", "threshold"):
        assert word in text


def test_names_from_data_cannot_mark_up_the_page():
    name = 'x|<img src=x onerror="a">\n# [b](javascript:c) `d`'
    text = section(card_text(model(), results(name), None), "Results")
    assert "<img" not in text and "\n# " not in text
    assert not re.search(r"(?<!\\)\[b", text) and not re.search(r"(?<!\\)`d", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<b>&lt; O&C", "&lt;b&gt;&amp;lt; O&C"),
        ("a\n\x00b", "a b"),
        ("*_`", r"\*\_\`"),
        ("printed_photo", "printed_photo"),
    ],
)
def test_plain_text_shows_as_it_is(text, shown):
    assert plain(text) == shown


def test_text_in_the_type_of_code_cannot_end_it():
    assert code("a`b|c\n`") == "`a b c`"


def test_the_same_model_gives_the_same_card():
    made = model()
    assert card_text(made, results(), None) == card_text(dataclasses.replace(made), results(), None)
