"""The sampler here is written anew, from what SSDG's released code does with its lists."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from made_export import bundle_of, image_hash, once_each, samples_by_frame, samples_of, tree
from PIL import Image

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.export.plan import choose
from pipeline.export.ssdg import plan
from pipeline.export.write import export

pytestmark = pytest.mark.slow  # each writes bundles, and many start a process

MSU = {
    "train": [("scene01/real/a 1.mp4", 1, 13), ("scene01/attack/b.mov", 0, 20)],
    "test": [("scene01/real/a\u30002.mp4", 1, 14)],
}
OULU = {
    "train": [("Train_files/1.avi", 1, 7), ("Train_files/2.avi", 0, 12)],
    "dev": [("Dev_files/1.avi", 1, 3)],
    "test": [("Test_files/1.avi", 1, 13), ("Test_files/2.avi", 0, 8), ("Test_files/3.avi", 0, 13)],
}
# Positions 6 + j * (n // k) of the sorted frames 0, 5, 10, ..., by hand.
ONE = {7: [30], 8: [30], 12: [30], 13: [30], 14: [30], 20: [30]}
TWO = {13: [30, 60], 14: [30, 65], 20: [30, 80]}


def records(folder: Path, name: str, kind: str) -> list[tuple[str, int]]:
    """The list as it stands: (photo_path, photo_label)."""
    rows = json.loads((folder / "data_label" / name / f"{kind}_label.json").read_text("ascii"))
    for row in rows:
        assert set(row) == {"photo_path", "photo_label"}
    return [(row["photo_path"], row["photo_label"]) for row in rows]


def sampled(rows: list[tuple[str, int]], wanted: int) -> list[tuple[str, int]]:
    """What the sampler takes: walks the list, a video ends where the text before the last '/'
    changes; the numbers before the first '.' are sorted, and the paths are put together anew.
    """
    taken: list[tuple[str, int]] = []
    at, seen = 0, set()
    while at < len(rows):
        video, label = rows[at][0].rpartition("/")[0], rows[at][1]
        assert video not in seen, "records of a video that are no neighbours"
        seen.add(video)
        numbers = []
        while at < len(rows) and rows[at][0].rpartition("/")[0] == video:
            assert rows[at][1] == label
            numbers.append(int(rows[at][0].rpartition("/")[2].split(".")[0]))
            at += 1
        numbers.sort()
        for turn in range(wanted):
            number = numbers[6 + turn * (len(numbers) // wanted)]
            taken.append((f"{video}/{number}.png", label))
    return taken


def picture(path: str) -> np.ndarray:
    image = Image.open(path)
    assert (image.mode, image.format, image.size) == ("RGB", "PNG", (256, 256))
    return np.asarray(image)


def write(
    folder: Path,
    out: Path,
    protocol: str | None = None,
    names: tuple[str, ...] = (),
    prefix: str | None = None,
    drop_short: bool = False,
) -> Path:
    bundle = Bundle(folder)
    prefix = str(out) if prefix is None else prefix
    planned = plan(bundle, choose(bundle, protocol, names), prefix, drop_short)
    assert export(planned, out, 2, print)
    return out


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(tmp_path_factory.mktemp("ssdg") / "bundle", {"oulu": OULU, "msu": MSU})


@pytest.fixture(scope="module")
def written(two: Path) -> Path:
    return write(two, two.parent / "an export", "O to M")


@pytest.mark.parametrize("dataset", ["oulu", "msu"])
def test_the_lists_hold_every_train_and_test_sample_once(two, written, dataset):
    samples = samples_of(two, dataset)
    keys: dict[str, list[str]] = {}
    for kind in ("real", "fake", "all"):
        keys[kind] = []
        for path, label in records(written, dataset, kind):
            key = image_hash(picture(path))
            live, _ = samples[key]  # the very pixels, or this fails
            assert label == live
            assert kind == "all" or live == (kind == "real")
            keys[kind].append(key)
    assert once_each(keys["all"], list(samples))
    assert once_each(keys["real"] + keys["fake"], list(samples))


FOLDERS = {
    "scene01/real/a 1.mp4": "scene01/real/a_1",
    "scene01/attack/b.mov": "scene01/attack/b",
    "scene01/real/a\u30002.mp4": "scene01/real/a_2",
    "Train_files/1.avi": "Train_files/1",
    "Train_files/2.avi": "Train_files/2",
    "Test_files/1.avi": "Test_files/1",
    "Test_files/2.avi": "Test_files/2",
    "Test_files/3.avi": "Test_files/3",
}


@pytest.mark.parametrize(
    "dataset, videos, kinds, positions",
    [("oulu", OULU, ("real", "fake"), ONE), ("msu", MSU, ("all",), TWO)],
)
def test_the_sampler_takes_the_frames_worked_out_by_hand(
    two, written, dataset, videos, kinds, positions
):
    by_frame, wanted = samples_by_frame(two, dataset), {}
    for video, live, frames in [*videos["train"], *videos["test"]]:
        for frame in positions[frames]:
            path = f"{written}/data/{dataset}/{FOLDERS[video]}/{frame}.png"
            wanted[path] = (live, by_frame[video, frame])
    taken = {}
    for kind in kinds:
        for path, label in sampled(records(written, dataset, kind), len(positions[13])):
            taken[path] = (label, image_hash(picture(path)))
    assert taken == wanted


def test_the_numbers_needed_are_the_least_that_the_sampler_works_with():
    def works(frames: int, wanted: int) -> bool:
        rows = [(f"v/{number}.png", 1) for number in range(frames)]
        try:
            return len(sampled(rows, wanted)) == wanted
        except IndexError:
            return False

    assert [n for n in range(1, 40) if not works(n, 1)] == list(range(1, 7))
    assert [n for n in range(1, 40) if not works(n, 2)] == list(range(1, 13))


def test_nothing_is_written_that_no_list_leads_to(written):
    expected = {"export.json"}
    for dataset in ("oulu", "msu"):
        expected |= {f"data_label/{dataset}/{k}_label.json" for k in ("real", "fake", "all")}
        for path, _ in records(written, dataset, "all"):
            expected.add(Path(path).relative_to(written).as_posix())
    assert set(tree(written)) == expected


def test_a_prefix_stands_for_the_folder_and_may_be_relative(two, tmp_path, monkeypatch):
    """Laid over their repository, lists and pictures are found from experiment/X."""
    write(two, tmp_path / "repository", names=("msu",), prefix="../..")
    place = tmp_path / "repository" / "experiment" / "O_C_I_to_M"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    rows = json.loads(Path("../../data_label/msu/all_label.json").read_text())
    assert rows[0]["photo_path"] == "../../data/msu/scene01/attack/b/0.png"
    taken = sampled([(row["photo_path"], row["photo_label"]) for row in rows], 2)
    assert len(taken) == 6
    samples = samples_of(two, "msu")
    for path, label in taken:
        assert samples[image_hash(picture(path))][0] == label


@pytest.mark.parametrize("prefix, start", [("/x/", "/x/data"), ("/", "/data"), ("", "data")])
def test_slashes_at_the_end_of_a_prefix_are_not_doubled(two, prefix, start):
    bundle = Bundle(two)
    planned = plan(bundle, choose(bundle, None, ("msu",)), prefix, False)
    text = planned.parts[0].files["data_label/msu/all_label.json"]
    assert json.loads(text)[0]["photo_path"] == f"{start}/msu/scene01/attack/b/0.png"


def refused(folder: Path, match: str, protocol: str | None = None, drop: bool = False) -> None:
    bundle = Bundle(folder)
    with pytest.raises(UserError, match=match) as caught:
        plan(bundle, choose(bundle, protocol, ()), "x", drop)
    assert "\n" not in str(caught.value)


def test_videos_with_too_few_frames_are_refused_by_what_the_dataset_serves_as(two):
    # Without a protocol each dataset may be the target: 13. As a target too.
    told = r"oulu: 3 of 5 videos have too few frames for SSDG, the first Test_files/2\.avi with 8"
    advice = r"datasets\.oulu\.sampling: all, or a smaller every, .*--drop-short"
    refused(two, f"{told} where 13 are needed.*{advice}")
    refused(two, f"{told} where 13 are needed", "M to O")
    bundle = Bundle(two)
    assert len(plan(bundle, choose(bundle, "O to M", ()), "x", False).parts) == 2


def test_one_frame_fewer_than_needed_is_refused_for_a_source_and_a_target(tmp_path):
    short = {
        "oulu": {"train": [("T/1.avi", 1, 7), ("T/2.avi", 0, 6)]},
        "msu": {"train": [("s/1.avi", 1, 12), ("s/2.avi", 0, 13)]},
    }
    folder = bundle_of(tmp_path / "b", short)
    sources = r"oulu: 1 of 2 videos have .* T/2\.avi with 6 where 7 are needed"
    target = r"msu: 1 of 2 videos have .* s/1\.avi with 12 where 13 are needed"
    refused(folder, f"{target}; {sources}\\. datasets", "O to M")


def test_short_videos_are_left_out_and_listed_on_demand(two, tmp_path):
    out = write(two, tmp_path / "e", "M to O", drop_short=True)
    with (out / "left_out.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["dataset", "video", "frames", "needed"],
        ["oulu", "Test_files/2.avi", "8", "13"],
        ["oulu", "Train_files/1.avi", "7", "13"],
        ["oulu", "Train_files/2.avi", "12", "13"],
    ]
    # What is left has 13 frames in each video: at 6 and 6 + 6.
    assert [path for path, _ in sampled(records(out, "oulu", "all"), 2)] == [
        f"{out}/data/oulu/Test_files/{video}/{frame}.png" for video in (1, 3) for frame in (30, 60)
    ]
    assert not (out / "data" / "oulu" / "Train_files").exists()
    marker = json.loads((out / "export.json").read_text())
    assert marker["datasets"]["oulu"] == {"videos": 2, "live": 13, "spoof": 13, "left_out": 3}


def test_a_dataset_that_loses_a_class_with_its_short_videos_is_refused(tmp_path):
    videos = [("a/1.avi", 1, 13), ("a/2.avi", 0, 12)]
    folder = bundle_of(tmp_path / "b", {"oulu": {"train": videos}})
    refused(folder, "oulu: no spoof sample in videos of 13 frames or more", drop=True)


def test_two_videos_that_would_get_one_name_are_refused_by_both_names(tmp_path):
    videos = [("a/1 2.avi", 1, 13), ("a/1_2.mov", 0, 13)]
    folder = bundle_of(tmp_path / "b", {"oulu": {"test": videos}})
    refused(folder, r"oulu: a/1 2\.avi and a/1_2\.mov would both be written to a/1_2")


def test_names_that_are_not_ascii_are_read_whatever_the_machines_encoding(tmp_path):
    videos = [("größe/脸.avi", 1, 13), ("größe/é.avi", 0, 13)]
    folder = bundle_of(tmp_path / "b", {"oulu": {"test": videos}})
    out = write(folder, tmp_path / "e")
    assert os.fsdecode("größe/é/60.png".encode()) in records(out, "oulu", "fake")[-1][0]
    assert len(sampled(records(out, "oulu", "all"), 2)) == 4
    assert picture(records(out, "oulu", "real")[3][0]).shape == (256, 256, 3)
