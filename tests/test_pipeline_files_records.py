"""pipeline/files/records.py: which spellings are one, and how much of a CSV file is read.

What may stand in a row is told by the tests of the tables (test_pipeline_datasets_table.py).
"""

import pytest

from pipeline.errors import UserError
from pipeline.files import records
from pipeline.files.records import same_person, shown, spelling


def test_a_value_in_a_message_is_quoted_on_one_line_and_cut():
    assert shown("a\nb") == r"'a\nb'"
    assert shown("x" * 80) == repr("x" * 80)
    assert shown("x" * 81) == repr("x" * 77 + "...")


def test_case_and_unicode_form_make_no_other_path_and_spaces_no_other_person():
    assert spelling("J\u00dcRGEN/1.mp4") == spelling("ju\u0308rgen/1.MP4")
    assert spelling("a b") != spelling("a  b")
    assert same_person("J\u00dcRGEN  K") == same_person("ju\u0308rgen k ")


def test_a_table_far_too_large_is_told_before_all_of_it_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "LARGEST_TABLE", 60)
    table = tmp_path / "videos.csv"
    table.write_text("path,split,live\n" + "a.mp4,train,1\n" * 4)
    with pytest.raises(UserError, match="line 5: more than 60 bytes; is this file a table"):
        list(records.read_records(table, "datasets.NAME.table", ("path", "split", "live")))
