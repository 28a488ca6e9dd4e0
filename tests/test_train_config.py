import json
from pathlib import Path

import pytest

from pipeline.errors import UserError
from train.config import (
    VARIANTS,
    Settings,
    settings_from_dict,
    settings_from_json,
    settings_to_dict,
)


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
        ({"protocol": "O to C"}, "without_meta"),
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


def test_one_source_is_allowed_without_meta():
    assert Settings(protocol="O to C", variant="without_meta").parts.meta is False


def test_each_variant_of_table_ii_leaves_out_one_thing():
    whole = VARIANTS["ours"]
    left_out = {
        name: [field for field in whole._fields if getattr(parts, field) != getattr(whole, field)]
        for name, parts in VARIANTS.items()
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


def test_pydantic_refuses_an_unknown_key_when_settings_are_nested():
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(Settings)
    assert adapter.validate_python({"width": 0.5}).width == 0.5
    with pytest.raises(pydantic.ValidationError, match="widht"):
        adapter.validate_python({"widht": 0.5})
    with pytest.raises(pydantic.ValidationError, match="input_size"):
        adapter.validate_python({"input_size": 100})


def test_augmentations_are_named_one_by_one():
    assert Settings().augmentations == ()
    assert Settings(augmentation="flip").augmentations == ("flip",)
    assert Settings(augmentation="colour + flip").augmentations == ("colour", "flip")
