"""overrides.csv: how it is read, the record of it in the index, and what it says of a frame."""

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_corrections import HEADER, ROWS, corrected, read

from pipeline.datasets.base import read_index, write_index
from pipeline.errors import UserError
from pipeline.indexing.corrections import (
    Correction,
    apply,
    excluded,
    face_box,
    of_row,
    read_overrides,
    summary,
    turn,
)


def test_a_file_is_read_in_its_order_with_its_lines(tmp_path):
    found = read(
        tmp_path,
        "real/ben.mp4,12 20-25,exclude,,a hand before the face\n\n"
        'real/anna.mp4,,rotate,90,"lies, as filmed"\n'
        "real/anna.mp4,0-9,face,10 20.5  110 140,two faces\n",
    )
    assert found == [
        ("real/ben.mp4",
         Correction(2, "exclude", ((12, 12), (20, 25)), "", "a hand before the face")),
        ("real/anna.mp4", Correction(4, "rotate", (), "90", "lies, as filmed")),
        ("real/anna.mp4", Correction(5, "face", ((0, 9),), "10 20.5 110 140", "two faces")),
    ]  # fmt: skip


def test_columns_stand_in_any_order(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text("reason,value,action,frames,video\nwhy,180,rotate,3,real/ben.mp4\n")
    assert read_overrides(path, ROWS) == [
        ("real/ben.mp4", Correction(2, "rotate", ((3, 3),), "180", "why"))
    ]


def test_a_video_is_found_exactly_or_without_regard_to_case_if_it_is_the_only_one(tmp_path):
    assert read(tmp_path, "REAL/Anna.MP4,,exclude,,x\n")[0][0] == "real/anna.mp4"
    assert read(tmp_path, "twin/A.mp4,,exclude,,x\n")[0][0] == "twin/A.mp4"
    with pytest.raises(UserError, match=r"line 2: video 'Twin/a.mp4' may be 'twin/a.mp4' or"):
        read(tmp_path, "Twin/a.mp4,,exclude,,x\n")


@pytest.mark.parametrize("column", ["video", "frames", "action", "value", "reason"])
def test_every_column_must_be_there(tmp_path, column):
    path = tmp_path / "o.csv"
    path.write_text(HEADER.replace(column, "note", 1))
    with pytest.raises(UserError, match="line 1: unknown column 'note'"):
        read_overrides(path, ROWS)
    names = [name for name in HEADER.strip().split(",") if name != column]
    path.write_text(",".join(names) + "\n")
    with pytest.raises(UserError, match=f"line 1: the column {column} is missing"):
        read_overrides(path, ROWS)


def test_a_file_that_is_missing_is_told_and_one_without_rows_corrects_nothing(tmp_path):
    with pytest.raises(UserError, match=r"cannot read this table.*datasets\.NAME\.overrides"):
        read_overrides(tmp_path / "none.csv", ROWS)
    assert read(tmp_path, "") == []
    assert apply(ROWS, []) == ROWS


def test_different_actions_may_meet_on_a_frame_and_one_action_on_different_frames(tmp_path):
    body = (
        "real/ben.mp4,0-4,rotate,90,x\nreal/ben.mp4,5-9,rotate,180,x\n"
        "real/ben.mp4,3,face,1 1 9 9,x\nreal/ben.mp4,3,exclude,,x\nreal/anna.mp4,,rotate,90,x\n"
    )
    assert len(read(tmp_path, body)) == 5


@pytest.mark.parametrize("value, changes, before", [
    ("live=0 attack=print", {"live": 0, "attack": "print"}, {"live": "1", "attack": ""}),
    ("live=spoof attack=replay instrument=ipad",
     {"live": 0, "attack": "replay", "instrument": "ipad"},
     {"live": "1", "attack": "", "instrument": ""}),
    ("subject=carl device= session=day3", {"subject": "carl", "device": "", "session": "day3"},
     {"subject": "anna", "device": "phone", "session": "day1"}),
    ("split=devel", {"split": "dev"}, {"split": "train"}),
    ("live=1", {}, {}),
])  # fmt: skip
def test_a_live_video_is_relabelled_and_the_record_says_what_it_was(
    tmp_path, value, changes, before
):
    row = corrected(tmp_path, f"real/anna.mp4,,relabel,{value},why\n")["real/anna.mp4"]
    assert row == replace(ROWS[0], corrections=row.corrections, **changes)
    assert json.loads(row.corrections)[0]["before"] == before


@pytest.mark.parametrize("value, changes", [
    ("live=1", {"live": 1, "attack": "", "instrument": ""}),
    ("attack=replay", {"attack": "replay"}),
    ("live=0", {}),
    ("instrument=", {"instrument": ""}),
])  # fmt: skip
def test_a_spoof_is_relabelled_and_loses_its_attack_when_it_is_live(tmp_path, value, changes):
    row = corrected(tmp_path, f"spoof/ben.mp4,,relabel,{value},why\n")["spoof/ben.mp4"]
    assert row == replace(ROWS[2], corrections=row.corrections, **changes)


def test_all_videos_of_a_subject_may_move_and_an_excluded_one_does_not_count(tmp_path):
    one = "real/ben.mp4,,relabel,split=train,x\n"
    both = one + "spoof/ben.mp4,,relabel,split=train,x\n"
    assert {row.split for row in corrected(tmp_path, both).values()} == {"train"}
    rows = corrected(tmp_path, one + "spoof/ben.mp4,,exclude,,x\n")
    assert rows["real/ben.mp4"].split == "train"


def test_the_column_is_canonical_compact_json_without_the_line(tmp_path):
    body = 'real/anna.mp4,3 5-6,exclude,,"ü, ""quoted"""\nreal/anna.mp4,,relabel,device=a,y\n'
    row = corrected(tmp_path, body)["real/anna.mp4"]
    assert row.corrections == (
        '[{"action":"exclude","frames":"3 5-6","reason":"ü, \\"quoted\\"","value":""},'
        '{"action":"relabel","before":{"device":"phone"},"frames":"","reason":"y",'
        '"value":"device=a"}]'
    )
    later = corrected(tmp_path, "real/ben.mp4,,exclude,,x\n\n" + body)["real/anna.mp4"]
    assert later == row
    rows = corrected(tmp_path, body)
    assert [r.path for r in rows.values()] == [r.path for r in ROWS]
    assert all(r == rows[r.path] for r in ROWS if r.path != "real/anna.mp4")


def test_the_column_is_read_back_through_the_index(tmp_path):
    body = "real/anna.mp4,3 5-6,exclude,,x\nreal/anna.mp4,,relabel,live=0 attack=print,y\n"
    write_index(tmp_path / "i.csv", apply(ROWS, read(tmp_path, body)))
    row = next(r for r in read_index(tmp_path / "i.csv") if r.path == "real/anna.mp4")
    assert of_row(row) == [
        Correction(0, "exclude", ((3, 3), (5, 6)), "", "x"),
        Correction(0, "relabel", (), "live=0 attack=print", "y",
                   (("live", "1"), ("attack", ""))),
    ]  # fmt: skip
    assert of_row(ROWS[0]) == []


def test_excluded_tells_whole_videos_from_frames():
    some = Correction(0, "exclude", ((3, 3), (7, 9)), "", "x")
    whole = Correction(0, "exclude", (), "", "y")
    other = Correction(0, "rotate", (), "90", "z")
    assert excluded([other, some], None) is None
    assert [n for n in range(12) if excluded([other, some], n)] == [3, 7, 8, 9]
    assert excluded([other, whole], None) is whole
    assert excluded([other, whole], 5) is whole
    assert excluded([], None) is None and excluded([other], 3) is None


@pytest.mark.parametrize("clockwise, turned", [(90, "3142"), (180, "4321"), (270, "2413")])
def test_turn_gives_what_rot90_takes(clockwise, turned):
    # 1 2 / 3 4 turned clockwise by 90 is 3 1 / 4 2.
    import numpy as np

    rotate = Correction(0, "rotate", ((5, 6),), str(clockwise), "x")
    picture = np.array([["1", "2"], ["3", "4"]])
    degrees = turn([rotate], 5)
    assert "".join(np.rot90(picture, degrees // 90).ravel()) == turned
    assert turn([rotate], 7) == 0 and turn([], 5) == 0


def test_face_box_is_that_of_the_frame():
    rows = [
        Correction(0, "face", ((0, 4),), "1 2 30 40.5", "x"),
        Correction(0, "face", ((5, 5),), "-3 2 30 40", "x"),
    ]
    assert face_box(rows, 4) == (1.0, 2.0, 30.0, 40.5)
    assert face_box(rows, 5) == (-3.0, 2.0, 30.0, 40.0)
    assert face_box(rows, 6) is None and face_box([], 0) is None


def test_the_summary_is_in_the_order_of_the_index(tmp_path):
    body = (
        "spoof/ben.mp4,,relabel,live=1,no attack\nreal/anna.mp4,1-2 4,face,1 2 3 4,b\n"
        "spoof/ben.mp4,0,exclude,,black\n"
    )
    assert summary(apply(ROWS, read(tmp_path, body))) == [
        {"video": "real/anna.mp4", "action": "face", "frames": "1-2 4", "value": "1 2 3 4",
         "reason": "b", "before": ""},
        {"video": "spoof/ben.mp4", "action": "relabel", "frames": "", "value": "live=1",
         "reason": "no attack", "before": "live=0 attack=print instrument=laser"},
        {"video": "spoof/ben.mp4", "action": "exclude", "frames": "0", "value": "",
         "reason": "black", "before": ""},
    ]  # fmt: skip


def test_corrections_of_other_rows_are_refused(tmp_path):
    found = read(tmp_path, "real/ben.mp4,,exclude,,x\n")
    with pytest.raises(UserError, match=r"'real/ben\.mp4' of a correction is not in the index"):
        apply(ROWS[:1], found)
    relabelled = read(tmp_path, "spoof/ben.mp4,,relabel,attack=replay,x\n")
    live = replace(ROWS[2], live=1, attack="", instrument="")
    with pytest.raises(UserError, match=r"spoof/ben\.mp4: line 2: value is 'attack=replay', but"):
        apply([live], relabelled)


def test_more_corrections_of_a_video_than_a_column_holds_are_told(tmp_path):
    body = "".join(f"real/ben.mp4,{n},exclude,,{'x' * 1000}\n" for n in range(100))
    with pytest.raises(UserError, match=r"line 101 .*take more than 100000 letters"):
        read(tmp_path, body)


_fields = st.tuples(
    st.sampled_from(["real/anna.mp4", "REAL/BEN.MP4", "spoof/ben.mp4", "none", ""]),
    st.sampled_from(["", "0", "1-3", "4 6-9", "9-4", "x"]) | st.text(max_size=5),
    st.sampled_from(["exclude", "rotate", "face", "relabel", "other"]),
    st.sampled_from(["", "90", "1 2 3 4", "live=0 attack=print", "device=x", "split=test"])
    | st.text(max_size=8),
    st.sampled_from(["why", ""]),
)


@settings(max_examples=150)
@given(st.lists(_fields, max_size=4))
def test_any_rows_are_refused_with_a_line_or_come_back_from_the_column(tmp_path_factory, table):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(table)
    path.write_bytes((HEADER + buffer.getvalue()).encode("utf-8", "surrogatepass"))
    try:
        found = read_overrides(path, ROWS)
    except UserError as error:
        assert str(error).startswith(f"{path}: line ") and len(str(error).splitlines()) == 1
        return
    rows = apply(ROWS, found)
    for row, old in zip(rows, ROWS, strict=True):
        back = [replace(c, before=()) for c in of_row(row)]
        assert back == [replace(c, line=0) for path, c in found if path == row.path]
        was = {name: value for c in of_row(row) for name, value in c.before}
        assert (
            replace(row, corrections="", **(was | {"live": int(was.get("live", row.live))})) == old
        )
