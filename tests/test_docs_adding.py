"""docs/adding.md: the adapters, the back end and the ablation, as they stand there, are run."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from made_bundle import make_bundle
from PIL import Image

import pipeline.datasets
from pipeline.bundle import Bundle
from pipeline.config import DatasetSettings
from pipeline.datasets.base import Video, files
from pipeline.errors import UserError
from pipeline.index import index

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "adding.md").read_text("utf-8")
DIFF = re.search(r"```diff\n(.*?)```", TEXT, re.S).group(1)


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Puts a code block of the page where adapters are looked for, under the name it tells."""

    def add(name: str) -> str:
        blocks = re.findall(r"`pipeline/datasets/(\w+)\.py`:\n\n```python\n(.*?)```", TEXT, re.S)
        code = dict(blocks)[name]
        folder = tmp_path / "adapters"
        folder.mkdir()
        (folder / f"{name}.py").write_text(code, "utf-8")
        monkeypatch.setattr(
            pipeline.datasets, "__path__", [*pipeline.datasets.__path__, str(folder)]
        )
        # Out again afterwards, from the list of modules and from the package itself.
        monkeypatch.delitem(sys.modules, f"pipeline.datasets.{name}", raising=False)
        monkeypatch.setattr(pipeline.datasets, name, None, raising=False)
        return code

    yield add
    for name in ("siw", "celeba_spoof"):
        sys.modules.pop(f"pipeline.datasets.{name}", None)


def touch(root: Path, names: list[str]) -> DatasetSettings:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return DatasetSettings(root=str(root))


def test_there_is_no_adapter_before_the_file_is_there(tmp_path):
    with pytest.raises(UserError, match=r"datasets\.siw: no adapter 'siw'"):
        index("siw", DatasetSettings(root=str(tmp_path)))


def test_the_module_for_siw_reads_its_names(tmp_path, shown):
    shown("siw")
    names = []
    for folder, subjects in (("Train", ("003", "004")), ("Test", ("010",))):
        for subject, sensor, session in product(subjects, (1, 2), (1, 2)):
            names.append(f"{folder}/live/{subject}/{subject}-{sensor}-1-1-{session}.mov")
            for kind, medium in ((2, 1), (2, 2), (3, 1), (3, 4)):
                name = f"{subject}-{sensor}-{kind}-{medium}-{session}.mp4"
                names.append(f"{folder}/spoof/{subject}/{name}")
    beside = [
        "Train/live/003/003-1-2-1-1.mov", "Train/spoof/003/003-1-1-1-1.mov",
        "Train/003-1-1-1-1.mov",
        "Train/live/003/003-1-1-1-1.face", "Train/live/003/._003-1-1-1-1.mov", "README.txt",
        "Other/live/003/003-1-1-1-1.mov", "Train/live/003/notes.mov",
    ]  # fmt: skip
    found = index("siw", touch(tmp_path / "siw", names + beside))
    assert [row.path for row in found] == sorted(names, key=str.encode)
    by_path = {row.path: row for row in found}
    assert by_path["Train/live/003/003-1-1-1-2.mov"] == Video(
        "Train/live/003/003-1-1-1-2.mov", "siw", "train", 1, "003", "", "", "2", "sensor1"
    )
    assert by_path["Test/spoof/010/010-2-3-4-1.mp4"] == Video(
        "Test/spoof/010/010-2-3-4-1.mp4", "siw", "test", 0, "010", "replay", "replay4", "1",
        "sensor2",
    )  # fmt: skip
    assert [row.attack for row in found if row.live] == [""] * 12
    assert {row.instrument for row in found if not row.live} == {
        "print1", "print2", "replay1", "replay4"
    }  # fmt: skip
    upper = index("siw", touch(tmp_path / "SIW", [name.upper() for name in names]))
    assert [(r.path, r.live, r.split) for r in upper] == sorted(
        (r.path.upper(), r.live, r.split) for r in found
    )


def test_the_module_for_celeba_spoof_reads_its_folders(tmp_path, shown):
    code = shown("celeba_spoof")
    assert len(code.splitlines()) <= 40
    names = [
        "Data/train/1/live/000184.jpg", "Data/train/1/spoof/000001.png",
        "Data/train/4980/spoof/497050.jpg", "Data/test/5007/live/493428.png",
    ]  # fmt: skip
    beside = [
        *(name[:-4] + "_BB.txt" for name in names), "metas/intra_test/train_label.json",
        "Data/train/1/live.jpg", "Data/train/1/other/1.jpg", "Data/dev/1/live/1.jpg",
        "1/live/1.jpg", "Data/train/1/live/deeper/1.jpg",
    ]  # fmt: skip
    found = index("celeba_spoof", touch(tmp_path / "disk" / "CelebA_Spoof", names + beside))
    expected = [
        Video(names[3], "celeba_spoof", "test", 1, "5007"),
        Video(names[0], "celeba_spoof", "train", 1, "1"),
        Video(names[1], "celeba_spoof", "train", 0, "1", "unknown"),
        Video(names[2], "celeba_spoof", "train", 0, "4980", "unknown"),
    ]
    assert found == expected
    assert index("celeba_spoof", DatasetSettings(root=str(tmp_path / "disk"))) == expected
    assert len(list(files(tmp_path / "disk", (".jpg", ".png")))) == 9


def test_every_module_file_that_the_page_names_is_there():
    named = set(re.findall(r"`((?:pipeline|labels|tests)/[a-z_/]+\.py)`", TEXT))
    examples = {
        "labels/depth/paraboloid.py",
        "pipeline/datasets/celeba_spoof.py",
        "pipeline/datasets/siw.py",
    }
    assert examples < named
    assert {name for name in named - examples if not (ROOT / name).is_file()} == set()


def block(language: str, name: str) -> str:
    """The block of code that follows the name of its file on the page."""
    return re.search(rf"`{re.escape(name)}`:\n\n```{language}\n(.*?)```", TEXT, re.S).group(1)


def commands(heading: str) -> list[list[str]]:
    """The commands under a heading of the page, each as its words."""
    section = re.search(rf"^## {heading}.*?(?=^## |\Z)", TEXT, re.S | re.M).group()
    lines = re.findall(r"^    ((?:ocim|git) .+)$", section, re.M)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, portrait: np.ndarray, video_writer: Callable[..., Path]) -> Path:
    """A copy of the project with the three examples added as the page says, and their data."""
    root = tmp_path_factory.mktemp("adding")
    for name in ("pipeline", "labels", "train", "config"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pipeline/datasets/siw.py", "labels/depth/paraboloid.py"):
        (root / name).write_text(block("python", name))
    backends = root / "labels" / "backends.py"
    entry = re.search(r'^    "paraboloid": Backend\(.*\),$', TEXT, re.M).group()
    backends.write_text(backends.read_text().replace("DEPTH = {\n", f"DEPTH = {{\n{entry}\n", 1))
    (root / "without_depth.diff").write_text(DIFF)
    siw = re.search(r"^    # siw\.yaml\n((?:    .*\n)+)", TEXT, re.M).group(1)
    (root / "siw.yaml").write_text(textwrap.dedent(siw))
    mine = "out: runs/mine\ndatasets: {casia: {root: data/casia}}\ndepth: { backend: paraboloid }\n"
    (root / "mine.yaml").write_text(mine)
    frames = [np.roll(portrait, n, axis=1) for n in range(11)]
    for split, subject in (("Train", "003"), ("Test", "010")):
        for kind, number in (("live", 1), ("spoof", 2)):
            name = f"{split}/{kind}/{subject}/{subject}-1-{number}-1-1.mov"
            video_writer(root / "data" / "siw" / name, frames)
    video_writer(root / "data" / "casia" / "train_release" / "1" / "1.avi", frames)
    Image.fromarray(portrait).save(root / "photo.jpg", quality=95)
    make_bundle(root / "runs" / "demo" / "bundle")
    return root


def run(checkout: Path, words: list[str]) -> str:
    program = Path(sys.executable).with_name("ocim") if words[0] == "ocim" else words[0]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [program, *words[1:]], cwd=checkout, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_dataset_shown_is_one_file_from_videos_to_the_bundle(checkout: Path):
    assert len(block("python", "pipeline/datasets/siw.py").splitlines()) <= 80
    index_siw, rebuild, info = commands("A dataset")
    assert "siw.csv: 4 videos, 2 live" in run(checkout, index_siw)
    assert "siw/train: 4 samples, 2 live, 2 spoof" in run(checkout, rebuild)
    assert "siw" in run(checkout, info)


@pytest.mark.slow
def test_the_back_end_shown_draws_depth_for_pictures_and_for_a_dataset(checkout: Path):
    assert len(block("python", "labels/depth/paraboloid.py").splitlines()) <= 60
    label, rebuild = commands("A back end")
    run(checkout, label)
    depth = np.asarray(Image.open(checkout / "pictures" / "photo_depth.png"))
    # The face square fills 1 / 1.4 of the crop's height, its middle is the crop's.
    assert depth[127:129, 127:129].min() >= 254
    rows = np.flatnonzero(depth[:, 128])
    assert abs((rows[-1] - rows[0] + 1) - 256 / 1.4) <= 2
    assert "casia/train: 6 samples, 6 live, 0 spoof" in run(checkout, rebuild)
    provenance = Bundle(checkout / "runs/mine/bundle").manifest["provenance"]["casia"]
    assert [made_by["backend"] for made_by in provenance["backends"]["depth"]] == ["paraboloid"]


@pytest.mark.slow
def test_the_ablation_shown_trains_without_the_depth_loss(checkout: Path):
    changed = [line for line in DIFF.splitlines() if re.match(r"[+-](?![+-]{2} )", line)]
    assert len(changed) <= 25
    apply, train, evaluate = commands("An ablation")
    run(checkout, apply)
    run(checkout, [*train, "--set", "steps=2", "--set", "width=0.1"])
    with (checkout / "runs" / "without_depth" / "curves.csv").open() as file:
        curves = list(csv.DictReader(file))
    assert len(curves) == 2
    assert all(row["train_dep"] == row["test_dep"] == "" for row in curves)
    assert all(float(row["train_seg"]) > 0 for row in curves)
    run(checkout, evaluate)
    results = json.loads((checkout / "runs" / "without_depth" / "results.json").read_text())
    assert results["variant"] == "without_depth"
