"""What a correction may say, and what is refused, in overrides.csv and in the index."""

import json
from dataclasses import replace

import pytest
from dataset_names import refused
from made_corrections import ROWS, read

from pipeline.errors import UserError
from pipeline.indexing.corrections import of_row, summary

OK = "real/anna.mp4,,exclude,,x\n"
BEN = "real/ben.mp4,"
WRONG = [
    ("real/nobody.mp4,,exclude,,x\n", 2, "video 'real/nobody.mp4' is not in the index"),
    (",,exclude,,x\n", 2, "video '' is not in the index"),
    (OK + f"\n{BEN},delete,,x\n", 4, "action is 'delete', not one of exclude, rotate"),
    (BEN + ",,,x\n", 2, "action is ''"),
    (BEN + ",exclude,,\n", 2, "reason is empty"),
    (BEN + ",exclude,yes,x\n", 2, "value is 'yes'; leave it empty"),
    (BEN + ",exclude,,x,y\n", 2, "6 fields, but 5 columns"),
    (BEN + ',exclude,,"x\ny"\n', 2, "reason is 'x\\ny': it has a control character"),
    *((f"{BEN}{frames},exclude,,x\n", 2, words) for frames, words in (
        ("one", "frames is 'one': 'one' is no frame number"),
        ('"1,2"', "'1,2' is no frame number and no range"),
        ("-5", "'-5' is no frame number"),
        ("5-", "'5-' is no frame number"),
        ("1 - 5", "'-' is no frame number"),
        ("1.5", "'1.5' is no frame number"),
        ("\u0661", "is no frame number"),
        ("9" * 5000, "is no frame number"),
        ("25-20", "'25-20' goes back"),
        ("20-25 12", "'12' goes back"),
        ("20-25 25", "'25' goes back"),
        ("7 7", "'7' goes back"),
    )),
    *((f"{BEN},rotate,{value},x\n", 2, f"value is '{value}', not 90, 180 or 270")
      for value in ("", "45", "-90", "0")),
    (BEN + "1-9,rotate,90,x\nreal/BEN.mp4,9,rotate,90,x\n", 3, "rotate, but line 2 has"),
    (BEN + f",rotate,90,x\n{BEN}9,rotate,90,x\n", 3, "rotate, but line 2 has"),
    *((f"{BEN},face,{value},x\n", 2, words) for value, words in (
        ("", "value is '', not the four numbers"),
        ("1 2 3", "not the four numbers"),
        ("1 2 3 nan", "not the four numbers"),
        ("1 2 3 1e9", "not the four numbers"),
        ('"1,2,3,4"', "not the four numbers"),
        ("5 2 5 9", "needs x0 < x1 and y0 < y1"),
        ("1 9 5 2", "needs x0 < x1 and y0 < y1"),
        ("-9 -9 -1 5", "outside the frame"),
    )),
    (BEN + f"3-8,face,1 1 5 5,x\n{BEN}1 5,face,1 1 9 9,x\n", 3, "face, but line 2 has"),
    (BEN + f"9-12,face,1 1 5 5,x\n{BEN}5-9,face,1 1 9 9,x\n", 3, "face, but line 2 has"),
    (BEN + f",exclude,,x\n{BEN}4,exclude,,x\n", 3, "exclude, but line 2 has"),
    (BEN + "4,relabel,live=0 attack=print,x\n", 2, "frames is '4', but a video has one"),
    *((f"{BEN},relabel,{value},x\n", 2, words) for value, words in (
        ("", "value is empty"),
        ("spoof", "'spoof' is not name=value"),
        ("path=a.mp4", "'path=a.mp4' is not name=value"),
        ("device=a device=b", "device stands twice"),
        ("live=2", "live is one of 1, live"),
        ("split=trian", "split is one of train"),
        ("subject=", "a video has a subject"),
        (f"device={'x' * 201}", "device has more than 200 letters"),
        ("live=0", "a spoof needs an attack; add attack=print"),
        ("attack=print", "the video is live then and has no attack"),
        ("instrument=x", "is live then and has no instrument"),
        ("split=train", "the subject 'ben' is in test and train"),
    )),
    *((f"spoof/ben.mp4,,relabel,{value},x\n", 2, words) for value, words in (
        ("attack=", "a spoof needs an attack"),
        ("live=1 attack=print", "is live then and has no attack"),
        ("live=1 instrument=", "is live then and has no instrument"),
    )),
    (BEN + f",relabel,device=a,x\n{BEN},relabel,session=b,x\n", 3, "relabel, but line 2 has"),
    (BEN + ",relabel,split=train,x\nspoof/ben.mp4,0-9,exclude,,x\n", 2,
     "the subject 'ben' is in test and train"),
    (OK + "twin/a.mp4,,relabel,subject=ben,x\n", 3, "the subject 'ben' is in test and train"),
]  # fmt: skip


@pytest.mark.parametrize("body, line, words", WRONG, ids=range(len(WRONG)))
def test_a_mistake_is_told_in_one_line_with_file_line_and_field(tmp_path, body, line, words):
    with refused(tmp_path / "overrides.csv", line, words):
        read(tmp_path, body)


GOOD = {"action": "rotate", "frames": "", "value": "90", "reason": "x"}


@pytest.mark.parametrize("column", [
    "[", "{}", "[]", "null", "1", '"x"', "[1]", "[[]]", "[{}]", "[" * 100_000,
    json.dumps([{k: v for k, v in GOOD.items() if k != "reason"}]),
    json.dumps([GOOD, {**GOOD, "frames": "7"}]),
    *(json.dumps([{**GOOD, **change}]) for change in (
        {"line": 3},
        {"value": 90},
        {"value": "91"},
        {"action": "tilt"},
        {"action": ["rotate"]},
        {"frames": [[1, 2]]},
        {"frames": "2 1"},
        {"reason": ""},
        {"reason": "\x1b[2J"},
        {"reason": "\ud800"},
        {"before": {}},
        {"action": "relabel", "value": "device=a"},
        {"action": "relabel", "value": "device=a", "before": []},
        {"action": "relabel", "value": "device=a", "before": {"device": 1}},
        {"action": "relabel", "value": "device=a", "before": {"path": "a"}},
    )),
])  # fmt: skip
def test_a_malformed_column_is_told_with_the_video(column):
    row = replace(ROWS[0], corrections=column)
    with pytest.raises(UserError, match=r"mine: real/anna\.mp4: the column corrections") as caught:
        of_row(row)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400
    with pytest.raises(UserError):
        summary([row])
