"""One sample is shown as lines and a picture, and leads back to its frame."""

import shutil
from functools import partial
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from click.testing import Result
from command_line import in_process, mistake
from made_origin import FRAME, VIDEO, Writer, film, plain_run
from PIL import Image

from labels import classes
from pipeline.bundle import BundleError, Shard, sample_checksum
from pipeline.errors import UserError
from pipeline.inspect.show import find, show

ocim = partial(in_process, "bundle", "show")


@pytest.fixture(scope="module")
def made(
    portrait: np.ndarray, video_writer: Writer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The shard of a run with one live sample; its config.yaml names the root of the videos."""
    return plain_run(tmp_path_factory.mktemp("made"), portrait, video_writer)


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of the shard alone, that a test may damage."""
    return Path(shutil.copy(made, tmp_path / made.name))


def said(done: Result, code: int = 0) -> dict[str, str]:
    """The lines that were printed, by their names. code: 1 where something is not right."""
    assert done.exit_code == code, done
    return dict(line.split(": ", 1) for line in done.output.splitlines()[:-1])


def lies_at(picture: np.ndarray, part: np.ndarray) -> tuple[int, int]:
    """Where (x, y) a picture holds another one, byte for byte."""
    apart = cv2.matchTemplate(picture, part, cv2.TM_SQDIFF)
    _, _, (x, y), _ = cv2.minMaxLoc(apart)
    height, width = part.shape[:2]
    assert np.array_equal(picture[y : y + height, x : x + width], part)
    return x, y


def test_the_picture_and_the_lines_show_the_sample(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = ocim(f"{made}:0")
    lines = said(done)
    sha256 = Shard(made).table("videos")[0]["sha256"]
    assert lines == {
        "sample": f"own train, {VIDEO}, frame {FRAME}",
        "label": "live, subject zoe",
        "quality": "face size 300 pixels, faces in the frame 1, detection score 0.000, yaw 0.0°,"
        " pitch 0.0°, roll 0.0°, brightness 0.000, sharpness 0.0, padding 0.0%, from the dataset's"
        " own position 0.000 face squares",
        "video sha256": f"{sha256}; the file found has it",
        "checksum": "right",
        "frame": "320 x 400, upright",
        "the frame gives the stored crop": "yes",
    }
    assert done.output.splitlines()[-1] == "own-train-00000-of-00001-0.png"
    picture = np.asarray(Image.open("own-train-00000-of-00001-0.png"))
    shard = Shard(made)
    crop = lies_at(picture, shard.image[0])
    parsing = lies_at(picture, classes.COLOURS[shard.parsing[0]])
    grey = np.rint(shard.depth[0] * 255).astype(np.uint8)
    depth = lies_at(picture, np.repeat(np.kron(grey, np.ones((8, 8), np.uint8))[..., None], 3, 2))
    assert crop[0] == parsing[0] < depth[0]
    assert crop[1] == depth[1] < parsing[1]


def test_a_spoof_says_its_attack(copy, tmp_path):
    with h5py.File(copy, "r+") as file:
        for name, value in (("attack", "print"), ("instrument", "printer2"), ("device", "3")):
            del file[name]
            file[name] = np.array([value.encode()])
        file["live"][0], file["depth"][0] = 0, 0
        sums = sample_checksum(*(file[name][0] for name in ("image", "depth", "parsing")))
        file["checksum"][0] = sums.encode()
        file["yaw"][0] = file["detection_score"][0] = np.nan
    lines = said(ocim(f"{copy}:0", "-o", tmp_path / "a.png"))
    assert lines["label"] == "spoof, attack print, instrument printer2, subject zoe, device 3"
    assert "yaw" not in lines["quality"]
    assert "detection" not in lines["quality"]
    assert lines["checksum"] == "right"


def test_without_a_root_the_bundle_s_part_is_shown_and_how_to_get_the_frame(copy, tmp_path):
    out = tmp_path / "größe 脸.png"
    done = ocim(f"{copy}:0", "-o", out)
    lines = said(done)
    assert lines["frame"] == "not shown: give --root, the folder of its videos"
    assert lines["video sha256"].endswith("; no file to compare it with")
    assert "the frame gives the stored crop" not in lines
    assert lies_at(np.asarray(Image.open(out)), Shard(copy).image[0])[0] == 20


def test_root_and_config_lead_to_the_frame(copy, made, tmp_path):
    out = tmp_path / "a.png"
    videos, config = made.parents[2] / "videos", made.parents[1] / "config.yaml"
    for words in (("--root", videos), ("--config", config)):
        lines = said(ocim(f"{copy}:0", "-o", out, *words))
        assert lines["the frame gives the stored crop"] == "yes"


def test_a_video_that_is_gone_or_changed_is_told(copy, made, portrait, video_writer, tmp_path):
    root = tmp_path / "videos"
    root.mkdir()
    out = tmp_path / "a.png"
    lines = said(ocim(f"{copy}:0", "-o", out, "--root", root))
    assert lines["frame"] == f"not shown: {VIDEO} is missing in {root}"
    video_writer(root / VIDEO, film(portrait[:, ::-1]))
    lines = said(ocim(f"{copy}:0", "-o", out, "--root", root), 1)
    assert "; the file found has another: " in lines["video sha256"]
    proof = lines["the frame gives the stored crop"]
    assert proof.startswith("no: ")
    assert "; the video is another than that which was packed" in proof


def test_a_damaged_sample_is_told_and_shown(copy, made, tmp_path):
    with h5py.File(copy, "r+") as file:
        file["image"][0, :8] = 255
    root = made.parents[2] / "videos"
    lines = said(ocim(f"{copy}:0", "-o", tmp_path / "a.png", "--root", root), 1)
    assert lines["checksum"] == "wrong: its pixels are damaged"
    proof = lines["the frame gives the stored crop"]
    assert proof.startswith("no: 3.1% of its pixels differ")  # 8 rows of 256
    assert "the stored sample is damaged" in proof


def test_a_class_that_is_none_is_told(copy):
    with h5py.File(copy, "r+") as file:
        file["parsing"][0, 3, 4] = 13
    with pytest.raises(BundleError, match="sample 0 has a class above 12"):
        show(f"{copy}:0", copy.with_name("a.png"), None, None)
    assert not copy.with_name("a.png").exists()


@pytest.mark.parametrize(
    "index, told",
    [
        ("1", "sample 1 is not there: it has 1, so the last one is 0"),
        ("-1", "sample -1 is not there: it has 1, so the last one is 0"),
        ("999999999999", "it has 1, so the last one is 0"),
    ],
)
def test_an_index_that_is_not_there_is_told_with_how_many_there_are(made, index, told):
    with pytest.raises(UserError, match=told):
        find(f"{made}:{index}")


@pytest.mark.parametrize(
    "sample", ["a.h5", "a.h5:", "a.h5:x", ":0", "a.h5:1.5", "a.h5:" + "9" * 40]
)
def test_what_names_no_sample_is_told(sample):
    with pytest.raises(UserError, match=r"no SHARD\.h5:INDEX with an index from 0"):
        find(sample)


def test_a_damaged_shard_is_one_line(copy, tmp_path):
    copy.write_bytes(copy.read_bytes()[:9000])
    line = mistake("bundle", "show", f"{copy}:0", "-o", tmp_path / "a.png")
    assert line.startswith(f"ocim: {copy}: ")
    assert not (tmp_path / "a.png").exists()


@pytest.mark.slow
def test_a_run_s_own_samples_lead_back_to_their_frames(tmp_path, portrait, video_writer):
    """The stages themselves crop turned videos; every frame is found again."""
    from pipeline.config import validate, write_once
    from pipeline.datasets.base import Video, write_index
    from pipeline.indexing import corrections
    from pipeline.layout import Layout
    from pipeline.pack import pack
    from pipeline.partition import label_partition

    root = tmp_path / "videos"
    videos = {"matrix.mp4": (-1, 90, 0), "upside.mp4": (2, None, 1), "ä/hand.mp4": (1, None, 0)}
    rows = []
    for name, (quarters, matrix, upside_down) in videos.items():
        video_writer(root / name, film(portrait, quarters), rotation=matrix)
        rows.append(Video(name, "own", "train", 1, name, upside_down=upside_down))
    overrides = tmp_path / "overrides.csv"
    overrides.write_text("video,frames,action,value,reason\nä/hand.mp4,,rotate,90,lies\n")
    rows = corrections.apply(rows, corrections.read_overrides(overrides, rows))
    own = {"root": str(root), "adapter": "table", "partitions": 1, "every": 3}
    config = validate({"out": str(tmp_path / "run"), "datasets": {"own": own}}, "made")
    write_once(config)
    layout = Layout(config.out)
    write_index(layout.index("own"), rows)
    label_partition(config, "own", 0)
    pack(config)
    (path,) = layout.bundle.glob("*.h5")
    assert len(Shard(path)) == 6
    shown = [said(ocim(f"{path}:{row}", "-o", tmp_path / f"{row}.png")) for row in range(6)]
    assert [lines["the frame gives the stored crop"] for lines in shown] == ["yes"] * 6
    told = {lines["sample"].split(", ")[1]: lines["frame"] for lines in shown}
    assert told == {
        "matrix.mp4": "320 x 400, upright",
        "upside.mp4": "320 x 400, upright, its file is listed as upside down",
        "ä/hand.mp4": "320 x 400, upright, turned 90° by hand",
    }
