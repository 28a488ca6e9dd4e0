"""train/ on a machine that has only torch, numpy, h5py, click and scikit-learn."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from made_bundle import make_bundle

ROOT = Path(__file__).resolve().parents[2]
ABSENT = (
    "PIL",
    "av",
    "cv2",
    "dask",
    "face_alignment",
    "jinja2",
    "labels",
    "matplotlib",
    "mediapipe",
    "numba",
    "pydantic",
    "skimage",
    "tensorboard",
    "snakemake",
    "yaml",
)
WITHOUT = f"""
import sys, runpy
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
sys.argv = ["train", *sys.argv[1:]]
runpy.run_module("train", run_name="__main__")
"""


@pytest.mark.slow
def test_train_and_evaluate_run_without_what_makes_labels(tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    (tmp_path / "settings.json").write_text(
        json.dumps({"width": 0.0625, "input_size": 64, "steps": 1, "batch": 4, "threads": 1})
    )

    def train(*words: str) -> None:
        command = [sys.executable, "-c", WITHOUT, *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]

    run = tmp_path / "run"
    train("--bundle", str(bundle), "--settings", str(tmp_path / "settings.json"), "-o", str(run))
    results, scores = tmp_path / "results.json", tmp_path / "scores.csv"
    words = ["--model", str(run / "model.pt"), "--bundle", str(bundle)]
    train("evaluate", *words, "-o", str(results), "--scores", str(scores))
    assert json.loads(results.read_text())["target"] == "msu"
