"""docs/deployment.md: what it shows works, and its program needs nothing of this project."""

import json
import re
import subprocess
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_predict import write_model
from PIL import Image

from labels.landmarks import load as load_landmarks
from pipeline import crops
from pipeline.onnx.export import export_onnx, metadata
from train.running import checkpoint

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "deployment.md").read_text("utf-8")
OCIM = Path(sys.executable).with_name("ocim")
TOLERANCE = 0.02
"""How far the program's score may be from predict's, as the page has it."""
ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pipeline", "train", "labels"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Refuse())
path, *sys.argv = sys.argv[1:]
sys.argv.insert(0, path)
exec(compile(open(path).read(), path, "exec"), {"__name__": "__main__"})
"""


def program() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


@pytest.fixture(scope="module")
def page() -> types.ModuleType:
    """The functions of the page's program."""
    module = types.ModuleType("score")
    exec(program(), module.__dict__)
    return module


def test_the_program_imports_nothing_but_what_the_page_names():
    imported = set(re.findall(r"^(?:import|from) (\w+)", program(), re.MULTILINE))
    assert imported == {"json", "sys", "cv2", "numpy", "onnxruntime", "mediapipe"}
    assert len(program().splitlines()) < 100


def test_the_programs_crops_are_those_of_training(page):
    """From faces of 47 pixels, below which training draws otherwise, to 3,500."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (30, 40, 3), np.uint8)
    image = cv2.resize(coarse, (2001, 1501), interpolation=cv2.INTER_CUBIC)
    for side in np.geomspace(47, 3500, 25):
        place = random.uniform(0, 1, 2) * (2001, 1501)
        points = (random.uniform(-0.5, 0.5, (468, 2)) * side + place).astype(np.float32)
        margin, shift = float(random.choice([1.4, 1.8])), float(random.choice([0.0, 0.1]))
        right = crops.warp(image, crops.box_affine(points, margin, shift, 256), (256, 256))
        made = page.crop(image, points.astype(np.float64), margin, shift)
        assert made.shape == (256, 256, 3) and made.dtype == np.uint8
        # Float rounding moves a place across a 32nd of a pixel now and then.
        apart = np.abs(made.astype(int) - right)
        assert apart.max() <= 2 and (apart > 0).mean() < 0.2, side
        assert side < 100 or (apart > 0).mean() < 0.001, side


def test_the_table_of_metadata_has_every_key(tmp_path):
    path = write_model(tmp_path / "model.pt")
    words = metadata(checkpoint.load(path), "0" * 64)
    table = PAGE.split("The metadata, all text")[1].split("## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set(words)


@pytest.mark.slow
def test_the_programs_landmarks_lie_where_ours_do(page):
    from skimage.data import astronaut

    with load_landmarks("embedded") as landmarks:
        (face,) = landmarks.find(astronaut())
    x, y, side = crops.face_square(face.landmarks)
    its_x, its_y, its_side = crops.face_square(page.face_mesh(astronaut()))
    assert np.hypot(its_x - x, its_y - y) < 0.01 * side
    assert abs(its_side / side - 1) < 0.01


@pytest.mark.slow
def test_the_program_scores_as_predict_does_without_this_project(tmp_path):
    from skimage.data import astronaut, coins

    # Without training the networks on HSV make much of little: this one is of RGB.
    model = write_model(tmp_path / "model.pt", variant="ssdg")
    assert export_onnx(model, tmp_path / "model.onnx", None).good
    (tmp_path / "score.py").write_text(program())
    Image.fromarray(astronaut()).save(tmp_path / "face.png")
    Image.fromarray(coins()).save(tmp_path / "coins.png")

    def alone(picture: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-c", ALONE, "score.py", "model.onnx", picture]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    done = alone("face.png")
    assert done.returncode == 0, done.stderr
    score = float(done.stdout.split()[1])
    told = subprocess.run(
        [OCIM, "predict", "model.pt", "face.png", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(told.stdout)
    right = found["files"][0]["score"]
    assert abs(score - right) < TOLERANCE, (score, right)
    assert done.stdout.splitlines()[1].startswith(found["files"][0]["decision"])
    assert done.stdout.splitlines()[1].endswith(found["threshold"]["from"])
    assert "no proof" in done.stdout.splitlines()[2]
    done = alone("coins.png")
    assert done.returncode == 1 and "coins.png: no face found" in done.stderr
    (tmp_path / "needs.py").write_text("import pipeline.crops")
    command = [sys.executable, "-I", "-c", ALONE, "needs.py"]
    blocked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "pipeline is not here" in blocked.stderr  # the wall stands


@pytest.mark.slow
def test_the_way_to_a_threshold_of_ones_own_ends_in_metrics(tmp_path):
    from skimage.data import astronaut

    write_model(tmp_path / "model.pt")
    for name, picture in (("live", astronaut()), ("spoof", np.fliplr(astronaut()) // 2)):
        (tmp_path / "site" / name).mkdir(parents=True)
        Image.fromarray(picture).save(tmp_path / "site" / name / "a.png")
        Image.new("RGB", (64, 64)).save(tmp_path / "site" / name / "none.png")
    block = PAGE.split("find the threshold there:\n\n")[1].split("\n\n")[0]
    commands = [line.removeprefix("    ") for line in block.splitlines()][:-1]
    text = "\n".join(commands)
    assert text.count("ocim") == 3
    script = text.replace("ocim ", f"{OCIM} ")
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert "by frame: " in done.stdout and not done.stderr, done.stderr + done.stdout
    lines = (tmp_path / "site.csv").read_text().splitlines()
    assert lines[0] == "video,frame,score,live"
    assert [line[-2:] for line in lines[1:]] == [",1", ",1", ",0", ",0"]
    assert lines[2] == "site/live/none.png,0,,1"
