"""What a correction may say, and what is refused, in overrides.csv and in the index."""

import json
from dataclasses import replace

import pytest
from dataset_names import assert_one_line
from made_corrections import ROWS, read

from pipeline.errors import UserError
from pipeline.indexing.corrections import (
    of_row,
    summary,
)

OK = "real/anna.mp4,,exclude,,x\n"


WRONG = [
    ("real/nobody.mp4,,exclude,,x\n", 2, "video 'real/nobody.mp4' is not in the index"),
    (",,exclude,,x\n", 2, "video '' is not in the index"),
    (OK + "\nreal/ben.mp4,,delete,,x\n", 4, "action is 'delete', not one of exclude, rotate"),
    ("real/ben.mp4,,,,x\n", 2, "action is ''"),
    ("real/ben.mp4,,exclude,,\n", 2, "reason is empty"),
    ("real/ben.mp4,,exclude,yes,x\n", 2, "value is 'yes'; leave it empty"),
    ("real/ben.mp4,,exclude,,x,y\n", 2, "6 fields, but 5 columns"),
    ('real/ben.mp4,,exclude,,"x\ny"\n', 2, "reason is 'x\\ny': it has a control character"),
    # frames
    ("real/ben.mp4,one,exclude,,x\n", 2, "frames is 'one': 'one' is no frame number"),
    ('real/ben.mp4,"1,2",exclude,,x\n', 2, "'1,2' is no frame number and no range"),
    ("real/ben.mp4,-5,exclude,,x\n", 2, "'-5' is no frame number"),
    ("real/ben.mp4,5-,exclude,,x\n", 2, "'5-' is no frame number"),
    ("real/ben.mp4,1 - 5,exclude,,x\n", 2, "'-' is no frame number"),
    ("real/ben.mp4,1.5,exclude,,x\n", 2, "'1.5' is no frame number"),
    ("real/ben.mp4,\u0661,exclude,,x\n", 2, "is no frame number"),
    (f"real/ben.mp4,{'9' * 5000},exclude,,x\n", 2, "is no frame number"),
    ("real/ben.mp4,25-20,exclude,,x\n", 2, "'25-20' goes back"),
    ("real/ben.mp4,20-25 12,exclude,,x\n", 2, "'12' goes back"),
    ("real/ben.mp4,20-25 25,exclude,,x\n", 2, "'25' goes back"),
    ("real/ben.mp4,7 7,exclude,,x\n", 2, "'7' goes back"),
    # rotate
    ("real/ben.mp4,,rotate,,x\n", 2, "value is '', not 90, 180 or 270"),
    ("real/ben.mp4,,rotate,45,x\n", 2, "value is '45', not 90"),
    ("real/ben.mp4,,rotate,-90,x\n", 2, "value is '-90', not 90"),
    ("real/ben.mp4,,rotate,0,x\n", 2, "value is '0', not 90"),
    ("real/ben.mp4,1-9,rotate,90,x\nreal/BEN.mp4,9,rotate,90,x\n", 3, "rotate, but line 2 has"),
    ("real/ben.mp4,,rotate,90,x\nreal/ben.mp4,9,rotate,90,x\n", 3, "rotate, but line 2 has"),
    # face
    ("real/ben.mp4,,face,,x\n", 2, "value is '', not the four numbers"),
    ("real/ben.mp4,,face,1 2 3,x\n", 2, "not the four numbers"),
    ("real/ben.mp4,,face,1 2 3 nan,x\n", 2, "not the four numbers"),
    ("real/ben.mp4,,face,1 2 3 1e9,x\n", 2, "not the four numbers"),
    ('real/ben.mp4,,face,"1,2,3,4",x\n', 2, "not the four numbers"),
    ("real/ben.mp4,,face,5 2 5 9,x\n", 2, "needs x0 < x1 and y0 < y1"),
    ("real/ben.mp4,,face,1 9 5 2,x\n", 2, "needs x0 < x1 and y0 < y1"),
    ("real/ben.mp4,,face,-9 -9 -1 5,x\n", 2, "outside the frame"),
    ("real/ben.mp4,3-8,face,1 1 5 5,x\nreal/ben.mp4,1 5,face,1 1 9 9,x\n", 3,
     "face, but line 2 has"),
    ("real/ben.mp4,9-12,face,1 1 5 5,x\nreal/ben.mp4,5-9,face,1 1 9 9,x\n", 3,
     "face, but line 2 has"),
    ("real/ben.mp4,,exclude,,x\nreal/ben.mp4,4,exclude,,x\n", 3, "exclude, but line 2 has"),
    # relabel
    ("real/ben.mp4,4,relabel,live=0 attack=print,x\n", 2, "frames is '4', but a video has one"),
    ("real/ben.mp4,,relabel,,x\n", 2, "value is empty"),
    ("real/ben.mp4,,relabel,spoof,x\n", 2, "'spoof' is not name=value"),
    ("real/ben.mp4,,relabel,path=a.mp4,x\n", 2, "'path=a.mp4' is not name=value"),
    ("real/ben.mp4,,relabel,device=a device=b,x\n", 2, "device stands twice"),
    ("real/ben.mp4,,relabel,live=2,x\n", 2, "live is one of 1, live"),
    ("real/ben.mp4,,relabel,split=trian,x\n", 2, "split is one of train"),
    ("real/ben.mp4,,relabel,subject=,x\n", 2, "a video has a subject"),
    (f"real/ben.mp4,,relabel,device={'x' * 201},x\n", 2, "device has more than 200 letters"),
    ("real/ben.mp4,,relabel,live=0,x\n", 2, "a spoof needs an attack; add attack=print"),
    ("spoof/ben.mp4,,relabel,attack=,x\n", 2, "a spoof needs an attack"),
    ("real/ben.mp4,,relabel,attack=print,x\n", 2, "the video is live then and has no attack"),
    ("real/ben.mp4,,relabel,instrument=x,x\n", 2, "is live then and has no instrument"),
    ("spoof/ben.mp4,,relabel,live=1 attack=print,x\n", 2, "is live then and has no attack"),
    ("spoof/ben.mp4,,relabel,live=1 instrument=,x\n", 2, "is live then and has no instrument"),
    ("real/ben.mp4,,relabel,device=a,x\nreal/ben.mp4,,relabel,session=b,x\n", 3,
     "relabel, but line 2 has"),
    ("real/ben.mp4,,relabel,split=train,x\n", 2, "the subject 'ben' is in test and train"),
    ("real/ben.mp4,,relabel,split=train,x\nspoof/ben.mp4,0-9,exclude,,x\n", 2,
     "the subject 'ben' is in test and train"),
    (OK + "twin/a.mp4,,relabel,subject=ben,x\n", 3, "the subject 'ben' is in test and train"),
]  # fmt: skip


@pytest.mark.parametrize("body, line, words", WRONG, ids=range(len(WRONG)))
def test_a_mistake_is_told_in_one_line_with_file_line_and_field(tmp_path, body, line, words):
    with pytest.raises(UserError) as caught:
        read(tmp_path, body)
    assert_one_line(caught.value, tmp_path / "overrides.csv", line, words)


GOOD = {"action": "rotate", "frames": "", "value": "90", "reason": "x"}


@pytest.mark.parametrize("column", [
    "[", "{}", "[]", "null", "1", '"x"', "[1]", "[[]]", "[{}]", "[" * 100_000,
    json.dumps([{**GOOD, "line": 3}]),
    json.dumps([{k: v for k, v in GOOD.items() if k != "reason"}]),
    json.dumps([{**GOOD, "value": 90}]),
    json.dumps([{**GOOD, "value": "91"}]),
    json.dumps([{**GOOD, "action": "tilt"}]),
    json.dumps([{**GOOD, "action": ["rotate"]}]),
    json.dumps([{**GOOD, "frames": [[1, 2]]}]),
    json.dumps([{**GOOD, "frames": "2 1"}]),
    json.dumps([{**GOOD, "reason": ""}]),
    json.dumps([{**GOOD, "reason": "\x1b[2J"}]),
    json.dumps([{**GOOD, "reason": "\ud800"}]),
    json.dumps([{**GOOD, "before": {}}]),
    json.dumps([{**GOOD, "action": "relabel", "value": "device=a"}]),
    json.dumps([{**GOOD, "action": "relabel", "value": "device=a", "before": []}]),
    json.dumps([{**GOOD, "action": "relabel", "value": "device=a", "before": {"device": 1}}]),
    json.dumps([{**GOOD, "action": "relabel", "value": "device=a", "before": {"path": "a"}}]),
    json.dumps([GOOD, {**GOOD, "frames": "7"}]),
])  # fmt: skip
def test_a_malformed_column_is_told_with_the_video(column):
    row = replace(ROWS[0], corrections=column)
    with pytest.raises(UserError, match=r"mine: real/anna\.mp4: the column corrections") as caught:
        of_row(row)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400
    with pytest.raises(UserError):
        summary([row])
