"""train/baselines/names.py: from names in released snapshots to ours."""

import pytest
import torch

from train.baselines.names import renamed

NAMES = {"conv.": "stem.0.", "fc.": "classify."}
HERE = {"conv.weight": torch.ones(2), "module.fc.bias": torch.zeros(1)}


def test_the_beginning_of_a_name_is_replaced_and_module_before_it_goes():
    found = renamed(HERE, NAMES, "theirs")
    assert list(found) == ["stem.0.weight", "classify.bias"]
    assert found["stem.0.weight"] is HERE["conv.weight"]


def test_names_that_are_known_to_be_unused_are_left_out():
    with_it = {**HERE, "module.idle.weight": torch.ones(1)}
    assert renamed(with_it, NAMES, "theirs", ["idle.weight"]).keys() == {
        "stem.0.weight",
        "classify.bias",
    }


def test_a_strange_name_is_refused_by_its_name():
    with pytest.raises(KeyError, match=r"'bn\.weight' is no name of their code's networks"):
        renamed({"bn.weight": torch.ones(1)}, NAMES, "their code")
