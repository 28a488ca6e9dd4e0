"""The modules shown in docs/adding.md, as they stand there: adapters and a back end."""

import re
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import labels.depth
import pipeline.datasets
from labels.backends import DEPTH, Backend
from pipeline.config import Config, DatasetSettings
from pipeline.datasets.base import Video, files
from pipeline.errors import UserError
from pipeline.index import index
from pipeline.look.label import label_image

TEXT = (Path(__file__).parents[1] / "docs" / "adding.md").read_text("utf-8")


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
    root = Path(__file__).parents[1]
    named = set(re.findall(r"`((?:pipeline|labels|tests)/[a-z_/]+\.py)`", TEXT))
    examples = {
        "labels/depth/paraboloid.py",
        "pipeline/datasets/celeba_spoof.py",
        "pipeline/datasets/siw.py",
    }
    assert examples < named
    assert {name for name in named - examples if not (root / name).is_file()} == set()


@pytest.mark.slow
def test_the_back_end_shown_draws_depth_for_every_verb_that_asks_for_it(
    tmp_path, monkeypatch, portrait
):
    code = re.search(r"`labels/depth/paraboloid\.py`:\n\n```python\n(.*?)```", TEXT, re.S).group(1)
    assert len(code.splitlines()) <= 60
    (tmp_path / "back_ends").mkdir()
    (tmp_path / "back_ends" / "paraboloid.py").write_text(code, "utf-8")
    monkeypatch.setattr(
        labels.depth, "__path__", [*labels.depth.__path__, str(tmp_path / "back_ends")]
    )
    monkeypatch.delitem(sys.modules, "labels.depth.paraboloid", raising=False)
    entry = re.search(r'"paraboloid": (Backend\(.*\)),', TEXT).group(1)
    monkeypatch.setitem(DEPTH, "paraboloid", eval(entry, {"Backend": Backend}))

    Image.fromarray(portrait).save(tmp_path / "face.png")
    config = Config().with_backends(None, "paraboloid", None)
    label_image(tmp_path / "face.png", tmp_path, config, frame=False)
    depth = np.asarray(Image.open(tmp_path / "face_depth.png"))
    # The face square fills 1 / 1.4 of the crop's height, its middle is the crop's.
    assert depth[127:129, 127:129].min() >= 254
    rows = np.flatnonzero(depth[:, 128])
    assert abs((rows[-1] - rows[0] + 1) - 256 / 1.4) <= 2
