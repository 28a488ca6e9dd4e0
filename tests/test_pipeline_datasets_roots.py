"""Which folder is the root of a dataset, and what in it is not followed."""

import pytest
from dataset_names import FIRST_FOLDER, NAMES, at, touch

from pipeline.errors import UserError
from pipeline.index import dataset_root, index


def test_of_two_copies_below_the_root_the_user_must_choose(tmp_path):
    for name in ("first", "second"):
        touch(tmp_path / name, ["Train_files/1_1_01_1.avi"])
    with pytest.raises(UserError, match=r"first and second .* set datasets\.oulu\.root"):
        dataset_root("oulu", at(tmp_path))
    touch(tmp_path, ["TRAIN_FILES/1_1_01_1.avi"])  # and the root's own count before theirs
    assert dataset_root("oulu", at(tmp_path)) == tmp_path


def test_enrollment_beside_or_alone_is_never_taken_for_the_dataset(tmp_path):
    name = "train/real/client001_session01_webcam_authenticate_adverse_1.mov"
    touch(tmp_path, [name, f"Enrollment/{name}", f"face-locations/{name}"])
    assert [row.path for row in index("replay", at(tmp_path))] == [name]
    touch(tmp_path / "alone", ["enrollment/client001_session01_webcam_authenticate_adverse_1.mov"])
    with pytest.raises(UserError, match="none of the folders"):
        index("replay", at(tmp_path / "alone"))


def test_a_link_that_leads_out_of_the_root_is_not_followed(tmp_path):
    outside = touch(tmp_path / "outside", ["secret.avi", "Train_files/1_1_02_1.avi"])
    root = touch(tmp_path / "oulu", ["Train_files/1_1_01_1.avi"])
    (root / "Train_files" / "1_1_03_1.avi").symlink_to(outside / "secret.avi")
    (root / "Train_files" / "1_1_04_1.avi").symlink_to(root / "Train_files" / "1_1_01_1.avi")
    (root / "Train_files" / "1_1_05_1.avi").symlink_to(tmp_path / "nowhere.avi")
    (root / "Dev_files").symlink_to(outside / "Train_files")
    assert [row.subject for row in index("oulu", at(root))] == ["01", "04"]


def test_the_root_itself_may_be_a_link(tmp_path):
    touch(tmp_path / "disk", ["Train_files/1_1_01_1.avi"])
    (tmp_path / "oulu").symlink_to(tmp_path / "disk")
    assert [row.path for row in index("oulu", at(tmp_path / "oulu"))] == [
        "Train_files/1_1_01_1.avi"
    ]


@pytest.mark.parametrize("dataset", list(NAMES))
def test_a_missing_or_foreign_folder_is_told_with_the_key_to_set(tmp_path, dataset):
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UserError, match=rf"set datasets\.{dataset}\.root") as caught:
            index(dataset, at(root))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dataset", list(NAMES))
def test_a_folder_without_a_video_of_that_name_is_told(tmp_path, dataset):
    touch(tmp_path, [f"{FIRST_FOLDER[dataset]}/holiday.avi"])
    with pytest.raises(UserError, match="no video"):
        index(dataset, at(tmp_path))


def test_a_strangers_train_folder_beside_is_not_taken_for_replay(tmp_path):
    (tmp_path / "another" / "train").mkdir(parents=True)
    live = tmp_path / "replay" / "train" / "real"
    live.mkdir(parents=True)
    (live / "client001_session01_webcam_authenticate_adverse_1.mov").touch()
    assert dataset_root("replay", at(tmp_path)) == tmp_path / "replay"
