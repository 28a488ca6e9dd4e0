"""Data of one's own by the real command line: a table with videos and stills, and a folder tree."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import mistake, verbs
from PIL import Image

from pipeline.bundle import Bundle

pytestmark = pytest.mark.slow
CONFIG = """
out: {place}/run
datasets:
  mydata:
    adapter: table
    root: {place}/mydata
    table: {place}/mydata.csv
    overrides: {place}/mydata-overrides.csv
    sampling: uniform
    frames: 2
    partitions: 2
  pictures:
    adapter: table
    root: {place}/pictures
    sampling: all
    partitions: 1
crop:
  mode: aligned
"""
TABLE = """path,split,live,subject,attack,instrument
walk.mp4,train,live,anna,,
side.mp4,train,live,anna,,
screen.mkv,train,spoof,anna,replay,phone
stills/one.png,test,1,bert,,
stills/two.jpg,test,0,bert,print,paper
gone.mp4,test,1,bert,,
broken.avi,test,1,bert,,
"""
OVERRIDES = """video,frames,action,value,reason
side.mp4,,rotate,90,the phone lay on its side
stills/two.jpg,,relabel,attack=cut-print,the eyes are cut out
broken.avi,,exclude,,known to be broken
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, portrait: np.ndarray, video_writer: Callable[..., Path]) -> Path:
    """Both datasets and their configuration, and the bundle that came of them."""
    place = tmp_path_factory.mktemp("own")
    data, frames = place / "mydata", [np.roll(portrait, n, axis=1) for n in range(8)]
    video_writer(data / "walk.mp4", frames)
    video_writer(data / "side.mp4", [np.rot90(frame) for frame in frames])
    video_writer(data / "screen.mkv", frames)
    (data / "stills").mkdir()
    Image.fromarray(portrait).save(data / "stills" / "one.png")
    sideways = Image.fromarray(portrait).transpose(Image.Transpose.ROTATE_90)
    exif = sideways.getexif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    sideways.save(data / "stills" / "two.jpg", exif=exif, quality=95)
    (data / "broken.avi").write_bytes(b"RIFF")
    for name in ("train/live/carl/a.png", "train/spoof/carl/a.png", "devel/real/dora/b.png"):
        path = place / "pictures" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(portrait).save(path)
    (place / "mydata.csv").write_text(TABLE)
    (place / "mydata-overrides.csv").write_text(OVERRIDES)
    config = place / "own.yaml"
    config.write_text(CONFIG.format(place=place))
    of_config = ("--config", config)
    verbs(
        *(("index", *of_config, "--dataset", dataset) for dataset in ("mydata", "pictures")),
        *(
            (stage, *of_config, "--dataset", dataset, "--partition", number)
            for stage in ("crop", "depth", "parse")
            for dataset, number in (("mydata", 0), ("mydata", 1), ("pictures", 0))
        ),
        ("pack", *of_config),
    )
    return place


@pytest.fixture(scope="module")
def bundle(place: Path) -> Bundle:
    return Bundle(place / "run" / "bundle")


def samples(bundle: Bundle, dataset: str) -> dict[tuple[str, int], dict[str, object]]:
    found = {}
    for shard in bundle.shards(dataset):
        for i in range(len(shard)):
            found[str(shard.video[i]), int(shard.frame[i])] = {
                "split": shard.split,
                "live": int(shard.live[i]),
                "attack": str(shard.attack[i]),
                "subject": str(shard.subject[i]),
                "image": np.asarray(shard.image[i]).astype(int),
                "depth": np.asarray(shard.depth[i]),
            }
    return found


def test_videos_and_stills_become_samples_with_what_the_table_says(bundle):
    found = samples(bundle, "mydata")
    # The middles of two halves of 8 frames; a still is its one frame.
    assert set(found) == {
        *((name, n) for name in ("walk.mp4", "side.mp4", "screen.mkv") for n in (2, 6)),
        ("stills/one.png", 0),
        ("stills/two.jpg", 0),
    }
    for (video, _), sample in found.items():
        spoof = video in ("screen.mkv", "stills/two.jpg")
        assert sample["live"] == int(not spoof)
        assert bool(sample["depth"].any()) is not spoof
        assert sample["split"] == ("test" if video.startswith("stills") else "train")


def test_every_sample_shows_the_face_upright_and_at_one_place(bundle):
    found = samples(bundle, "mydata")
    reference = found["stills/one.png", 0]["image"]
    for sample in found.values():
        assert np.abs(sample["image"] - reference).mean() < 10


def test_what_gave_nothing_is_listed_and_what_was_excluded_is_not(bundle):
    reasons = {f["video"]: f["reason"] for f in bundle.failures if f["dataset"] == "mydata"}
    assert reasons["gone.mp4"] == "the file is missing"
    assert set(reasons) == {"gone.mp4"}  # not broken.avi, and no picture for being one frame


def test_the_bundle_is_right_to_the_last_byte_and_leads_back_to_every_frame(
    place, bundle, tmp_path
):
    shards = [*bundle.shards("mydata"), *bundle.shards("pictures")]
    shown = [f"{shard.path}:{row}" for shard in shards for row in range(len(shard))]
    options = ("-o", tmp_path / "one.png", "--config", place / "own.yaml")
    told = verbs(
        ("bundle", "verify", place / "run" / "bundle"),
        *(("bundle", "show", sample, *options) for sample in shown),
    )
    assert "right: " in told
    assert told.count("the frame gives the stored crop: yes") == len(shown) > 8
    assert "unknown" in {attack for shard in shards for attack in shard.attack}


def test_what_was_corrected_is_part_of_the_record(place, bundle):
    with (place / "run" / "index" / "mydata.csv").open(newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert rows["stills/two.jpg"]["attack"] == "cut-print"
    assert json.loads(rows["broken.avi"]["corrections"])[0]["reason"] == "known to be broken"
    assert samples(bundle, "mydata")["stills/two.jpg", 0]["attack"] == "cut-print"
    listed = {(c["video"], c["action"]): c for c in bundle.manifest["corrections"]}
    assert listed["side.mp4", "rotate"]["samples"] == 2
    assert listed["stills/two.jpg", "relabel"]["before"] == "attack=print"
    assert listed["broken.avi", "exclude"]["samples"] == 0


def test_a_folder_tree_is_read_by_its_folders(bundle):
    found = samples(bundle, "pictures")
    assert {path: (s["split"], s["live"], s["subject"]) for (path, _), s in found.items()} == {
        "train/live/carl/a.png": ("train", 1, "carl"),
        "train/spoof/carl/a.png": ("train", 0, "carl"),
        "devel/real/dora/b.png": ("dev", 1, "dora"),
    }


def test_a_changed_correction_is_done_and_the_rest_kept(place):
    crops = {path: path.stat().st_ino for path in (place / "run" / "crops").rglob("*.h5")}
    path = place / "mydata-overrides.csv"
    path.write_text(OVERRIDES + "walk.mp4,0-3,exclude,,blurred\n")
    try:
        verbs(("rebuild", "mydata", "--config", place / "own.yaml", "--cores", "2"))
        found = samples(Bundle(place / "run" / "bundle"), "mydata")
        assert {frame for video, frame in found if video == "walk.mp4"} == {5, 7}
    finally:
        path.write_text(OVERRIDES)
    again = {path: path.stat().st_ino for path in crops}
    assert sum(again[path] != crops[path] for path in crops) == 1  # of three partitions


def test_a_mistake_in_the_table_is_one_line_with_its_number(place, tmp_path):
    table = tmp_path / "bad.csv"
    table.write_text(TABLE.replace("walk.mp4,train,live", "walk.mp4,train,maybe"))
    root, out = place / "mydata", tmp_path / "out.csv"
    line = mistake("index", "--dataset", "mydata", "--root", root, "--table", table, "-o", out)
    assert "line 2" in line and "maybe" in line
    assert not out.exists()
