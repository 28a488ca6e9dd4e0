"""Scores of pictures and videos: files, decisions, what is told, and the bundle's own crops."""

import csv
import dataclasses
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from labels.landmarks import load as load_landmarks
from pipeline import crops
from pipeline.bundle import CLASS_NAMES, Bundle
from pipeline.cli import cli
from pipeline.datasets.base import read_index
from pipeline.errors import UserError
from pipeline.frames.pictures import read_picture
from pipeline.frames.video import decode
from pipeline.onnx.check import fixed_crops
from pipeline.predict.file import predict_file
from pipeline.predict.inputs import gather
from pipeline.predict.scorer import (
    Scorer,
    Threshold,
    given_threshold,
    scoring,
)
from pipeline.predict.tell import shown
from pipeline.replica.layout import MSU_SUBJECTS, all_videos
from pipeline.replica.make import all_targets
from pipeline.replica.video import make_video
from train import methods
from train.batches import pixels
from train.evaluation.scores import read_scores
from train.running import checkpoint
from train.settings import settings_from_dict

ROOT = Path(__file__).resolve().parents[1]
OCIM = Path(sys.executable).with_name("ocim")
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "predict.schema.json").read_text("utf-8"))
CROP = {"landmarks": "embedded", "mode": "box", "margin": 1.4, "shift": 0.0}
THRESHOLD = {
    "frame": 0.25,
    "video": 0.75,
    "rule": "sources_eer",
    "how": "where FAR and FRR lie closest",
    "from": "held-out subjects of O and C",
}
Writer = Callable[..., Path]


def made_model(changes: dict[str, Any] | None = None, **stated: Any) -> checkpoint.Model:
    """A model that was not trained, whose layers see values of the usual size: scores differ."""
    given = {"width": 0.125, "input_size": 64, "threads": 1, "protocol": "O&C to M", **stated}
    settings = settings_from_dict(given, "made")
    networks = methods.make(settings, len(settings.sources))
    for module in networks.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    images = torch.from_numpy(np.concatenate(list(fixed_crops().values()))[:8])
    inputs = pixels.to_input(images, settings.input_size, settings.colours, settings.hsv)
    with torch.no_grad():
        networks.train()(inputs)
    whole = checkpoint.Model(
        networks=networks.state_dict(),
        settings=settings,
        protocol=settings.protocol,
        bundle="0" * 64,
        steps=7,
        all_steps=9,
        selection="last",
        environment={"torch": "2.13.0"},
        crop=CROP,
        classes=list(CLASS_NAMES),
        threshold=THRESHOLD,
        data={"datasets": {}, "licences": []},
    )
    return dataclasses.replace(whole, **(changes or {}))


def write_model(path: Path, changes: dict[str, Any] | None = None, **stated: Any) -> Path:
    """The same as a file. changes: of the fields of Model; stated: settings."""
    checkpoint.save(path, made_model(changes, **stated))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.pt")


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray, video_writer: Writer
) -> Path:
    """A folder as somebody has it: photographs, a video, others, with and without a face."""
    from skimage.data import coins

    place = tmp_path_factory.mktemp("a folder")
    Image.fromarray(portrait).save(place / "b face.png")
    Image.fromarray(coins()).save(place / "coins.png")
    (place / "notes.txt").write_text("no picture")
    (place / ".hidden.png").write_bytes((place / "b face.png").read_bytes())
    (place / "sub").mkdir()
    blank = np.zeros_like(portrait)
    seven = [portrait, portrait, blank, blank, portrait, blank, np.fliplr(portrait)]
    video_writer(place / "sub" / "clip.mp4", seven)
    (place / "sub" / "broken.avi").write_bytes(b"RIFF and then nothing")
    return place


def ocim(*words: object) -> Result:
    return CliRunner().invoke(cli, ["predict", *map(str, words)])


@pytest.fixture(scope="module")
def told(model: Path, folder: Path) -> tuple[dict[str, Any], Result]:
    """What --json prints of that folder, frame by frame."""
    done = ocim(model, folder, "--json", "--every", 1)
    return json.loads(done.output), done


def test_the_json_keeps_to_its_schema(told):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(told[0], SCHEMA)


def test_the_schema_refuses_what_it_should(told):
    first = told[0]["files"][0]
    for change in ({"decision": "maybe"}, {"frames": []}, {"score": None}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**told[0], "files": [{**first, **change}]}, SCHEMA)


def test_files_come_in_the_order_of_their_names_and_what_is_neither_is_passed_over(told, folder):
    names = [str(Path(one["path"]).relative_to(folder)) for one in told[0]["files"]]
    assert names == ["b face.png", "coins.png", "sub/broken.avi", "sub/clip.mp4"]
    assert [Path(one["path"]).name for one in told[0]["passed_over"]] == ["notes.txt"]


def test_a_file_without_a_face_and_a_broken_one_say_why_and_the_exit_code_is_1(told):
    found, done = told
    assert done.exit_code == 1
    coins, broken = found["files"][1:3]
    assert (coins["score"], coins["decision"], coins["frames"]) == (None, None, [])
    assert coins["failures"] == [{"frame": 0, "reason": "no face found"}]
    assert broken["failures"][0]["frame"] == -1
    assert broken["failures"][0]["reason"].startswith("not decodable")


def test_a_video_has_the_mean_of_its_frames_and_lists_those_without_a_face(told):
    clip = told[0]["files"][3]
    # The frames beside a blank one are wanted for themselves, so nothing stands in for it.
    assert [one["frame"] for one in clip["frames"]] == [0, 1, 4, 6]
    assert [one["frame"] for one in clip["failures"]] == [2, 3, 5]
    scores = [one["score"] for one in clip["frames"]]
    assert clip["score"] == pytest.approx(sum(scores) / 4, rel=1e-12)


def test_pictures_are_decided_by_the_threshold_of_frames_and_videos_by_that_of_videos(told):
    picture, clip = told[0]["files"][0], told[0]["files"][3]
    assert 0.25 < picture["score"] < 0.75 and 0.25 < clip["score"] < 0.75
    assert (picture["kind"], picture["decision"]) == ("picture", "live")
    assert (clip["kind"], clip["decision"]) == ("video", "spoof")
    assert {one["decision"] for one in clip["frames"]} == {"live"}


def test_the_model_and_the_origin_of_the_threshold_are_told(told, model):
    import hashlib

    about = told[0]["model"]
    assert about["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert (about["crop"], about["steps"], about["variant"]) == (CROP, 7, "ours")
    assert told[0]["threshold"] == THRESHOLD
    assert "no proof" in told[0]["note"]


def test_a_picture_of_the_photograph_scores_as_its_crop_does(told, model, folder):
    image = read_picture(folder / "b face.png")
    with load_landmarks("embedded") as landmarks, scoring(model) as scorer:
        (face,) = landmarks.find(image)
        affine = crops.crop_affine(face.landmarks, "box", 1.4, 0.0, 256)
        (score,) = scorer(crops.warp(image, affine, (256, 256))[None])
    assert told[0]["files"][0]["score"] == pytest.approx(score, abs=1e-7)


def test_lines_for_people_name_the_threshold_and_say_that_a_score_is_no_proof(
    model, folder, tmp_path
):
    csv_path = tmp_path / "scores.csv"
    clip = folder / "sub" / "clip.mp4"
    done = ocim(model, folder / "b face.png", clip, "--threshold", 0.1, "--frames", "--every", 1,
                "--scores", csv_path)  # fmt: skip
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == f"{model}: ours, O&C to M, after 7 steps"
    assert lines[1] == "live from 0.1000 on (fixed: a number that was chosen beforehand; from" \
        " --threshold)"  # fmt: skip
    assert lines[2].startswith(f"{folder / 'b face.png'}: live, score 0.")
    assert lines[3].startswith(f"{clip}: live, score 0.")
    assert lines[3].endswith(", 4 frames, 3 without a score")
    assert [line.split(":")[0] for line in lines[4:11]] == [f"  frame {n}" for n in range(7)]
    assert lines[6] == (
        "  frame 2: no face found; the nearest frame with one, 1, is a sample of its own"
    )
    assert lines[5].endswith(" live")
    assert lines[-2] == "2 files: 2 live"
    assert lines[-1].startswith("A score is no proof that a person is alive")
    with csv_path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["0", "0", "1", "2", "3", "4", "5", "6"]
    assert [row["score"] == "" for row in rows] == [n in (3, 4, 6) for n in range(8)]
    # With a column live it is a scores file.
    csv_path.write_text("".join(
        line + (",live\n" if n == 0 else ",1\n")
        for n, line in enumerate(csv_path.read_text().splitlines())
    ))  # fmt: skip
    assert [row.score is None for row in read_scores(csv_path)] == [
        row["score"] == "" for row in rows
    ]


def test_the_nearest_frame_with_a_face_stands_in_and_keeps_its_number(model, folder):
    with scoring(model) as scorer, load_landmarks("embedded") as landmarks:
        made = predict_file(folder / "sub" / "clip.mp4", scorer, landmarks, 5)
    assert made.frames.tolist() == [0, 4] and made.failures == []


@pytest.mark.parametrize("name", ["model.txt", "old.pt", "cut.pt", "nan.pt", "no-crop.pt", "no.pt"])
def test_what_is_no_model_that_can_score_is_one_line(name, model, folder, tmp_path):
    path = tmp_path / name
    if name == "model.txt":
        path.write_text("not a model")
    elif name == "old.pt":
        torch.save({"format": 1}, path)
    elif name == "cut.pt":
        path.write_bytes(model.read_bytes()[:1000])
    elif name == "nan.pt":
        state = made_model().networks
        state["meta.classify.bias"] = torch.tensor([math.nan])  # type: ignore[index]
        write_model(path, {"networks": state})
    elif name == "no-crop.pt":
        write_model(path, {"crop": {}})
    done = ocim(path, folder)
    assert isinstance(done.exception, UserError) and done.output == ""  # main() says it in one line
    assert str(path) in str(done.exception)


def test_a_score_that_is_not_finite_is_a_failure_of_its_frame(folder, tmp_path):
    whole = made_model()
    state = dict(whole.networks)
    state["meta.layers.1.running_var"] = -torch.ones_like(state["meta.layers.1.running_var"])
    path = write_model(tmp_path / "model.pt", {"networks": state})
    done = ocim(path, folder / "b face.png")
    assert done.exit_code == 1
    assert "no score: the model gives no finite score for this face" in done.output


def test_a_checkpoint_scores_and_decides_nothing(folder, tmp_path):
    path = write_model(tmp_path / "step.pt", {"threshold": None})
    done = ocim(path, folder / "b face.png", "--json")
    assert done.exit_code == 0
    found = json.loads(done.output)
    jsonschema.validate(found, SCHEMA)
    assert found["threshold"]["rule"] == "none" and found["files"][0]["decision"] is None


def test_scores_that_cannot_get_their_name_are_a_mistake_before_any_work(model, folder, tmp_path):
    done = ocim(model, folder, "--scores", tmp_path)
    assert isinstance(done.exception, UserError) and "is a folder" in str(done.exception)


@pytest.mark.parametrize("words", [["nothing.png"], ["empty"], ["text"]])
def test_nothing_to_score_is_a_mistake_that_names_the_path(words, model, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("a")
    with pytest.raises(UserError, match=words[0]):
        gather([tmp_path / words[0]])


def test_links_out_of_a_folder_are_told_and_never_followed(tmp_path):
    outside = tmp_path / "outside.png"
    Image.new("RGB", (4, 4)).save(outside)
    place = tmp_path / "place"
    (place / "in").mkdir(parents=True)
    shutil.copy(outside, place / "in" / "z.PNG")
    (place / "out.png").symlink_to(outside)
    (place / "up").symlink_to(place)
    (place / "same.png").symlink_to(place / "in" / "z.PNG")
    found = gather([place])
    assert found.files == [place / "in" / "z.PNG", place / "same.png"]
    assert [(Path(one.path).name, one.reason) for one in found.passed_over] == [
        ("out.png", "a link that leads out of the root is not followed")
    ]


@pytest.mark.slow
def test_a_name_that_is_no_text_breaks_neither_lines_nor_json(model, folder, tmp_path):
    for name in (b"caf\xe9.png", b"two\nlines\x1b[31m.png"):
        shutil.copy(folder / "coins.png", tmp_path / os.fsdecode(name))
    out = tmp_path / "s.csv"
    command = [OCIM, "predict", model, tmp_path, "--scores", out]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 1, done.stderr
    assert b"\x1b" not in done.stdout and b"two?lines?[31m.png: no score" in done.stdout
    out.read_text("utf-8")
    done = subprocess.run([*command[:4], "--json"], capture_output=True)
    paths = [one["path"] for one in json.loads(done.stdout)["files"]]
    assert sorted(os.fsencode(Path(path).name) for path in paths) == [
        b"caf\xe9.png", b"two\nlines\x1b[31m.png"
    ]  # fmt: skip


def test_of_two_faces_the_larger_one_is_scored_and_the_other_remarked(model, portrait, tmp_path):
    height, width = portrait.shape[:2]
    two = np.zeros((height, width * 2, 3), np.uint8)
    small = Image.fromarray(portrait).resize((width * 6 // 10, height * 6 // 10))
    two[: small.height, : small.width] = np.asarray(small)
    two[:, width:] = portrait
    Image.fromarray(two).save(tmp_path / "two.png")
    seen: list[np.ndarray] = []

    class Recorder(Scorer):
        def __call__(self, crops: np.ndarray) -> np.ndarray:
            seen.append(crops)
            return super().__call__(crops)

    with load_landmarks("embedded") as landmarks:
        recorder = Recorder(model, checkpoint.load(model), torch.device("cpu"))
        made = predict_file(tmp_path / "two.png", recorder, landmarks, 5)
        faces = landmarks.find(two)
    assert len(faces) == 2
    large = max(faces, key=lambda face: crops.face_square(face.landmarks)[2])
    affine = crops.crop_affine(large.landmarks, "box", 1.4, 0.0, 256)
    assert np.array_equal(seen[0][0], crops.warp(two, affine, (256, 256)))
    assert [one.text for one in made.remarks] == ["2 faces, which is meant?"]


def test_a_score_at_the_threshold_is_live_and_infinite_thresholds_decide():
    threshold = Threshold(0.5, -math.inf, "fixed", "", "")
    assert threshold.decide("frame", 0.5) == "live"
    assert threshold.decide("frame", np.nextafter(0.5, 0)) == "spoof"
    assert threshold.decide("video", 0.0) == "live"
    assert Threshold(None, math.inf, "fixed", "", "").decide("frame", 1.0) is None
    assert Threshold(None, math.inf, "fixed", "", "").decide("video", 1.0) == "spoof"


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_threshold_that_is_no_finite_number_is_refused(number):
    with pytest.raises(UserError, match="finite"):
        given_threshold(number)


def test_shown_paths_have_no_control_characters():
    assert shown("a\tb\u202e\x7f.png") == "a?b??.png"


@pytest.fixture(scope="module")
def of_replica(tmp_path_factory: pytest.TempPathFactory, video_writer: Writer) -> Path:
    """A replica's MSU in a bundle of its own, made and evaluated by the commands of a user.

    One more video has frames without a face, at some of which another stands in.
    """
    place = tmp_path_factory.mktemp("replica")

    def run(*words: object) -> None:
        done = subprocess.run([OCIM, *map(str, words)], cwd=place, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    videos = all_videos(1, 5)
    for video, targets in zip(videos, all_targets(videos, 5), strict=True):
        if video.dataset == "msu":
            make_video(place / "replica", video, targets, 5)
    for split, numbers in MSU_SUBJECTS.items():
        name = place / "replica" / "msu" / f"{split}_sub_list.txt"
        name.write_text(f"{sorted(numbers[:1])[0]:02d}\n")
    real = place / "replica" / "msu" / "scene01" / "real"
    shown_frames = [image for _, image in decode(next(real.glob("*laptop*.mov")), False, bool)]
    turned = [np.ascontiguousarray(image[::-1, ::-1]) for image in shown_frames]
    video_writer(real / "real_client005_android_SD_scene01.mp4", turned)  # and does not say so
    gone = {5, *range(9, 18)}
    mixed = [f if n not in gone else np.zeros_like(f) for n, f in enumerate(shown_frames[:18])]
    video_writer(real / "real_client032_laptop_SD_scene01.mov", mixed)
    config = {"out": "run", "datasets": {"msu": {"root": "replica/msu", "every": 5,
              "partitions": 1}}}  # fmt: skip
    (place / "c.yaml").write_text(json.dumps(config))
    run("index", "--config", "c.yaml", "--dataset", "msu")
    for stage in ("crop", "depth", "parse"):
        run(stage, "--config", "c.yaml", "--dataset", "msu", "--partition", 0)
    run("pack", "--config", "c.yaml")
    write_model(place / "model.pt")
    run("evaluate", "model.pt", "--bundle", "run/bundle", "-o", "results.json")
    return place


@pytest.mark.slow
def test_videos_of_a_bundle_give_its_crops_byte_for_byte_and_its_scores(of_replica):
    """The central proof: what `predict` does with a file is what training saw and was measured."""
    rows = read_scores(of_replica / "scores.csv")
    scored = {(row.video, row.frame): row.score for row in rows if row.score is not None}
    failed = {(row.video, row.frame) for row in rows if row.score is None}
    assert len(scored) > 50 and failed
    stored = {
        (video, int(frame)): shard.image[row]
        for shard in Bundle(of_replica / "run" / "bundle").shards("msu")
        for row, (video, frame) in enumerate(
            zip(shard.read("video").tolist(), shard.read("frame").tolist(), strict=True)
        )
    }
    index = {row.path: row for row in read_index(of_replica / "run" / "index" / "msu.csv")}
    assert index["scene01/real/real_client005_android_SD_scene01.mp4"].upside_down
    root = of_replica / "replica" / "msu"
    seen: list[np.ndarray] = []

    class Recorder(Scorer):
        def __call__(self, crops: np.ndarray) -> np.ndarray:
            seen.append(crops)
            return super().__call__(crops)

    path = of_replica / "model.pt"
    found: dict[tuple[str, int], float] = {}
    lost: set[tuple[str, int]] = set()
    with load_landmarks("embedded") as landmarks:
        recorder = Recorder(path, checkpoint.load(path), torch.device("cpu"))
        for video in sorted({video for video, _ in scored}):
            seen.clear()
            upside_down = bool(index[video].upside_down)
            made = predict_file(root / video, recorder, landmarks, 5, upside_down)
            for frame, score, crop in zip(
                made.frames.tolist(), made.scores.tolist(), np.concatenate(seen), strict=True
            ):
                found[video, frame] = score
                assert np.array_equal(crop, stored[video, frame]), (video, frame)
            lost |= {(video, one.frame) for one in made.failures}
    assert found.keys() == scored.keys() and lost == failed
    assert any(frame % 5 for _, frame in found)  # one stands in for another
    # Not to the last bit: how many crops are scored at once decides how a product is summed.
    off = max(abs(found[key] - scored[key]) for key in found)
    assert off < 1e-6


@pytest.mark.slow
def test_every_frame_of_a_video_includes_those_of_the_bundle(of_replica):
    rows = read_scores(of_replica / "scores.csv")
    video = next(row.video for row in rows if row.live and row.score is not None)
    path = of_replica / "replica" / "msu" / video
    done = subprocess.run(
        [OCIM, "predict", of_replica / "model.pt", path, "--json", "--every", "1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (file,) = json.loads(done.stdout)["files"]
    all_frames = {one["frame"]: one["score"] for one in file["frames"]}
    for row in rows:
        if row.video == video and row.score is not None:
            assert all_frames[row.frame] == pytest.approx(row.score, abs=1e-6)


@pytest.mark.slow
def test_memory_is_flat_in_the_length_of_a_video(model, portrait, video_writer, tmp_path):
    small = np.asarray(Image.fromarray(portrait).resize((640, 800)))
    peaks = []
    for count in (30, 210):
        path = video_writer(
            tmp_path / f"{count}.mp4", (np.roll(small, n % 9, axis=1) for n in range(count))
        )
        code = (
            "import resource, sys; from pipeline.cli import cli\n"
            f"cli(['predict', {str(model)!r}, {str(path)!r}, '--every', '1'],"
            " standalone_mode=False)\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert f"{count} frames" in done.stdout
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    # 180 more crops alone would be 35 MB, their frames 276 MB.
    assert peaks[1] - peaks[0] < 20, peaks


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["huge", "cut", "empty", "folder.png", "gif"])
def test_odd_files_are_listed_or_scored_and_the_others_go_on(kind, model, folder, tmp_path):
    path = tmp_path / (kind if "." in kind else f"{kind}.png")
    if kind == "huge":
        Image.new("1", (20_000, 20_000)).save(path)
    elif kind == "cut":
        path.write_bytes((folder / "b face.png").read_bytes()[:5000])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder.png":
        path.mkdir()
        shutil.copy(folder / "coins.png", path)
    else:
        path = tmp_path / "face.gif"
        Image.open(folder / "b face.png").save(path)
    done = ocim(model, path, folder / "b face.png")
    assert done.exit_code == (0 if kind == "gif" else 1), done.output
    assert "2 files: " in done.output
    assert f"{folder / 'b face.png'}: live" in done.output


@pytest.mark.slow
def test_scores_are_not_written_over_what_is_read(tmp_path):
    model, picture = write_model(tmp_path / "model.pt"), tmp_path / "face.png"
    picture.write_bytes(b"a picture, as far as its name goes")
    for read in (model, picture):
        before = read.read_bytes()
        done = CliRunner().invoke(cli, ["predict", str(model), str(picture), "--scores", str(read)])
        assert isinstance(done.exception, UserError) and "is read here" in str(done.exception)
        assert read.read_bytes() == before
