"""`ocim predict`: what it prints and writes of pictures and videos."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import Result
from command_line import OCIM
from made_predict import CROP, THRESHOLD, ocim, write_model
from PIL import Image

from labels.landmarks import load as load_landmarks
from pipeline import crops
from pipeline.errors import UserError
from pipeline.frames.pictures import read_picture
from pipeline.predict.output import shown
from pipeline.predict.scorer import scoring
from train.evaluation.scores import read_scores

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "predict.schema.json").read_text("utf-8"))

pytest_plugins = "made_predict"


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


def test_shown_paths_have_no_control_characters():
    assert shown("a\tb\u202e\x7f.png") == "a?b??.png"


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
        done = ocim(model, picture, "--scores", read)
        assert isinstance(done.exception, UserError) and "is read here" in str(done.exception)
        assert read.read_bytes() == before
