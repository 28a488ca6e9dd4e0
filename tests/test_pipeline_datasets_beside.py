"""What lies beside the videos: subject lists, eye positions, face locations."""

import pytest
from dataset_names import at, msu_names, touch

from pipeline.datasets import casia, msu, oulu, replay
from pipeline.errors import UserError
from pipeline.index import index


def test_subject_lists_of_msu_override_the_published_split(tmp_path):
    names = [name for name in msu_names() if "client002" in name or "client001" in name]
    touch(tmp_path, names)
    assert {row.subject: row.split for row in index("msu", at(tmp_path))} == {
        "001": "test",
        "002": "train",
    }
    (tmp_path / "train_sub_list.txt").write_text("01\r\n")
    (tmp_path / "test_sub_list.txt").write_text("02\r\n")
    assert {row.subject: row.split for row in index("msu", at(tmp_path))} == {
        "001": "train",
        "002": "test",
    }


@pytest.mark.parametrize("train, test", [("01\nnobody", "02"), ("01\n02", "02"), ("\xff", "")])
def test_a_wrong_subject_list_of_msu_is_told(tmp_path, train, test):
    touch(tmp_path, list(msu_names())[:8])
    (tmp_path / "train_sub_list.txt").write_bytes(train.encode("latin-1"))
    (tmp_path / "test_sub_list.txt").write_text(test)
    with pytest.raises(UserError, match="sub_list"):
        index("msu", at(tmp_path))


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\n\n  \n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_subject_lists_of_msu_may_have_any_line_end_and_mark(tmp_path, ends, encoding):
    touch(tmp_path, list(msu_names())[:16])
    (tmp_path / "Train_Sub_List.TXT").write_bytes(ends.join(("01", "50")).encode(encoding))
    (tmp_path / "test_sub_list.txt").write_bytes(ends.join(("03", "02")).encode(encoding))
    rows = index("msu", at(tmp_path))
    assert {(row.subject, row.split, row.protocols) for row in rows} == {
        ("002", "test", "sub_list:test"),
        ("003", "test", "sub_list:test"),
    }


def test_a_subject_that_the_lists_leave_out_keeps_the_published_split(tmp_path):
    touch(tmp_path, list(msu_names())[:16])
    (tmp_path / "train_sub_list.txt").write_text("03")
    assert {(row.subject, row.split, row.protocols) for row in index("msu", at(tmp_path))} == {
        ("002", "train", ""),
        ("003", "train", "sub_list:train"),
    }


@pytest.mark.parametrize("text", ["²", "1a", "-1", "0001", "٠١"])
def test_what_is_no_number_in_a_subject_list_is_told_with_its_line(tmp_path, text):
    touch(tmp_path, list(msu_names())[:8])
    (tmp_path / "train_sub_list.txt").write_text(f"\n02\n{text}\n", "utf-8")
    with pytest.raises(UserError, match=r"train_sub_list\.txt: line 3: .*subject number"):
        index("msu", at(tmp_path))


def test_a_file_of_eyes_lies_beside_a_video_of_oulu_in_any_case(tmp_path):
    names = [f"Train_files/1_1_0{number}_1" for number in range(1, 6)]
    touch(tmp_path / "o", [f"{name}.AVI" for name in names])
    touch(tmp_path / "o", [f"{names[0]}.txt", f"{names[1]}.TXT", f"{names[2]}.Txt"])
    (tmp_path / "outside.txt").touch()
    (tmp_path / "o" / f"{names[3]}.txt").symlink_to(tmp_path / "outside.txt")
    (tmp_path / "o" / f"{names[4]}.txt").mkdir()
    found = [oulu.shipped_file(tmp_path / "o", f"{name}.AVI") for name in names]
    assert [path and path.name for path in found] == [
        "1_1_01_1.txt", "1_1_02_1.TXT", "1_1_03_1.Txt", None, None
    ]  # fmt: skip


REAL = "real/client001_session01_webcam_authenticate_adverse_1"


@pytest.mark.parametrize(
    "module, video, face",
    [
        (replay, f"train/{REAL}.mov", f"d/face-locations/train/{REAL}.face"),
        (replay, f"train/{REAL}.mov", f"face-locations/train/{REAL}.face"),
        (replay, f"replayattack-train/{REAL}.mov", f"d/face-locations/train/{REAL}.face"),
        (replay, f"replayattack-train/{REAL}.mov",
         f"d/Face-Locations/replayattack-train/{REAL}.face"),
        (replay, f"TRAIN/{REAL}.MOV", f"d/face-locations/train/{REAL}.FACE"),
        (casia, "train_release/1/HR_1.avi", "d/face-locations/train_release/1/HR_1.face"),
        (casia, "Train_Release/01/hr_1.AVI", "face-locations/train_release/1/HR_1.face"),
    ],
)  # fmt: skip
def test_face_locations_lie_in_the_root_or_beside_it(tmp_path, module, video, face):
    root = touch(tmp_path / "d", [video])
    assert module.shipped_file(root, video) is None
    touch(tmp_path, [face])
    assert module.shipped_file(root, video) == tmp_path / face


def test_face_locations_that_lead_out_do_not_count(tmp_path):
    video = f"train/{REAL}.mov"
    touch(tmp_path / "elsewhere", [f"train/{REAL}.face"])
    root = touch(tmp_path / "disk" / "replay", [video])
    (root / "face-locations").symlink_to(tmp_path / "elsewhere")
    assert replay.shipped_file(root, video) is None


def test_msus_positions_lie_beside_its_videos_and_of_the_upside_down_ones_none_is_taken(tmp_path):
    names = [f"scene01/real/real_client{n}_android_SD_scene01" for n in ("002", "003", "011")]
    touch(tmp_path, [f"{names[0]}.face", f"{names[0]}.mp4", f"{names[1]}.face", f"{names[2]}.mp4"])
    found = [msu.shipped_file(tmp_path, f"{name}.mp4") for name in names]
    assert found == [tmp_path / f"{names[0]}.face", None, None]
