"""Which datasets and videos an export takes, and what their folders are called."""

from pathlib import Path

import pytest
from made_bundle import edit_manifest
from made_export import bundle_of

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.export.plan import Choice, choose, named, parts_of, videos_of
from train.protocols import Protocol

BOTH = {"train": [("a/1.avi", 1, 2)], "dev": [("a/9.avi", 1, 1)], "test": [("a/0.avi", 0, 3)]}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "bundle"
    return bundle_of(folder, {"oulu": BOTH, "mine": BOTH, "msu": BOTH})


def refused(folder: Path, match: str, protocol: str | None = None, *names: str) -> None:
    with pytest.raises(UserError, match=match) as caught:
        choose(Bundle(folder), protocol, names)
    assert "\n" not in str(caught.value)


def test_a_protocol_names_its_datasets_and_what_they_serve_as(mixed):
    choice = choose(Bundle(mixed), "O to M", ())
    assert choice == Choice(("msu", "oulu"), Protocol(("oulu",), "msu"))
    roles = [(choice.is_source(name), choice.is_target(name)) for name in choice.datasets]
    assert roles == [(False, True), (True, False)]


def test_without_a_protocol_each_dataset_named_is_source_and_target(mixed):
    choice = choose(Bundle(mixed), None, ("oulu", "oulu"))
    assert choice == Choice(("oulu",), None)
    assert (choice.is_source("oulu"), choice.is_target("oulu")) == (True, True)


def test_a_dataset_that_their_code_does_not_know_is_refused_with_how_to_leave_it_out(mixed):
    refused(mixed, "not mine; leave it out: --dataset msu --dataset oulu$")
    refused(mixed, "not mine; leave it out", None, "mine", "oulu")
    refused(mixed, "not mine; give a --protocol without it", "mine to M")


def test_a_dataset_that_is_not_in_the_bundle_is_refused(mixed):
    refused(mixed, "no dataset 'casia' in this bundle", None, "casia")
    refused(mixed, "no dataset 'casia' in this bundle", "C to M")


def test_a_protocol_and_datasets_together_are_refused(mixed):
    refused(mixed, "leave out --dataset", "O to M", "oulu")


def test_a_bundle_with_none_of_the_four_is_refused(tmp_path):
    folder = bundle_of(tmp_path / "b", {"mine": BOTH})
    refused(folder, "none of oulu, casia, replay, msu, only mine")
    refused(folder, "none of oulu, casia, replay, msu, only mine", None, "mine")


def test_a_bundle_whose_spoofs_have_depth_is_refused(tmp_path):
    folder = bundle_of(tmp_path / "b", {"oulu": BOTH})
    edit_manifest(folder, lambda manifest: manifest.update(spoof_depth="raw"))
    refused(folder, "depth.spoof_depth: raw.*ocim pack again")


def test_videos_come_sorted_with_their_frames_in_order_and_dev_is_left_out(mixed):
    videos = videos_of(Bundle(mixed), "oulu")
    assert [(video.path, video.live) for video in videos] == [("a/0.avi", False), ("a/1.avi", True)]
    assert [[frame for frame, _, _ in video.samples] for video in videos] == [[0, 5, 10], [0, 5]]
    for video in videos:
        for frame, shard, row in video.samples:
            assert (shard.video[row], shard.frame[row]) == (video.path, frame)


@pytest.mark.parametrize("live, missing", [(1, "spoof"), (0, "live")])
def test_a_dataset_of_one_class_is_refused(tmp_path, live, missing):
    # Dev has the other class, and does not count.
    one = {"train": [("a/1.avi", live, 2)], "dev": [("a/2.avi", 1 - live, 2)]}
    folder = bundle_of(tmp_path / "b", {"oulu": one})
    with pytest.raises(UserError, match=f"oulu: no {missing} sample in train and test"):
        videos_of(Bundle(folder), "oulu")


def test_a_video_that_is_both_live_and_spoof_is_refused(tmp_path):
    both = {"train": [("a/1.avi", 1, 2)], "test": [("a/1.avi", 0, 2)]}
    folder = bundle_of(tmp_path / "b", {"oulu": both})
    with pytest.raises(UserError, match=r"oulu: a/1\.avi is both live and spoof"):
        videos_of(Bundle(folder), "oulu")


@pytest.mark.parametrize(
    "video, parts",
    [
        ("a/b/c.avi", ["a", "b", "c"]),
        ("c.avi", ["c"]),
        ("a/no suffix", ["a", "no_suffix"]),
        ("x 1/\u00a0\t\u3000.y.mov", ["x_1", "___.y"]),
        ("größe/v1.2.mp4", ["größe", "v1.2"]),
        (".hidden/..a.avi", [".hidden", "..a"]),
    ],
)
def test_a_videos_folders_are_its_path_without_suffix_and_blanks(video, parts):
    assert parts_of("oulu", video) == parts
    assert all(len(part.split()) == 1 for part in parts)


@pytest.mark.parametrize(
    "video",
    ["../a.avi", "a/../../b.avi", "/etc/a.avi", "a//b.avi", "a/./b.avi", "a/...avi", "..avi", "",
     "a/", "..", "a/b\0c/d.avi"],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(video):
    with pytest.raises(UserError, match="cannot become a folder's name") as caught:
        parts_of("oulu", video)
    assert "\0" not in str(caught.value)


def test_names_are_sorted_as_they_are_written(mixed):
    videos = videos_of(Bundle(mixed), "oulu")
    rows = named("oulu", videos, {"a/0.avi": "z", "a/1.avi": "y"}.__getitem__)
    assert [(name, video.path) for name, video in rows] == [("y", "a/1.avi"), ("z", "a/0.avi")]
    with pytest.raises(UserError, match=r"a/0\.avi and a/1\.avi would both be written to same"):
        named("oulu", videos, lambda path: "same")
