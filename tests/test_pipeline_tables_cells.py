"""Which trainings a table is made of: every protocol, variant and seed."""

from typing import Any

import pytest

from pipeline.config import TablesSettings, validate
from pipeline.errors import UserError
from pipeline.tables import cells
from pipeline.tables.cells import Cell
from train.config import Settings
from train.evaluation.published import PROTOCOLS, TABLE_II

TO_C = "O&M&I to C"


def test_the_cells_are_every_protocol_variant_and_seed_in_that_order():
    wanted = TablesSettings(variants=["ours", "ssdg"], seeds=[3, 1])
    found = cells.cells(wanted, ["O&C&I to M", TO_C])
    assert [one.name for one in found[:5]] == [
        "O-C-I-to-M/ours/seed-3",
        "O-C-I-to-M/ours/seed-1",
        "O-C-I-to-M/ssdg/seed-3",
        "O-C-I-to-M/ssdg/seed-1",
        "O-M-I-to-C/ours/seed-3",
    ]
    assert len(found) == 8


def test_a_cell_is_the_training_section_with_its_protocol_variant_and_seed():
    found = Cell("I&C&M to O", "ssdg", 7).settings(Settings(width=0.25))
    assert (found.protocol, found.variant, found.seed, found.width) == (
        "I&C&M to O",
        "ssdg",
        7,
        0.25,
    )
    assert (found.triplet_weight, found.domain_weight) == (2.0, 0.1)  # SSDG's own to O


def test_the_default_is_the_papers_table_2_on_its_four_protocols():
    wanted = TablesSettings()
    all_four = ["oulu", "casia", "replay", "msu"]
    protocols = cells.protocols_of(wanted.protocols, all_four, "O to M", "here")
    assert protocols == list(PROTOCOLS)
    assert wanted.variants == list(TABLE_II)
    assert len(cells.cells(wanted, protocols)) == 4 * 6 * 3


def test_without_all_four_datasets_the_trainings_own_protocol_is_taken():
    assert cells.protocols_of(None, ["oulu", "mine"], "oulu to mine", "here") == ["O to mine"]


def test_a_protocol_whose_dataset_is_not_there_is_told():
    with pytest.raises(UserError, match="needs casia, which here leaves out"):
        cells.protocols_of([TO_C], ["oulu", "msu", "replay"], TO_C, "here")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"protocols": ["O&C&I"]}, "tables.protocols: protocol 'O&C&I'"),
        ({"protocols": ["O to M", "oulu to msu"]}, "tables.protocols: O to M stands twice"),
        ({"seeds": [1, 1]}, "tables.seeds: 1 stands twice"),
        ({"seeds": []}, "tables.seeds"),
        ({"variants": ["theirs"]}, "tables.variants.0"),
    ],
)
def test_a_mistake_in_the_section_names_its_key(given: dict[str, Any], said: str):
    with pytest.raises(UserError) as caught:
        validate({"tables": given}, "here")
    assert said in str(caught.value)
