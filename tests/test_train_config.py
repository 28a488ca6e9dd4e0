"""train/config.py: which settings are refused, and what a variant brings."""

import json
from pathlib import Path

import pytest

from pipeline.errors import UserError
from train.config import Settings
from train.settings import (
    changed,
    settings_from_dict,
    settings_from_json,
    settings_to_dict,
    stated,
    without_effect,
)
from train.variants import VARIANTS


def test_the_defaults_are_the_paper():
    settings = Settings()
    assert (settings.batch, settings.learning_rate, settings.weight_decay) == (20, 1e-3, 5e-5)
    assert (settings.depth_weight, settings.segmentation_weight) == (10, 1)
    assert (settings.triplet_weight, settings.margin, settings.input_size) == (0.5, 0.1, 256)


def test_settings_survive_json(tmp_path: Path):
    settings = Settings(width=0.25, input_size=96, decoder_widths=(8, 8, 4), variant="without_asc")
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(settings_to_dict(settings)))
    assert settings_from_json(path) == settings


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"widht": 1.0}, "widht"),
        ({"width": "1"}, "width"),
        ({"width": True}, "width"),
        ({"width": float("nan")}, "width"),
        ({"steps": 1.5}, "steps"),
        ({"input_size": 100}, "input_size"),
        ({"input_size": 48}, "input_size"),
        ({"batch": 3}, "batch"),
        ({"variant": "mine"}, "variant"),
        ({"decoder_widths": [1, 2]}, "decoder_widths"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"margin": -0.1}, "margin"),
        ({"prefetch": -1}, "prefetch"),
        ({"augmentation": "flop"}, "augmentation is 'flop'.* none, or some of flip"),
        ({"augmentation": "flip+none"}, "augmentation"),
        ({"augmentation": ""}, "augmentation"),
        ({"augmentation": True}, "augmentation"),
        ({"colour_range": 1.1}, "colour_range"),
        ({"zoom_most": 0.9}, "zoom_most"),
        ({"erase_most": 0.6}, "erase_most"),
        ({"blur_most": float("nan")}, "blur_most"),
        ({"jpeg_least": 0}, "jpeg_least"),
        ({"protocol": "O&C to C"}, "casia"),
        ({"width": 10**400}, "width"),
        ({"steps": 10**400}, "steps"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"decoder_widths": [128, 64, 10**9]}, "decoder_widths"),
        ({"decoder_widths": [1.5, 2, 3]}, "decoder_widths: expected 3 whole numbers"),
        ({"decay_at": [0.5, 2]}, "decay_at"),
        ({"decay_at": ["half"]}, "decay_at: expected a list of numbers"),
        ({"tensorboard": 1}, "tensorboard"),
        ({"preset": "big"}, "preset: expected one of paper, demo"),
        ({"preset": ["demo"]}, "preset"),
        ({"drawing": "pooled"}, "drawing is 'pooled'.*live and spoof"),
        ({"colours": "rgb-imagenet"}, "colours is .* rgb.hsv with this variant"),
        ({"variant": "ssdg", "colours": "rgb+hsv"}, "colours"),
        ({"variant": "ssan", "initialisation": "xavier_normal"}, "initialisation"),
        ([], "object"),
    ],
)
def test_an_impossible_value_is_refused_by_its_key(values: object, named: str):
    with pytest.raises(UserError, match=named) as caught:
        settings_from_dict(values, "run.json")
    assert str(caught.value).startswith("run.json: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_json_is_one_line(tmp_path: Path):
    path = tmp_path / "settings.json"
    path.write_text("{")
    with pytest.raises(UserError, match="not a readable JSON"):
        settings_from_json(path)


def test_one_source_is_trained_without_the_meta_step():
    assert Settings(protocol="O to C").parts == VARIANTS["without_meta"].parts
    assert Settings(protocol="O to C", variant="without_asc").parts.asc is False
    assert Settings(protocol="O&I to C").parts.meta is True


def test_each_variant_of_table_ii_leaves_out_one_thing():
    whole = VARIANTS["ours"].parts
    left_out = {
        name: [f for f in whole._fields if getattr(variant.parts, f) != getattr(whole, f)]
        for name, variant in VARIANTS.items()
        if variant.method == "meta"
    }
    assert left_out == {
        "ours": [],
        "without_parsing": ["parsing", "asc"],  # there is nothing to skip from
        "without_asc": ["asc"],
        "without_triplet": ["triplet"],
        "without_meta": ["meta"],
        "normal_triplet": ["triplet"],
        "rfmetafas": ["parsing", "asc", "triplet"],
    }


def test_a_null_is_what_the_variant_was_published_with():
    found = settings_from_dict({"variant": "rfmetafas", "weight_decay": None}, "run.json")
    assert (found.weight_decay, found.meta_learner_momentum, found.hsv) == (0, 1, "rounded")
    found = settings_from_dict({"variant": "rfmetafas", "weight_decay": 1e-3}, "run.json")
    assert found.weight_decay == 1e-3


def test_a_null_preset_is_the_papers_size():
    assert settings_from_dict({"preset": None}, "x") == Settings()


def test_ssdg_has_the_weights_and_rates_of_its_protocol():
    def published(protocol: str) -> tuple[float, float, int]:
        found = settings_from_dict({"variant": "ssdg", "protocol": protocol}, "x")
        (share,) = found.decay_at
        return found.triplet_weight, found.domain_weight, round(share * found.steps)

    assert published("O&C&I to M") == (1, 0.5, 1500)
    assert published("O&M&I to C") == (1, 0.5, 500)
    assert published("O&C&M to I") == (1, 0.5, 500)
    assert published("I&C&M to O") == (2, 0.1, 1500)


def test_another_variant_takes_its_own_and_leaves_what_was_stated():
    ours = settings_from_dict({"steps": 30, "margin": 0.2, "width": 0.5}, "x")
    ssdg = changed(ours, variant="ssdg", changes=["seed=4", "device=cpu"])
    assert (ssdg.variant, ssdg.optimizer, ssdg.colours) == ("ssdg", "sgd", "rgb-imagenet")
    assert (ssdg.steps, ssdg.margin, ssdg.width, ssdg.seed, ssdg.device) == (30, 0.2, 0.5, 4, "cpu")
    assert changed(ssdg, variant="ours", changes=["seed=0", "device=auto"]) == ours
    to_oulu = changed(ssdg, protocol="I&C&M to O")
    assert (to_oulu.triplet_weight, to_oulu.steps) == (2, 30)
    small = changed(ours, preset="demo")
    assert (small.width, small.input_size, small.steps, small.margin) == (0.125, 64, 120, 0.2)
    assert changed(small, preset="paper") == Settings(margin=0.2)
    assert changed(small, changes=["preset=paper"]) == Settings(margin=0.2)


def test_epochs_that_are_stated_are_not_overridden_by_steps_that_are_not():
    assert settings_from_dict({"variant": "ssdg", "epochs": 3}, "x").steps == 0
    assert settings_from_dict({"preset": "demo", "epochs": 3}, "x").steps == 0
    assert settings_from_dict({"epochs": 3, "steps": 5}, "x").steps == 5
    demo = settings_from_dict({"preset": "demo"}, "x")
    assert changed(demo, changes=["epochs=3"]).steps == 0
    assert changed(demo, changes=["epochs=3", "steps=9"]).steps == 9


def test_stated_keys_are_those_that_no_default_and_no_variant_says():
    found = settings_from_dict({"variant": "ssan", "batch": 16, "learning_rate": 0.5}, "x")
    assert stated(found) == {"variant": "ssan", "protocol": "O&C&I to M", "learning_rate": 0.5}


def test_stated_keys_that_nothing_reads_are_named():
    def idle(**values: object) -> list[str]:
        return without_effect(settings_from_dict(values, "x"))

    assert idle() == idle(variant="ssdg") == idle(variant="ssan") == idle(variant="rfmetafas") == []
    assert idle(margin=0.3, embedding="raw", second_margin=0.5, switch=0.1) == []
    assert idle(variant="ssdg", embedding="raw", segmentation_weight=3) == [
        "segmentation_weight",
        "embedding",
    ]
    assert idle(variant="without_parsing", asc_gradient="detach") == ["asc_gradient"]
    assert idle(variant="normal_triplet", margin=0.2, second_margin=0.2) == ["second_margin"]
    assert idle(protocol="O to M", inner_learning_rate=0.1) == ["inner_learning_rate"]
    assert idle(decay_at=[0.5], held_out=0.3) == ["decay_at", "held_out"]
    assert idle(decay_at=[0.5], schedule="steps", held_out=0.3, selection="sources") == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("seed", "KEY=VALUE"),
        ("sead=1", "sead: unknown key"),
        ("width=wide", "width: expected"),
        ("width=" + "[" * 100_000, "width: expected a number"),
        ("preset=large", "preset: expected one of paper, demo"),
    ],
)
def test_a_change_that_is_wrong_is_refused(text: str, named: str):
    with pytest.raises(UserError, match=named):
        changed(Settings(), changes=[text])


def test_augmentations_are_named_one_by_one():
    assert Settings().augmentations == ()
    assert Settings(augmentation="flip").augmentations == ("flip",)
    assert Settings(augmentation="colour + flip").augmentations == ("colour", "flip")
