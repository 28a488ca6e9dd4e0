"""The table of expected and found videos, against copies that lack, repeat or misname some."""

from collections import Counter

import pytest
from command_line import mistake, ocim
from dataset_names import COUNTS, NAMES, at, msu_names, oulu_names, touch, write_sub_lists

from pipeline.datasets import casia, msu, oulu, replay, table
from pipeline.datasets.base import Video
from pipeline.index import index
from pipeline.indexing.counts import Comparison, compare, passed_over, to_lines

MODULES = {"oulu": oulu, "casia": casia, "replay": replay, "msu": msu}


def rows_of(dataset: str, names: list[str]) -> list[Video]:
    rows = [MODULES[dataset].row(name) for name in names]
    assert None not in rows
    return [row for row in rows if row]


def compared(dataset: str, names: list[str]) -> Comparison:
    found = compare(rows_of(dataset, names), MODULES[dataset])
    assert found is not None
    return found


@pytest.mark.parametrize("dataset", list(MODULES))
@pytest.mark.parametrize("spell", [str, str.upper])
def test_a_whole_copy_lacks_nothing_and_has_nothing_more(dataset, spell):
    found = compared(dataset, [spell(name) for name in NAMES[dataset]()])
    assert (found.missing, found.surplus) == ((), ())
    counts = [
        (split, live, number, number, 0, 0)
        for split, numbers in COUNTS[dataset].items()
        for live, number in zip((1, 0), numbers, strict=True)
    ]
    assert list(found.counts) == counts


@pytest.mark.parametrize("dataset", list(MODULES))
@pytest.mark.parametrize("step", [2, 7, 100])
def test_of_a_partial_copy_each_missing_name_is_told(dataset, step):
    names = sorted(NAMES[dataset](), key=str.encode)
    found = compared(dataset, names[::step])
    assert list(found.missing) == [name for i, name in enumerate(names) if i % step]
    assert found.surplus == ()
    lost = Counter((row.split, row.live) for row in rows_of(dataset, list(found.missing)))
    for count in found.counts:
        assert count.missing == lost[count.split, count.live]
        assert count.found == count.expected - count.missing


@pytest.mark.parametrize(
    "dataset, name, copy",
    [
        ("oulu", "Dev_files/1_1_21_1.avi", "dev_files/1_1_21_1.avi"),
        ("casia", "train_release/1/HR_1.avi", "train_release/01/HR_1.avi"),
        ("replay", "devel/real/client003_session01_webcam_authenticate_adverse_1.mov",
         "replayattack-devel/real/client003_session01_webcam_authenticate_adverse_1.mov"),
        ("msu", "scene01/real/real_client001_android_SD_scene01.mp4",
         "scene01/real/real_client001_android_SD_scene01.mov"),
    ],
)  # fmt: skip
def test_a_second_copy_is_surplus_and_the_official_spelling_is_the_first(dataset, name, copy):
    names = list(NAMES[dataset]())
    for order in ([copy, *names], [*names, copy]):
        found = compared(dataset, order)
        assert (found.missing, found.surplus) == ((), (copy,))
        assert sum(count.surplus for count in found.counts) == 1
    alone = compared(dataset, [other for other in order if other != name])
    assert (alone.missing, alone.surplus) == ((), ())


def test_videos_that_were_never_published_are_surplus():
    stranger = "scene01/real/real_client099_laptop_SD_scene01.mov"
    found = compared("msu", [*msu_names(), stranger])
    assert found.surplus == (stranger,)
    assert found.counts[2] == ("test", 1, 40, 41, 0, 1)
    moved = [name.replace("Train_files/1_1_01_", "Test_files/1_1_01_") for name in oulu_names()]
    found = compared("oulu", moved)
    assert [len(found.missing), len(found.surplus)] == [5, 5]
    assert found.missing[0] == "Train_files/1_1_01_1.avi"
    assert found.surplus[0] == "Test_files/1_1_01_1.avi"


def test_found_counts_by_the_split_that_the_users_lists_give(tmp_path):
    touch(tmp_path, list(msu_names()))
    write_sub_lists(tmp_path)
    text = (tmp_path / "train_sub_list.txt").read_text()
    (tmp_path / "train_sub_list.txt").write_text(text.replace("02\n", ""))
    (tmp_path / "test_sub_list.txt").write_text("02")
    found = compare(index("msu", at(tmp_path)), msu)
    assert found is not None
    assert (found.missing, found.surplus) == ((), ())
    assert found.counts[0] == ("train", 1, 30, 28, 0, 0)
    assert found.counts[3] == ("test", 0, 120, 126, 0, 0)


def test_nothing_is_published_of_ones_own_data():
    assert compare([Video("a.mp4", "mine", "train", 1, "1")], table) is None
    assert list(to_lines(None)) == []


def test_lines_are_one_table_and_lists_cut_after_ten():
    names = list(oulu_names())
    lines = list(to_lines(compared("oulu", [*names[12:-1], "Train_files/1_1_99_1.avi"])))
    assert lines == [
        "  split  class  expected     found   missing   surplus",
        "  train  live        360       358         3         1",
        "  train  spoof      1440      1431         9         0",
        "  dev    live        270       270         0         0",
        "  dev    spoof      1080      1080         0         0",
        "  test   live        360       360         0         0",
        "  test   spoof      1440      1439         1         0",
        "  all               4950      4938        13         1",
        "missing: 13 (published, and not here)",
        "  Test_files/6_3_55_5.avi",
        *(f"  Train_files/1_{s}_01_{f}.avi" for s, f in
          ["11", "12", "13", "14", "15", "21", "22", "23", "24"]),
        "  and 3 more",
        "surplus: 1 (here, and not published or a second copy)",
        "  Train_files/1_1_99_1.avi",
    ]  # fmt: skip


def test_video_files_that_no_row_takes_are_told_but_for_another_tasks(tmp_path):
    root = touch(tmp_path / "replay", [
        "train/real/client001_session01_webcam_authenticate_adverse_1.mov",
        "train/real/client001_session01_webcam_authenticate_adverse_1 (1).MOV",
        "train/client001.mp4", "holiday.avi", "notes.txt", "train/.hidden.mov",
        "Enrollment/client001_session01_webcam_authenticate_adverse_1.mov",
        "enroll/train/client001_session01_webcam_enroll_adverse.mov",
    ])  # fmt: skip
    touch(tmp_path, ["outside/x.mov"])
    (root / "more").symlink_to(tmp_path / "outside")
    rows = index("replay", at(root))
    passed = passed_over(root, rows, replay)
    assert passed.videos == (
        "holiday.avi",
        "train/client001.mp4",
        "train/real/client001_session01_webcam_authenticate_adverse_1 (1).MOV",
    )
    assert passed.places == (("more", "a link that leads out of the root is not followed"),)
    lines = list(to_lines(None, passed))
    assert lines[0] == "passed over: 3 (files that no row takes)"
    assert lines[-2:] == ["not entered: 1", "  more: a link that leads out of the root is not"
                          " followed"]  # fmt: skip


def test_a_video_that_a_row_reaches_by_a_link_is_not_passed_over(tmp_path):
    touch(tmp_path, ["disk/a/1_1_01_1.avi", "disk/a/holiday.avi"])
    (tmp_path / "Train_files").symlink_to(tmp_path / "disk" / "a")
    rows = index("oulu", at(tmp_path))
    assert [row.path for row in rows] == ["Train_files/1_1_01_1.avi"]
    assert passed_over(tmp_path, rows, oulu).videos == (
        "Train_files/holiday.avi",
        "disk/a/holiday.avi",
    )


def test_names_cannot_write_on_the_terminal(tmp_path):
    touch(tmp_path, ["Train_files/1_1_01_1.avi", "Train_files/\x1b[2Ja\n.avi"])
    (tmp_path / "Train_files" / "\udcff.avi").touch()
    lines = list(to_lines(None, passed_over(tmp_path, index("oulu", at(tmp_path)), oulu)))
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)


def test_the_verb_prints_the_table_and_writes_every_missing_name(tmp_path):
    names = list(msu_names())
    touch(tmp_path / "msu", [*names[20:], "scene01/real/real_client1_laptop_SD_scene01.mov"])
    verb = ("index", "--dataset", "msu", "--root", tmp_path / "msu", "-o", tmp_path / "msu.csv")
    done = ocim(*verb, "--missing", tmp_path / "lists" / "missing.txt")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "lists" / "missing.txt").read_text() == "".join(
        f"{name}\n" for name in sorted(names[:20])
    )
    lines = done.stdout.splitlines()
    assert lines[0] == f"{tmp_path / 'msu.csv'}: 260 videos, 65 live"
    assert "  all                280       260        20         0" in lines
    assert lines[lines.index("missing: 20 (published, and not here)") + 11] == "  and 10 more"
    assert lines[-1] == "  scene01/real/real_client1_laptop_SD_scene01.mov"


def test_missing_names_of_ones_own_data_cannot_be_told(tmp_path):
    touch(tmp_path / "own", ["train/live/a.mp4", "train/spoof/b.mp4"])
    where = ("--root", tmp_path / "own", "-o", tmp_path / "own.csv")
    words = ("index", "--dataset", "mine", *where, "--missing", tmp_path / "m.txt")
    assert "--missing" in mistake(*words)
    assert not (tmp_path / "m.txt").exists()
