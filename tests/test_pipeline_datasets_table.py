"""Data of one's own as a CSV, right and wrong."""

import csv
import io
import os
from pathlib import Path

import pytest
from dataset_names import refused, touch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.config import DatasetSettings
from pipeline.datasets.base import Video
from pipeline.datasets.table import CLASS_NAMES, OPTIONAL, REQUIRED, SPLIT_NAMES, rows
from pipeline.errors import UserError
from pipeline.index import index

SHORT = "path,split,live\n"
HEADER = "path,split,live,subject,attack,instrument,session,device\n"


def write(folder: Path, data: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(folder: Path, data: str | bytes) -> list[Video]:
    return list(rows(folder, str(write(folder, data))))


def test_a_full_table_gives_every_field(tmp_path):
    text = (
        HEADER + "a/1.mp4,train,1,anna,,,day1,phone\na/2.png,test,0,ben,print,laser,day2,tablet\n"
    )
    assert read(tmp_path, text) == [
        Video("a/1.mp4", "table", "train", 1, "anna", "", "", "day1", "phone"),
        Video("a/2.png", "table", "test", 0, "ben", "print", "laser", "day2", "tablet"),
    ]


def test_three_columns_are_enough_and_stand_in_any_order_and_case(tmp_path):
    assert read(tmp_path, " Live ,PATH,split\nspoof,b.mp4,train\nreal,a.mp4,dev\n") == [
        Video("b.mp4", "table", "train", 0, subject="b.mp4", attack="unknown"),
        Video("a.mp4", "table", "dev", 1, subject="a.mp4"),
    ]


@pytest.mark.parametrize("written, meant", [
    ("1", 1), ("live", 1), ("Real", 1), ("0", 0), ("SPOOF", 0), ("attack", 0),
])  # fmt: skip
def test_live_may_be_written_in_six_ways(tmp_path, written, meant):
    assert [row.live for row in read(tmp_path, f"{SHORT}a.mp4,test,{written}\n")] == [meant]


@pytest.mark.parametrize("written, meant", [
    ("train", "train"), ("Training", "train"), ("dev", "dev"), ("devel", "dev"), ("VAL", "dev"),
    ("validation", "dev"), ("test", "test"), ("testing", "test"),
])  # fmt: skip
def test_a_split_may_be_written_as_others_do(tmp_path, written, meant):
    assert [row.split for row in read(tmp_path, f"{SHORT}a.mp4,{written},1\n")] == [meant]


@pytest.mark.parametrize("data", [
    b"\xef\xbb\xbfpath,split,live\r\nM\xc3\xbcller 1.mp4,train,1\r\n",
    b'path,split,live\r\n"M\xc3\xbcller 1.mp4","train","1"\r\n',
    b'path,split,live\n\n "M\xc3\xbcller 1.mp4", train , 1 \n\n',
    b"path,split,live\nM\xc3\xbcller 1.mp4,train,1",
])  # fmt: skip
def test_byte_order_marks_line_ends_quotes_and_spaces_do_not_matter(tmp_path, data):
    assert read(tmp_path, data) == [
        Video("Müller 1.mp4", "table", "train", 1, subject="Müller 1.mp4")
    ]


def test_a_quoted_comma_and_a_quoted_quote_are_part_of_the_name(tmp_path):
    found = read(tmp_path, SHORT + '"a, ""b"".mp4",train,1\n')
    assert [row.path for row in found] == ['a, "b".mp4']


def test_a_line_feed_in_a_path_or_a_subject_is_a_letter_like_others(tmp_path):
    text = 'path,split,live,subject\n"a\nb.mp4",train,1,"an\nna"\nc.mp4,train,1,\n'
    found = read(tmp_path, text)
    assert [(row.path, row.subject) for row in found] == [
        ("a\nb.mp4", "an\nna"),
        ("c.mp4", "c.mp4"),
    ]
    touch(tmp_path / "tree", ["train/live/an\nna/a\nb.mp4"])
    (row,) = rows(tmp_path / "tree")
    assert (row.path, row.subject) == ("train/live/an\nna/a\nb.mp4", "an\nna")


def test_paths_are_written_in_one_way(tmp_path):
    found = read(tmp_path, SHORT + "./a//b/./c.mp4,train,1\n")
    assert [(row.path, row.subject) for row in found] == [("a/b/c.mp4", "a/b/c.mp4")]


WRONG = [
    # header
    ("", 1, "the column path is missing"),
    ("\n\n", 1, "the column path is missing"),
    ("path;split;live\na;train;1\n", 1, "separated by semicolons; save the table with commas"),
    ("path\tsplit\tlive\n", 1, "separated by tabs; save the table with commas"),
    ("path,split\na,train\n", 1, "the column live is missing"),
    ("path,split,live,subjcet\na,train,1,x\n", 1, "unknown column 'subjcet'; the columns are path"),
    ("path,split,live,upside_down\n", 1, "unknown column 'upside_down'"),
    ("path,split,live,live\na,train,1,1\n", 1, "the column live stands twice"),
    ("path,split,live,\na,train,1,\n", 1, "column 4 has no name"),
    ("a.mp4,train,1\n", 1, "unknown column 'a.mp4'"),
    (SHORT, 1, "no row follows"),
    (SHORT + "\n\n", 1, "no row follows"),
    # rows
    (HEADER + "a,train,1,x,print,,,\n", 2, "attack is 'print' in a row that is live"),
    (HEADER + "a,train,real,x,,ipad,,\n", 2, "instrument is 'ipad' in a row that is live"),
    (HEADER + f"a,train,1,{'x' * 201},,,,\n", 2, "subject is 'xxx"),
    (HEADER + '"a",train,1,x,,,"new\nline",\n', 2, r"session is 'new\nline': it has a control"),
    (SHORT.encode() + b"a,train,1\nM\xfcller,train,1\n", 3, "this is not UTF-8"),
    ((SHORT + "a,train,1\n").encode("utf-16"), 1, "this is not UTF-8"),
    *((SHORT + rows, line, words) for rows, line, words in (
        ("a,train\n", 2, "2 fields, but 3 columns"),
        ("a, b.mp4,train,1\n", 2, "a field with a comma in it needs quotes"),
        ("\na,trian,1\n", 3, "split is 'trian', not one of train"),
        ("a,,1\n", 2, "split is '', not one of"),
        ("a,train,2\n", 2, "live is '2', not one of 1, live"),
        ("a,train,yes\n", 2, "live is 'yes'"),
        ('a,train,1\n"b,train,1\nc,train,1\n', 3, "not a row of a CSV"),
        ('"a"b,train,1\n', 2, "not a row of a CSV"),
        (f"{'a' * 140000},train,1\n", 2, "not a row of a CSV"),
        ("a" * 1_100_000, 2, "has no end"),
        ("a\rb,train,1\n", 2, "not a row of a CSV"),
        ('ok,train,1\n"a\r\nb",train,1\n', 3, "path is 'a\\r\\nb': it has a control"),
        ("a\0b,train,1\n", 2, r"path is 'a\x00b': it has a control"),
        ("a\tb,train,1\n", 2, "it has a control character"),
        ("a\u2028b,train,1\n", 2, "line break"),
        ("a\x85b,train,1\n", 2, "it has a control character"),
    )),
    *((f"{SHORT}{path},train,1\n", 2, words) for path, words in (
        ("", "path '' is empty"),
        (".", "path '.' is empty"),
        ("/etc/passwd", "is absolute"),
        ("C:/a.mp4", "is absolute"),
        ("a\\b.mp4", "has a backslash"),
        ("../a.mp4", "has '..'"),
        ("a/../b.mp4", "has '..'"),
        ("a" * 300 + ".mp4", "is too long"),
        ("abc/" * 1500 + ".mp4", "is too long"),
    )),
    # rows against each other
    *((f"{SHORT}{first},train,1\n{second},train,1\n", 3, "stands in line 2 already")
      for first, second in (("a.mp4", "a.mp4"), ("A.mp4", "a.MP4"), ("\u00fc.mp4", "U\u0308.mp4"))),
    (SHORT + "a/b.mp4,train,1\nx,train,1\n./a//b.mp4,train,1\n", 4, "in line 2 already"),
    (HEADER + "a,train,1,x,,,,\nb,test,1,x,,,,\n", 3,
     "split is test, but the subject 'x' is in train by line 2"),
]  # fmt: skip


@pytest.mark.parametrize("data, line, words", WRONG, ids=range(len(WRONG)))
def test_a_mistake_is_told_in_one_line_with_file_line_and_field(tmp_path, data, line, words):
    with refused(tmp_path / "table.csv", line, words):
        read(tmp_path, data)


@pytest.mark.parametrize("name", ["nowhere.csv", "folder", "nul\0.csv"])
def test_a_table_that_cannot_be_read_is_told_with_the_key_to_set(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"cannot read this table.*set datasets\.NAME\.table"):
        list(rows(tmp_path, str(tmp_path / name)))


def test_a_file_that_is_not_there_keeps_its_row_and_a_folder_does_not(tmp_path):
    touch(tmp_path, ["here.mp4", "folder/x.mp4"])
    found = read(tmp_path, SHORT + "here.mp4,train,1\ngone/away.mp4,train,1\n")
    assert [row.path for row in found] == ["here.mp4", "gone/away.mp4"]
    with pytest.raises(UserError, match="line 2: path 'folder' is a folder"):
        read(tmp_path, SHORT + "folder,train,1\n")
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(UserError, match=r"line 2: path 'pipe\.mp4' is no regular file"):
        read(tmp_path, SHORT + "pipe.mp4,train,1\n")


def test_links_are_followed_inside_the_root_and_never_out_of_it(tmp_path):
    root, outside = touch(tmp_path / "root", ["real/a.mp4"]), touch(tmp_path / "out", ["s.mp4"])
    (root / "inside").symlink_to("real")
    (root / "inside.mp4").symlink_to("real/a.mp4")
    (root / "round.mp4").symlink_to("round.mp4")
    (root / "folder").symlink_to(outside)
    (root / "file.mp4").symlink_to(outside / "s.mp4")
    (root / "dangling.mp4").symlink_to(outside / "nothing.mp4")
    (root / "rooty").symlink_to("/")
    good = ["inside/a.mp4", "inside.mp4", "round.mp4"]
    text = SHORT + "".join(f"{name},train,1\n" for name in good)
    assert [row.path for row in read(root, text)] == good
    for name in ("folder/s.mp4", "folder/none.mp4", "file.mp4", "dangling.mp4", "rooty/x/y.mp4"):
        with pytest.raises(UserError, match=r"line 2: path .* leads out of the root"):
            read(root, f"{SHORT}{name},train,1\n")


def test_the_root_itself_may_be_a_link(tmp_path):
    touch(tmp_path / "disk", ["a.mp4"])
    (tmp_path / "root").symlink_to("disk")
    assert len(read(tmp_path / "root", SHORT + "a.mp4,train,1\n")) == 1


@pytest.mark.slow
@settings(max_examples=150)
@given(st.one_of(
    st.text(),
    st.binary(),
    st.text(alphabet="path,splive\n\r\"';01tran/. \t\ufeff"),
    st.text(alphabet='a/.,"\n\r 01').map(lambda body: SHORT + body),
    st.lists(st.lists(st.sampled_from(["a", "A", "b/c", "", "train", "test", "1", "0", '"', "..",
                                       "a\nb", "\0"]), min_size=3, max_size=4))
      .map(lambda table: SHORT + "\n".join(map(",".join, table))),
))  # fmt: skip
@example((SHORT + "\ud800").encode("utf-8", "surrogatepass"))
def test_any_bytes_parse_or_are_refused_with_a_line_number(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    try:
        found = read(folder, data)
    except UserError as error:
        assert str(error).startswith(f"{folder}/table.csv: line ")
        assert len(str(error).splitlines()) == 1
    else:
        assert found
        for row in found:
            assert row.split in ("train", "dev", "test") and row.live in (0, 1)
            assert bool(row.attack) != bool(row.live)
            assert not Path(row.path).is_absolute() and ".." not in Path(row.path).parts


_label = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20
).filter(lambda text: text == text.strip(" "))  # fmt: skip
_name = _label.filter(lambda text: text not in ("", ".", "..") and not set("/\\:") & set(text))
_row = st.fixed_dictionaries({
    "path": st.lists(_name, min_size=1, max_size=3).map("/".join),
    "split": st.sampled_from(sorted(SPLIT_NAMES)),
    "live": st.sampled_from(sorted(CLASS_NAMES)),
    "attack": _label, "instrument": _label, "session": _label, "device": _label,
})  # fmt: skip


@settings(max_examples=60)
@given(st.lists(_row, min_size=1, max_size=5, unique_by=lambda row: row["path"].lower()),
       st.permutations([*REQUIRED, *OPTIONAL]), st.sampled_from(["\n", "\r\n"]))  # fmt: skip
def test_a_table_written_by_a_csv_writer_is_read_back(tmp_path_factory, table, columns, end):
    folder = tmp_path_factory.getbasetemp() / "none such"
    folder.mkdir(exist_ok=True)
    expected = []
    for row in table:
        live = CLASS_NAMES[row["live"]]
        if live:
            row |= {"attack": "", "instrument": ""}
        expected.append(Video(
            row["path"], "table", SPLIT_NAMES[row["split"]], live, row["path"],
            row["attack"] or ("" if live else "unknown"), row["instrument"], row["session"],
            row["device"],
        ))  # fmt: skip
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator=end)
    writer.writeheader()
    writer.writerows(table)
    # Two spellings that are one path to the reader are the other test's.
    try:
        found = read(folder, buffer.getvalue())
    except UserError as error:
        assert "already; one row a file" in str(error)
    else:
        assert found == expected


def test_a_table_goes_through_the_index_under_the_configured_name(tmp_path):
    table = write(tmp_path, SHORT + "b.mp4,train,1\na.jpg,test,0\n")
    where = DatasetSettings(root=str(tmp_path), adapter="table", table=str(table))
    assert [(row.path, row.dataset) for row in index("mine", where)] == [
        ("a.jpg", "mine"), ("b.mp4", "mine"),
    ]  # fmt: skip


@pytest.mark.parametrize("one, other", [
    ("Anna", "anna"), ("j\u00fcrgen", "ju\u0308rgen"), ("anna", "anna\u00a0"), ("a  b", "a b"),
])  # fmt: skip
def test_a_subject_is_one_person_however_it_is_written(tmp_path, one, other):
    text = f"path,split,live,subject\na.mp4,train,1,{one}\nb.mp4,test,1,{other}\n"
    with pytest.raises(UserError, match=r"line 3: .*a subject belongs to one split"):
        read(tmp_path, text)
    touch(tmp_path / "tree", [f"train/live/{one}/1.mp4", f"test/live/{other}/1.mp4"])
    with pytest.raises(UserError, match="a subject belongs to one split"):
        list(rows(tmp_path / "tree"))
