"""Names, counts and official lists of the replica."""

import re
from collections import Counter, defaultdict

import pytest

from pipeline.datasets import casia, msu, oulu, replay
from pipeline.replica.attacks import MEDIA
from pipeline.replica.cameras import CAMERAS
from pipeline.replica.layout import MAX_SUBJECTS, all_videos, oulu_protocols, replay_protocols

NAMES = {
    "oulu": r"(Train|Dev|Test)_files/[1-6]_[1-3]_\d\d_[1-5]\.avi",
    "casia": r"(train|test)_release/\d+/([1-8]|HR_[1-4])\.avi",
    "replay": r"(train|devel|test)/(real/client\d{3}_session01_webcam_authenticate_"
    r"(adverse|controlled)_[12]|attack/(fixed|hand)/attack_(print|mobile|highdef)_client\d{3}"
    r"_session01_(highdef|mobile)_(photo|video)_(adverse|controlled))\.mov",
    "msu": r"scene01/(real/real|attack/attack)_client\d{3}_(android_SD_(\w+_)?scene01\.mp4"
    r"|laptop_SD_(\w+_)?scene01\.mov)",
}


@pytest.mark.parametrize("subjects", [1, 2, 3, MAX_SUBJECTS])
def test_every_name_is_one_that_the_dataset_uses(subjects: int) -> None:
    videos = all_videos(subjects, 0)
    assert len({(v.dataset, v.path) for v in videos}) == len(videos)
    for video in videos:
        if not video.path.startswith("enrollment/"):
            assert re.fullmatch(NAMES[video.dataset], video.path), video.path
        assert video.camera in CAMERAS
        assert video.live or video.medium in MEDIA


def test_every_name_is_one_that_was_published() -> None:
    modules = {"oulu": oulu, "casia": casia, "replay": replay, "msu": msu}
    published = {name: set(module.published()) for name, module in modules.items()}
    for video in all_videos(MAX_SUBJECTS, 0):
        if not video.path.startswith("enrollment/"):
            assert video.path in published[video.dataset]


def test_three_subjects_a_split_give_these_counts() -> None:
    counts = Counter(v.dataset for v in all_videos(3, 0) if "enrollment" not in v.path)
    assert counts == {"oulu": 72, "casia": 72, "replay": 63, "msu": 48}


@pytest.mark.parametrize("seed", range(5))
def test_even_one_subject_a_split_shows_every_instrument(seed: int) -> None:
    shown = defaultdict(set)
    for video in all_videos(1, seed):
        shown[video.dataset].add((video.attack, video.medium))
    assert {m for _, m in shown["oulu"]} == {"", "printer1", "printer2", "display1", "display2"}
    assert {a for a, _ in shown["casia"]} == {"", "warped", "cut", "replay"}
    assert {m for _, m in shown["replay"]} == {"", "print", "mobile", "highdef"}
    assert {m for _, m in shown["msu"]} == {"", "ipad", "iphone", "printed_photo"}


def test_live_and_spoof_share_their_cameras_in_one_ratio() -> None:
    live = Counter((v.dataset, v.camera) for v in all_videos(2, 0) if v.live)
    spoof = Counter((v.dataset, v.camera) for v in all_videos(2, 0) if not v.live)
    assert live.keys() == spoof.keys()
    for dataset in ("casia", "msu"):
        ratios = {spoof[key] / live[key] for key in live if key[0] == dataset}
        assert ratios == {3.0}


def test_upside_down_videos_exist_with_and_without_a_matrix() -> None:
    down = [v for v in all_videos(2, 0) if v.upside_down]
    assert {v.matrix for v in down} == {True, False}
    assert all("android" in v.path and v.live and v.dataset == "msu" for v in down)
    everything = [v for v in all_videos(MAX_SUBJECTS, 0) if v.upside_down]
    assert sorted(v.person for v in everything) == ["003", "005", "006", "007", "008", "009"]
    assert not any(v.matrix for v in all_videos(3, 0) if not v.upside_down)


def test_protocols_of_the_whole_dataset_have_the_official_sizes() -> None:
    splits = {"train": range(1, 21), "dev": range(21, 36), "test": range(36, 56)}
    stems = {
        split: [
            f"{p}_{s}_{u:02d}_{f}"
            for p in range(1, 7)
            for s in range(1, 4)
            for u in subjects
            for f in range(1, 6)
        ]
        for split, subjects in splits.items()
    }
    files = oulu_protocols(stems)
    official = {1: (1200, 900, 600), 2: (1080, 810, 1080), 3: (1500, 1125, 300), 4: (600, 450, 60)}
    for protocol, sizes in official.items():
        for end in [""] if protocol < 3 else [f"_{k}" for k in range(1, 7)]:
            found = tuple(
                len(files[f"Protocols/Protocol_{protocol}/{name}{end}.txt"].splitlines())
                for name in ("Train", "Dev", "Test")
            )
            assert found == sizes
    assert "+1,1_1_01_1" in files["Protocols/Protocol_1/Train.txt"].splitlines()
    assert "-2,1_3_36_5" in files["Protocols/Protocol_2/Test.txt"].splitlines()


def test_lists_of_the_whole_of_replay_have_the_official_sizes() -> None:
    files = replay_protocols(list(replay.published()))
    sizes = {name: len(text.splitlines()) for name, text in files.items()}
    # Attacks of a client: 20, of which print 4, mobile and highdef 8 each, half of those photos.
    a_client = {"grandtest": 20, "print": 4, "mobile": 8, "highdef": 8, "photo": 12, "video": 8,
                "digitalphoto": 8}  # fmt: skip
    expected = {}
    for folder, clients in (("train", 15), ("devel", 15), ("test", 20)):
        expected[f"protocols/real-{folder}.txt"] = 4 * clients
        for name, attacks in a_client.items():
            expected[f"protocols/attack-{name}-allsupports-{folder}.txt"] = attacks * clients
    assert sizes == expected
