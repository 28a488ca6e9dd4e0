"""The way back to the frame; what is expected is decoded by PyAV alone and turned by numpy."""

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made_bundle import edit_manifest
from made_origin import AFFINE, FRAME, VIDEO, Writer, film, plain_run, run_of, stored_frame

from pipeline.bundle import MANIFEST, BundleError, Shard
from pipeline.config import DatasetSettings, validate, write_once
from pipeline.errors import UserError
from pipeline.files.keys import sha256_file, versions
from pipeline.inspect import origin


@pytest.fixture
def run(portrait: np.ndarray, video_writer: Writer, tmp_path: Path) -> Path:
    """The shard of a run whose videos lie beside it, in tmp_path / "videos"."""
    return plain_run(tmp_path, portrait, video_writer)


def found_of(path: Path) -> tuple[origin.Origin, origin.Found, str]:
    """What comes of the shard's one sample, its root by the run's config.yaml."""
    shard = Shard(path)
    source = origin.origin_of(shard, 0)
    root, why = origin.root_of(shard, source.video, None, None)
    assert (root is None) == bool(why)
    assert root is not None, why
    found = origin.find_frame(source, root)
    assert found.frame is not None, found.reason
    return source, found, origin.proof(found.frame, shard.affine[0], shard.image[0])


def test_the_frame_of_a_sample_gives_its_crop_byte_for_byte(run):
    source, found, proof = found_of(run)
    assert (source.dataset, source.video, source.frame) == ("own", VIDEO, FRAME)
    assert np.array_equal(found.frame, stored_frame(run.parents[2] / "videos" / VIDEO, FRAME))
    assert found.sha256 == source.sha256 == sha256_file(run.parents[2] / "videos" / VIDEO)
    assert proof == "yes"


TURNS = {
    # name: (quarters that the portrait is stored turned by, display matrix, upside_down,
    # corrections, quarters that turn it back)
    "upside down": (2, None, 1, [], 2),
    "display matrix": (-1, 90, 0, [], 1),
    "a display matrix comes before upside down": (-1, 90, 1, [], 1),
    "by hand, clockwise": (1, None, 0, [("", "90")], -1),
    "by hand, these frames": (1, None, 0, [("0", "180"), ("1-3", "90")], -1),
    "by hand, other frames": (0, None, 0, [("0-1 3", "90")], 0),
    "a display matrix, and by hand": (1, 90, 0, [("", "180")], -1),
    "upside down, and by hand": (1, None, 1, [("", "270")], 3),
}


@pytest.mark.parametrize("name", TURNS)
def test_a_turned_video_gives_the_upright_frame(tmp_path, portrait, video_writer, name):
    quarters, matrix, upside_down, by_hand, back = TURNS[name]
    path = tmp_path / "videos" / VIDEO
    video_writer(path, film(portrait, quarters), rotation=matrix)
    upright = np.ascontiguousarray(np.rot90(stored_frame(path, FRAME), back))
    corrected = [{"action": "rotate", "frames": f, "value": v} for f, v in by_hand]
    shard = run_of(tmp_path, upright, upside_down, corrected)
    _, found, proof = found_of(shard)
    assert np.array_equal(found.frame, upright)
    if name != "upside down, and by hand":  # which ends on its side, as told
        moved = np.roll(portrait, 12 * FRAME, axis=1).astype(int)
        assert np.abs(found.frame.astype(int) - moved).mean() < 6
    assert proof == "yes"


def test_without_the_manifest_a_turn_by_hand_is_not_known(tmp_path, portrait, video_writer):
    path = video_writer(tmp_path / "videos" / VIDEO, film(portrait, 1))
    upright = np.ascontiguousarray(np.rot90(stored_frame(path, FRAME), -1))
    by_hand = {"action": "rotate", "frames": "", "value": "90"}
    shard = run_of(tmp_path, upright, corrected=[by_hand])
    (shard.parent / MANIFEST).unlink()
    source, found, proof = found_of(shard)
    assert proof.startswith("no: ")
    assert origin.reasons(Shard(shard), source, found, True) == (
        "a turn by hand is not known (no bundle.json beside the shard)"
    )


def test_corrections_of_another_bundle_do_not_count(run):
    edit_manifest(run.parent, lambda manifest: manifest["shards"][0].update(key="other"))
    assert origin.origin_of(Shard(run), 0).unknown == (
        "the bundle.json beside the shard is that of another"
    )
    (run.parent / MANIFEST).write_text("{}")
    assert "schema None" in origin.origin_of(Shard(run), 0).unknown


def test_a_picture_is_a_video_of_one_frame(run):
    from PIL import Image

    root = run.parents[2] / "videos"
    source = origin.origin_of(Shard(run), 0)
    frame = stored_frame(root / VIDEO, FRAME)
    Image.fromarray(frame).save(root / "a.png")
    found = origin.find_frame(source._replace(video="a.png", frame=0), root)
    assert np.array_equal(found.frame, frame)


def test_how_far_a_crop_is_off_is_told(run):
    _, found, _ = found_of(run)
    shard = Shard(run)
    image = shard.image[0].copy()
    image[:64] = np.where(shard.image[0][:64] < 128, shard.image[0][:64] + 40, 0)
    apart = np.abs(image.astype(int) - shard.image[0]).mean()
    share = (image != shard.image[0]).any(axis=2).mean()
    assert origin.proof(found.frame, AFFINE, image) == (
        f"no: {share:.1%} of its pixels differ, by {apart:.1f} of 255 on average"
    )


@pytest.mark.parametrize("value", [np.nan, -np.inf, 0.0, 1e9])
def test_an_affine_that_is_none_is_told(run, value):
    _, found, _ = found_of(run)
    assert origin.proof(found.frame, np.full((2, 3), value), Shard(run).image[0]) == (
        "no: the stored affine is no turn, scale and shift"
    )


def test_another_video_in_its_place_is_told(run, portrait, video_writer):
    video_writer(run.parents[2] / "videos" / VIDEO, film(portrait[:, ::-1]))
    source, found, proof = found_of(run)
    assert proof.startswith("no: ")
    assert found.sha256 != source.sha256
    assert origin.reasons(Shard(run), source, found, True) == (
        "the video is another than that which was packed"
    )


def reason(path: Path, root: Path, **changes: Any) -> str:
    found = origin.find_frame(origin.origin_of(Shard(path), 0)._replace(**changes), root)
    assert found.frame is None
    return found.reason


def test_a_video_that_gives_no_such_frame_is_told(run):
    root = run.parents[2] / "videos"
    assert reason(run, root, frame=4) == "the video has 4 frames, none of number 4"
    (root / "a.mp4").write_bytes(b"no video" * 99)
    assert "the video gives no frame 2: " in reason(run, root, video="a.mp4")
    (root / VIDEO).unlink()
    assert reason(run, root) == f"{VIDEO} is missing in {root}"


def test_no_path_is_followed_out_of_the_root(run, tmp_path):
    root = tmp_path / "videos"
    outside = Path(shutil.copytree(root, tmp_path / "outside")) / VIDEO
    (root / "link.mp4").symlink_to(outside)
    (root / "inside.mp4").symlink_to(root / VIDEO)
    (root / "folder").symlink_to(outside.parent)
    for video in ("link.mp4", f"../outside/{VIDEO}", str(outside), f"folder/{outside.name}"):
        assert reason(run, root, video=video).endswith(f"leads out of {root}: not followed")
    source = origin.origin_of(Shard(run), 0)._replace(video="inside.mp4")
    assert origin.find_frame(source, root).frame is not None


def test_a_name_that_no_disk_has_is_missing(run):
    root = run.parents[2] / "videos"
    for video in ("a\0b", "", "x" * 5000):
        assert "is missing in" in reason(run, root, video=video)


def test_the_root_that_is_given_comes_first(run, tmp_path):
    shard = Shard(run)
    shutil.copytree(tmp_path / "videos", tmp_path / "moved")
    root, why = origin.root_of(shard, VIDEO, tmp_path / "moved", None)
    assert (root, why) == (tmp_path / "moved", "")
    with pytest.raises(UserError, match=r"--root .*gone: no such folder; give that of own"):
        origin.root_of(shard, VIDEO, tmp_path / "gone", None)


def test_the_root_may_be_one_level_above_that_of_a_known_dataset(run, tmp_path):
    with h5py.File(run, "r+") as file:
        file.attrs["dataset"] = "casia"
    video = tmp_path / "data" / "CASIA" / "train_release" / "1" / "1.avi"
    video.parent.mkdir(parents=True)
    shutil.copy(tmp_path / "videos" / VIDEO, video)
    root, why = origin.root_of(Shard(run), "train_release/1/1.avi", tmp_path / "data", None)
    assert (root, why) == (tmp_path / "data" / "CASIA", "")


def test_a_configuration_names_the_root(run, tmp_path):
    shard = Shard(run)
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "videos", other)
    own = DatasetSettings(root=str(other), adapter="table").model_dump(mode="json")
    config = write_once(validate({"out": str(tmp_path / "o"), "datasets": {"own": own}}, "made"))
    assert origin.root_of(shard, VIDEO, None, config) == (other, "")
    for name, text, told in (
        ("lacks.yaml", "{}", "datasets.own is not in it; give --root"),
        ("bad.yaml", "[", "not valid YAML"),
        ("gone.yaml", f"datasets: {{own: {{root: {tmp_path}/gone, adapter: table}}}}", "no such"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(UserError, match=told):
            origin.root_of(shard, VIDEO, None, tmp_path / name)


def test_without_any_root_it_is_said_how_to_get_the_frame(run, tmp_path):
    (tmp_path / "run" / "config.yaml").write_text("datasets: {}")
    root, why = origin.root_of(Shard(run), VIDEO, None, None)
    assert root is None
    assert why.endswith("or give --root, the folder of its videos")
    (tmp_path / "run" / "config.yaml").unlink()
    assert origin.root_of(Shard(run), VIDEO, None, None) == (
        None,
        "give --root, the folder of its videos",
    )


def test_the_run_is_found_from_within_the_bundle_too(run, monkeypatch):
    monkeypatch.chdir(run.parent)
    root, _ = origin.root_of(Shard(Path(run.name)), VIDEO, None, None)
    assert root == run.parents[2] / "videos"


def test_a_shard_that_does_not_list_its_video_is_told(run):
    with h5py.File(run, "r+") as file:
        file["video"][0] = b"other.mp4"
    with pytest.raises(BundleError, match=r"its table of videos lacks other\.mp4"):
        origin.origin_of(Shard(run), 0)


def test_a_correction_that_is_none_is_told(run):
    bad = {"dataset": "own", "video": VIDEO, "frames": "", "action": "turn", "value": ""}
    edit_manifest(run.parent, lambda m: m.update(corrections=[{**bad, "reason": "x"}]))
    with pytest.raises(BundleError, match=r"bundle\.json: damaged: action is 'turn'"):
        origin.origin_of(Shard(run), 0)


def test_other_versions_than_those_of_the_crops_are_named():
    here = versions(("av", "opencv", "pillow"))
    same = {"backends": {"landmarks": [{"versions": {**here, "numpy": "0.1"}}]}}
    assert origin.other_versions(same) == ""
    other = {"backends": {"landmarks": [{"versions": {**here, "av": "1.2"}}, {"versions": {}}]}}
    assert origin.other_versions(other) == f"av 1.2 (here {here['av']})"
    assert origin.other_versions({}) == ""
