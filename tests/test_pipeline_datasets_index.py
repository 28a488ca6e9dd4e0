"""The file of an index: written sorted, read row by row, and all of it checked."""

import pytest
from dataset_names import at, msu_names, touch, write_sub_lists

from pipeline.datasets.base import COLUMNS, Video, read_index, write_index
from pipeline.errors import UserError
from pipeline.index import by_partition, index, partition_of

ROW = "{path},tiny,train,1,s,,,,,0,,\n"
HEADER = ",".join(COLUMNS) + "\n"


def test_the_wanted_rows_are_those_of_a_whole_reading(tmp_path):
    rows = [Video(f"train/live/{n:03d}.mp4", "tiny", "train", 1, f"s{n}") for n in range(200)]
    write_index(tmp_path / "tiny.csv", rows)
    own = read_index(tmp_path / "tiny.csv", lambda path: partition_of("tiny", path, 7) == 3)
    assert own == by_partition(read_index(tmp_path / "tiny.csv"), 7)[3]
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


def test_an_index_is_written_sorted_by_bytes_and_read_back_the_same(tmp_path):
    write_sub_lists(touch(tmp_path / "msu", list(msu_names())))
    rows = index("msu", at(tmp_path / "msu"))
    path = tmp_path / "index" / "msu.csv"
    write_index(path, rows[::-1])
    assert read_index(path) == rows
    lines = path.read_text("utf-8").splitlines()
    assert lines[0] == (
        "path,dataset,split,live,subject,attack,instrument,session,device,upside_down,"
        "protocols,corrections"
    )
    row = "scene01/real/real_client003_android_SD_scene01.mp4,msu,train,1,003,,,scene01,android,1,"
    assert f"{row}sub_list:train," in lines


GOOD = "Train_files/1_1_01_1.avi,oulu,train,1,01,,,1,1,0,1:train,"


@pytest.mark.parametrize(
    "text, words",
    [
        ("path,dataset\na,oulu\n", "line 1: the column"),
        ("", "line 1: the column"),
        (HEADER + f"{GOOD}\na.avi,oulu\n", "line 3: too few columns"),
        (HEADER + GOOD.replace(",1,01", ",2,01"), "line 2: live is '2'"),
        (HEADER + GOOD.replace(",0,1:", ",yes,1:"), "line 2: upside_down is 'yes'"),
        (HEADER + GOOD.replace("train", "trian"), "line 2: split is 'trian'"),
        (HEADER + "../" + GOOD, "does not stay inside"),
        (HEADER + "/" + GOOD, "does not stay inside"),
        (HEADER + GOOD[24:], "does not stay inside"),
    ],
)
def test_a_wrong_index_is_told_with_its_line(tmp_path, text, words):
    path = tmp_path / "index.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_index(path)


def test_an_index_that_is_missing_or_no_text_is_told(tmp_path):
    with pytest.raises(UserError, match="run ocim index"):
        read_index(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00path")
    with pytest.raises(UserError, match=r"binary\.csv"):
        read_index(tmp_path / "binary.csv")
