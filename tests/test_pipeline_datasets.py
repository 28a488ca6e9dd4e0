"""Adapters and index against trees of empty files with the names of all 7,030 real videos."""

import hashlib
import importlib
from collections import Counter
from pathlib import Path

import pytest
from dataset_names import COUNTS, FIRST_FOLDER, NAMES, at, replay_names, touch, write_sub_lists

from pipeline.datasets.base import Video, to_csv
from pipeline.index import index

BESIDE = {  # what else lies there, and is no video of the dataset
    "oulu": ["Train_files/1_1_01_1.txt", "Protocols/Protocol_1/Train.txt",
             "Train_files/7_1_01_1.avi", "Train_files/1_1_01_6.avi",
             "Train_files/copy/1_1_01_1.avi",
             "Train_files/.1_1_01_1.avi", "Train_files/._1_1_01_1.avi", ".Trash/1_1_01_1.avi",
             "Train_files/1_1_٠١_1.avi", "Train_files/täglich.avi", "__MACOSX/Train_files/._1.avi",
             "Train_files/1_1_01_1.avi.part", "Train_files/1_1_01_1 (1).avi",
             "Other/1_1_01_1.avi", "1_1_01_1.avi"],
    "casia": ["train_release/1/9.avi", "train_release/1/HR_5.avi", "train_release/1/1.mp4",
              "train_release/1.avi", "train_release/x/1.avi", "other/1/1.avi",
              "train_release/١/1.avi", "train_release/²/1.avi", "train_release/1/a/1.avi"],
    "replay": [f"enrollment/client{n:03d}_session01_webcam_authenticate_{light}_1.mov"
               for n in range(1, 51) for light in ("adverse", "controlled")]
              + ["enroll/train/client001_session01_webcam_enroll_adverse.mov",
                 "Enrollment/train/real/client001_session01_webcam_authenticate_adverse_1.mov",
                 "train/enrollment/client001_session01_webcam_authenticate_adverse_1.mov",
                 "enrollment/real/client001_session01_webcam_authenticate_adverse_1.mov",
                 "face-locations/train/real/client001_session01_webcam_authenticate_adverse_1.face",
                 "train/attack/attack_print_client001_session01_highdef_photo_adverse.mov",
                 "train/attack/real/client001_session01_webcam_authenticate_adverse_1.mov"],
    "msu": ["README.txt", "scene01/real/attack_client001_laptop_SD_ipad_video_scene01.mov",
            "scene01/attack/real_client001_laptop_SD_scene01.mov",
            "scene01/real_client001_laptop_SD_scene01.mov",
            "scene02/real/real_client001_laptop_SD_scene02.mov"],
}  # fmt: skip


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """oulu, casia, replay and msu with every real name, and with strangers beside them."""
    place = tmp_path_factory.mktemp("trees")
    for dataset, names in NAMES.items():
        touch(place / dataset, [*names(), *BESIDE[dataset]])
    write_sub_lists(place / "msu")
    return place


@pytest.fixture(scope="module")
def rows(trees: Path) -> dict[str, list[Video]]:
    """The index of each of the four whole datasets."""
    return {dataset: index(dataset, at(trees / dataset)) for dataset in NAMES}


def only(rows: list[Video], path: str) -> Video:
    (row,) = [row for row in rows if row.path == path]
    return row


@pytest.mark.parametrize("dataset, table", COUNTS.items())
def test_live_and_spoof_of_each_split_are_those_of_the_published_lists(rows, dataset, table):
    counts = Counter((row.split, row.live) for row in rows[dataset])
    expected = {}
    for split, (live, spoof) in table.items():
        expected |= {(split, 1): live, (split, 0): spoof}
    assert counts == expected


def test_all_four_together_have_7030_videos(rows):
    assert {name: len(found) for name, found in rows.items()} == {
        "oulu": 4950,
        "casia": 600,
        "replay": 1200,
        "msu": 280,
    }
    assert sum(map(len, rows.values())) == 7030


@pytest.mark.parametrize("dataset", list(NAMES))
def test_the_index_holds_exactly_the_real_names_sorted_by_bytes(rows, dataset):
    paths = [row.path for row in rows[dataset]]
    assert paths == sorted(NAMES[dataset](), key=str.encode)
    assert all(row.dataset == dataset for row in rows[dataset])


PUBLISHED = {
    # sha256 of the sorted lines "PATH SPLIT LIVE SUBJECT", the path without its suffix, subjects
    # as this index writes them; made by a script of its own from the file lists of other people's
    # packages on PyPI.
    # bob.db.oulunpu 0.1.2: lists/Protocol_{1,2,3_k,4_k}, all together.
    "oulu": "7f2d21fd1feb93f41c5fc29ee7a0dc6cd0e3fb40f64e9da2dfb77aa7ef37cf52",
    # bob.db.casia_fasd 2.0.10: names from face-locations, class from folds/.
    "casia": "08d227fc0fb25c90cdc5f4232c8204f27ea900675b083947bbb5b13f53dfdbd9",
    # bob.db.replay 2.0.5: db.sql3, but for enrolment.
    "replay": "d58e29290d72ca3690611addf798a1ab5302f14b505a8b99bb80330c48b267b1",
    # bob.db.msu_mfsd_mod 2.2.9: folds/msu_mfsd_mod_*vids.txt and *_sub_list.txt.
    "msu": "4f9eb272a0ba2769b14988f3ded9574242017ee440c24828af3f5396276b4d9e",
}


@pytest.mark.parametrize("dataset", list(NAMES))
def test_rows_are_those_of_the_lists_that_others_published(rows, dataset):
    lines = [
        f"{row.path.rpartition('.')[0]} {row.split} {row.live} {row.subject}"
        for row in rows[dataset]
    ]
    assert hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() == PUBLISHED[dataset]


@pytest.mark.parametrize("dataset", list(NAMES))
def test_an_adapter_knows_the_published_names_and_their_spelling(dataset):
    module = importlib.import_module(f"pipeline.datasets.{dataset}")
    names = list(module.published())
    assert sorted(names) == sorted(NAMES[dataset]())
    for name in names:
        assert module.canonical(name) == module.canonical(name.upper()) == name
    assert module.canonical(f"x/{names[0]}") is module.row(f"x/{names[0]}") is None


@pytest.mark.parametrize(
    "dataset, subjects",
    [
        ("oulu", {"train": 20, "dev": 15, "test": 20}),
        ("casia", {"train": 20, "test": 30}),
        ("replay", {"train": 15, "dev": 15, "test": 20}),
        ("msu", {"train": 15, "test": 20}),
    ],
)
def test_subjects_of_each_split_and_no_subject_in_two(rows, dataset, subjects):
    pairs = {(row.split, row.subject) for row in rows[dataset]}
    assert Counter(split for split, _ in pairs) == subjects
    assert len({subject for _, subject in pairs}) == len(pairs)


@pytest.mark.parametrize("dataset", list(NAMES))
def test_live_rows_and_only_they_have_neither_attack_nor_instrument(rows, dataset):
    for row in rows[dataset]:
        assert bool(row.attack) == (row.live == 0)
        if row.live:
            assert row.instrument == ""


EXAMPLES = [  # path, split, live, subject, attack, instrument, session, device, upside_down
    ("oulu", "Train_files/1_3_07_4.avi train 0 07 replay display1 3 1 0"),
    ("oulu", "Train_files/6_1_20_1.avi train 1 20 - - 1 6 0"),
    ("oulu", "Dev_files/2_2_21_2.avi dev 0 21 print printer1 2 2 0"),
    ("oulu", "Dev_files/5_3_35_3.avi dev 0 35 print printer2 3 5 0"),
    ("oulu", "Test_files/4_1_55_5.avi test 0 55 replay display2 1 4 0"),
    ("casia", "train_release/1/1.avi train 1 train_1 - - - low 0"),
    ("casia", "test_release/1/2.avi test 1 test_1 - - - normal 0"),
    ("casia", "test_release/30/HR_1.avi test 1 test_30 - - - high 0"),
    ("casia", "test_release/7/3.avi test 0 test_7 warped-print - - low 0"),
    ("casia", "test_release/7/4.avi test 0 test_7 warped-print - - normal 0"),
    ("casia", "train_release/9/HR_2.avi train 0 train_9 warped-print - - high 0"),
    ("casia", "train_release/9/5.avi train 0 train_9 cut-print - - low 0"),
    ("casia", "train_release/9/6.avi train 0 train_9 cut-print - - normal 0"),
    ("casia", "train_release/20/HR_3.avi train 0 train_20 cut-print - - high 0"),
    ("casia", "train_release/20/7.avi train 0 train_20 replay - - low 0"),
    ("casia", "train_release/20/8.avi train 0 train_20 replay - - normal 0"),
    ("casia", "test_release/2/HR_4.avi test 0 test_2 replay - - high 0"),
    ("replay", "train/real/client001_session01_webcam_authenticate_adverse_1.mov"
     " train 1 001 - - adverse webcam 0"),
    ("replay", "test/real/client117_session01_webcam_authenticate_controlled_2.mov"
     " test 1 117 - - controlled webcam 0"),
    ("replay", "devel/attack/hand/attack_print_client003_session01_highdef_photo_controlled.mov"
     " dev 0 003 print print controlled webcam 0"),
    ("replay", "train/attack/fixed/attack_mobile_client110_session01_mobile_photo_adverse.mov"
     " train 0 110 replay mobile adverse webcam 0"),
    ("replay", "test/attack/fixed/attack_highdef_client009_session01_highdef_video_adverse.mov"
     " test 0 009 replay highdef adverse webcam 0"),
    ("msu", "scene01/real/real_client003_android_SD_scene01.mp4 train 1 003 - - scene01 android 1"),
    ("msu", "scene01/real/real_client003_laptop_SD_scene01.mov train 1 003 - - scene01 laptop 0"),
    ("msu", "scene01/real/real_client002_android_SD_scene01.mp4 train 1 002 - - scene01 android 0"),
    ("msu", "scene01/attack/attack_client003_android_SD_printed_photo_scene01.mp4"
     " train 0 003 print printed_photo scene01 android 0"),
    ("msu", "scene01/attack/attack_client055_laptop_SD_ipad_video_scene01.mov"
     " train 0 055 replay ipad scene01 laptop 0"),
    ("msu", "scene01/attack/attack_client051_android_SD_iphone_video_scene01.mp4"
     " test 0 051 replay iphone scene01 android 0"),
]  # fmt: skip


@pytest.mark.parametrize("dataset, text", EXAMPLES, ids=[text.split()[0] for _, text in EXAMPLES])
def test_a_name_says_every_column_of_its_row(rows, dataset, text):
    path, split, live, *words, upside_down = text.split()
    texts = ["" if word == "-" else word for word in words]
    protocols = f"sub_list:{split}" if dataset == "msu" else ""
    expected = Video(path, dataset, split, int(live), *texts, int(upside_down), protocols)
    assert only(rows[dataset], path) == expected


def test_six_videos_of_msu_and_no_other_are_upside_down(rows):
    found = {row.path for name in NAMES for row in rows[name] if row.upside_down}
    assert found == {
        f"scene01/real/real_client00{number}_android_SD_scene01.mp4"
        for number in (3, 5, 6, 7, 8, 9)
    }


def test_subject_1_of_casias_training_and_test_folders_are_two_people(rows):
    subjects = {row.path.split("/")[0]: row.subject for row in rows["casia"]
                if row.path.split("/")[1] == "1"}  # fmt: skip
    assert subjects == {"train_release": "train_1", "test_release": "test_1"}


def test_enrollment_videos_of_replay_are_no_part_of_it(rows, trees):
    assert len(list((trees / "replay" / "enrollment").rglob("*.mov"))) == 101
    assert not [row for row in rows["replay"] if "enroll" in row.path.lower()]


def test_folders_named_replayattack_give_the_same_rows(tmp_path, rows):
    names = [f"replayattack-{name}" for name in replay_names() if "client001" in name]
    found = index("replay", at(touch(tmp_path, names)))
    expected = [row for row in rows["replay"] if row.subject == "001"]
    assert len(found) == 24
    assert [row.path.removeprefix("replayattack-") for row in found] == [r.path for r in expected]
    assert [row.split for row in found] == [row.split for row in expected]


@pytest.mark.parametrize("dataset", list(NAMES))
def test_the_root_may_be_one_level_above_and_paths_do_not_change(tmp_path, rows, dataset):
    names = [name for name in NAMES[dataset]() if name.startswith(FIRST_FOLDER[dataset])][:40]
    touch(tmp_path / "disk" / "some copy", names)
    if dataset == "msu":
        write_sub_lists(tmp_path / "disk" / "some copy")
    found = index(dataset, at(tmp_path / "disk"))
    assert [row.path for row in found] == sorted(names, key=str.encode)
    assert set(found) <= set(rows[dataset])


@pytest.mark.parametrize("dataset", list(NAMES))
def test_names_in_upper_case_mean_the_same(tmp_path, rows, dataset):
    names = [name for name in NAMES[dataset]() if name.startswith(FIRST_FOLDER[dataset])][:40]
    touch(tmp_path, [name.upper() for name in names])
    if dataset == "msu":
        write_sub_lists(tmp_path, upper=True)
    found = index(dataset, at(tmp_path))
    by_path = {row.path.upper(): row for row in rows[dataset]}
    assert len(found) == 40
    for row in found:
        same = by_path[row.path]
        assert to_csv([row]).replace(row.path, "") == to_csv([same]).replace(same.path, "")
