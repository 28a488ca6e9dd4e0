"""An index is read row by row: only what is wanted is kept, and all of it is checked."""

import pytest

from pipeline.datasets.base import COLUMNS, Video, read_index, write_index
from pipeline.errors import UserError
from pipeline.index import partition_of, partition_rows

ROW = "{path},tiny,train,1,s,,,,,0,,\n"
HEADER = ",".join(COLUMNS) + "\n"


def test_the_wanted_rows_are_those_of_a_whole_reading(tmp_path):
    rows = [Video(f"train/live/{n:03d}.mp4", "tiny", "train", 1, f"s{n}") for n in range(200)]
    write_index(tmp_path / "tiny.csv", rows)
    own = read_index(tmp_path / "tiny.csv", lambda path: partition_of("tiny", path, 7) == 3)
    assert own == partition_rows(read_index(tmp_path / "tiny.csv"), 3, 7)
    assert 0 < len(own) < 200


def test_rows_that_are_not_wanted_are_checked_as_well(tmp_path):
    path = tmp_path / "tiny.csv"
    path.write_text(HEADER + ROW.format(path="a.mp4") + ROW.format(path="../b.mp4"))
    with pytest.raises(UserError, match=r"line 3: path '\.\./b\.mp4' does not stay"):
        read_index(path, lambda path: False)


@pytest.mark.parametrize(
    "path", ["..", "a/..", "a/../b.mp4", "/a.mp4", "//a", ".", "./", "./.", "", "./../a"]
)
def test_a_path_that_leads_out_of_the_root_is_refused(tmp_path, path):
    (tmp_path / "tiny.csv").write_text(HEADER + ROW.format(path=path))
    with pytest.raises(UserError, match=r"line 2: path .* does not stay inside the root"):
        read_index(tmp_path / "tiny.csv")


@pytest.mark.parametrize("path", [".hidden/a.mp4", "a./b.mp4.", "..a/b", "a..b", "./a.mp4", "a/"])
def test_dots_that_lead_nowhere_are_names_like_others(tmp_path, path):
    (tmp_path / "tiny.csv").write_text(HEADER + ROW.format(path=path))
    assert [row.path for row in read_index(tmp_path / "tiny.csv")] == [path]


@pytest.mark.parametrize("path", ["a\r\nb.mp4", "a\nb.mp4", 'a"b,c.mp4', " a .mp4"])
def test_names_with_line_ends_and_quotes_come_back_as_they_were(tmp_path, path):
    write_index(tmp_path / "tiny.csv", [Video(path, "tiny", "train", 1, "s")])
    assert [row.path for row in read_index(tmp_path / "tiny.csv")] == [path]


def test_lines_are_counted_with_those_inside_of_names_and_blank_ones_passed_over(tmp_path):
    text = HEADER + ROW.format(path='"a\nb.mp4"') + "\n" + ROW.replace("train", "trial")
    (tmp_path / "tiny.csv").write_text(text)
    with pytest.raises(UserError, match="line 5: split is 'trial'"):
        read_index(tmp_path / "tiny.csv")


def test_columns_may_stand_in_another_order_and_others_among_them(tmp_path):
    names = ["more", *reversed(COLUMNS)]
    values = dict(zip(COLUMNS, ROW.format(path="a.mp4").strip().split(","), strict=True))
    line = ",".join(values.get(name, "more") for name in names)
    (tmp_path / "tiny.csv").write_text(",".join(names) + "\n" + line + "\n")
    assert read_index(tmp_path / "tiny.csv") == [Video("a.mp4", "tiny", "train", 1, "s")]


def test_a_field_longer_than_csv_takes_is_told(tmp_path):
    (tmp_path / "tiny.csv").write_text(HEADER + ROW.format(path="a" * 200_000))
    with pytest.raises(UserError, match=r"tiny\.csv: cannot read this index: field larger"):
        read_index(tmp_path / "tiny.csv")
