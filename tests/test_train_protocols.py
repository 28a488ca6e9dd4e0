"""train/protocols.py: how a protocol is written; its row in train/evaluation/published.py."""

import pytest

from pipeline.errors import UserError
from train.evaluation import published
from train.protocols import Protocol, parse, require


def test_letters_stand_for_the_four_datasets():
    assert parse("O&C&I to M") == Protocol(("oulu", "casia", "replay"), "msu")
    assert parse(" I & C&M  to O ") == Protocol(("replay", "casia", "msu"), "oulu")


def test_own_names_are_taken_as_they_are():
    protocol = parse("oulu&casia to my-data")
    assert protocol == Protocol(("oulu", "casia"), "my-data")
    assert str(protocol) == "O&C to my-data"
    assert parse(str(protocol)) == protocol


@pytest.mark.parametrize(
    "text",
    ["", "O&C&I", "O&C to", "to M", "O&&C to M", "O&C to M to I", "O&C to O", "O&O to M",
     "O&C to a/b"],
)  # fmt: skip
def test_what_is_no_protocol_is_refused(text: str):
    with pytest.raises(UserError, match="protocol"):
        parse(text)


def test_a_missing_dataset_is_named():
    with pytest.raises(UserError, match="'replay'"):
        require(["oulu", "replay"], ["oulu", "casia"], "bundle")


def test_the_papers_own_row_is_found_whatever_the_order_of_sources():
    beside = published.beside(parse("C&O&I to M"))
    assert beside is not None
    assert beside["table_1"]["Ours"] == {"hter": 7.38, "auc": 96.66}
    assert beside["table_2"]["without_meta"] == {"hter": 10.94, "auc": 95.30}
    assert published.beside(parse("O&C to M")) is None


def test_both_tables_print_the_same_numbers_for_the_whole_method():
    assert published.TABLE_I["Ours"] == published.TABLE_II["ours"]
    assert len(published.TABLE_I) == 12
    assert len(published.TABLE_II) == 6
