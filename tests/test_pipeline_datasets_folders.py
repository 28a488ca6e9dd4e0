"""Data of one's own as a folder tree split/live|spoof/..."""

import os
from pathlib import Path

import pytest
from dataset_names import touch

from pipeline.datasets.base import PICTURES, VIDEOS, Video
from pipeline.datasets.table import rows
from pipeline.errors import UserError


def test_a_folder_tree_tells_split_class_and_subject(tmp_path):
    touch(
        tmp_path, ["train/live/anna/1.mp4", "Training/REAL/anna/deep/er/2.MOV", "val/attack/x.JPG",
        "test/spoof/ben/3.png", "devel/live/y.mkv"],
    )  # fmt: skip
    found = sorted(rows(tmp_path), key=lambda row: row.path)
    assert found == [
        Video("Training/REAL/anna/deep/er/2.MOV", "table", "train", 1, "anna"),
        Video("devel/live/y.mkv", "table", "dev", 1, "devel/live/y.mkv"),
        Video("test/spoof/ben/3.png", "table", "test", 0, "ben", "unknown"),
        Video("train/live/anna/1.mp4", "table", "train", 1, "anna"),
        Video("val/attack/x.JPG", "table", "dev", 0, "val/attack/x.JPG", "unknown"),
    ]


def test_every_suffix_of_videos_and_pictures_is_taken_and_no_other(tmp_path):
    touch(tmp_path, [*(f"train/live/a{suffix}" for suffix in VIDEOS + PICTURES)])
    touch(tmp_path, ["train/live/a.txt", "train/live/a", "train/live/mp4", "train/live/a.mp4.part"])
    assert {Path(row.path).suffix for row in rows(tmp_path)} == set(VIDEOS + PICTURES)
    assert len(list(rows(tmp_path))) == len(VIDEOS + PICTURES)


def test_files_elsewhere_hidden_files_and_links_out_of_the_root_are_passed_over(tmp_path):
    root = touch(
        tmp_path / "root", ["train/live/a.mp4", "train/a.mp4", "a.mp4", "other/live/a.mp4",
        "train/masks/a.mp4", "live/train/a.mp4", "train/live/._b.mp4", "train/live/.trash/b.mp4",
        ".train/live/b.mp4"],
    )  # fmt: skip
    outside = touch(tmp_path / "out", ["live/s.mp4"])
    (root / "test").symlink_to(outside)
    (root / "train/live/s.mp4").symlink_to(outside / "live/s.mp4")
    (root / "train/live/up").symlink_to(root)
    assert [row.path for row in rows(root)] == ["train/live/a.mp4"]


def test_a_subject_in_two_splits_is_told_with_both_files(tmp_path):
    touch(tmp_path, ["train/live/anna/1.mp4", "train/spoof/anna/1.mp4", "test/live/anna/2.mp4"])
    with pytest.raises(UserError) as caught:
        list(rows(tmp_path))
    assert "'test/live/anna/2.mp4' and 'train/live/anna/1.mp4'" in str(caught.value)
    assert "the subject 'anna' is in test and in train" in str(caught.value)


def test_a_tree_without_any_is_told_the_layout(tmp_path):
    touch(tmp_path, ["live/1.mp4", "train/1.mp4"])
    with pytest.raises(UserError, match=r"train\|dev\|test/live\|spoof.*set datasets\.NAME\.table"):
        list(rows(tmp_path))


@pytest.mark.parametrize("name", [b"a\tb.mp4", b"M\xfcller.mp4", b"a\x1b[2J.mp4"])
def test_a_file_name_that_no_csv_should_hold_is_told(tmp_path, name):
    touch(tmp_path, ["train/live/ok.mp4"])
    Path(os.fsdecode(os.fsencode(tmp_path / "train/live") + b"/" + name)).touch()
    with pytest.raises(UserError, match="rename it") as caught:
        list(rows(tmp_path))
    assert str(caught.value).isprintable()
