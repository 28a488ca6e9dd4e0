"""train/running/watch.py: changes of a bundle in training, told of and recorded."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_bundle import edit_manifest, make_bundle

from pipeline.bundle import Bundle
from train.config import Settings
from train.engine import train
from train.running import checkpoint
from train.running.watch import Watch

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"width": 0.1, "input_size": 64, "batch": 4, "threads": 1, "device": "cpu"}
ROOT = Path(__file__).parents[1]
CASIA = "casia-train-00000-of-00001.h5"


def watch_of(folder: Path) -> Watch:
    bundle = Bundle(folder)
    return Watch(bundle, [s.path for d in ("casia", "oulu") for s in bundle.shards(d)])


def test_a_bundle_that_lies_still_is_not_told_of(tmp_path: Path, capsys):
    watch = watch_of(make_bundle(tmp_path / "bundle", ["casia", "oulu"], 1, 1))
    watch.warn()
    assert watch.replaced() == []
    assert capsys.readouterr().err == ""


def test_a_replaced_shard_is_told_by_name_and_once(tmp_path: Path, capsys):
    folder = make_bundle(tmp_path / "bundle", ["casia", "oulu"], 1, 1)
    watch = watch_of(folder)
    other = make_bundle(tmp_path / "other", ["casia", "oulu"], 2, 1)
    (other / CASIA).replace(folder / CASIA)
    assert watch.replaced() == [CASIA]
    watch.warn()
    watch.warn()
    text = capsys.readouterr().err
    assert text.startswith(f"warning: {folder}: ") and text.count("\n") == 1
    assert CASIA in text and "oulu" not in text and watch.bundle.hash in text
    # A pack takes its time: what is replaced later is told later, and nothing twice.
    oulu = CASIA.replace("casia", "oulu")
    (other / oulu).replace(folder / oulu)
    watch.warn()
    text = capsys.readouterr().err
    assert oulu in text and CASIA not in text and text.count("\n") == 1


def test_shards_that_another_manifest_lists_are_told(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["casia", "msu", "oulu"], 1, 1)
    watch = watch_of(folder)

    def other(manifest: dict[str, Any]) -> None:
        manifest["shards"] = [entry for entry in manifest["shards"] if entry["dataset"] != "msu"]

    edit_manifest(folder, other)
    assert watch.replaced() == [
        f"msu-{split}-00000-of-00001.h5" for split in ("dev", "test", "train")
    ]


def test_a_manifest_that_differs_in_itself_or_is_gone_is_told(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["casia", "oulu"], 1, 1)
    watch = watch_of(folder)
    edit_manifest(folder, lambda manifest: manifest.update(remarks=[{}]))
    assert watch.replaced() == ["bundle.json"]
    (folder / "bundle.json").unlink()
    assert watch.replaced() == ["bundle.json"]


def test_a_training_goes_on_with_the_shards_it_opened_and_records_their_bundle(
    tmp_path: Path, capsys
):
    settings = Settings(steps=4, protocol="C&O to M", **SMALL)
    folder = make_bundle(tmp_path / "bundle", ["casia", "oulu"], 2, 1)
    train(settings, folder, tmp_path / "alone")
    note = capsys.readouterr().err
    assert note.startswith(f"note: {folder} has no dataset 'msu'")
    assert note.count("\n") == 1
    before = Bundle(folder).hash

    def replace(state: dict[str, Any]) -> None:
        if state["step"] == 1:
            other = make_bundle(tmp_path / "other", ["casia", "oulu"], 3, 1)
            for path in other.iterdir():
                path.replace(folder / path.name)

    train(settings, folder, tmp_path / "disturbed", replace, progress_every=1)
    assert Bundle(folder).hash != before
    text = capsys.readouterr().err.removeprefix(note)
    assert text.count("\n") == 1 and text.startswith("warning: ")
    assert CASIA in text and "oulu-test-00000-of-00001.h5" in text
    for name in ("curves.csv", "model.pt"):
        one, two = ((tmp_path / run / name).read_bytes() for run in ("alone", "disturbed"))
        assert one == two
    assert checkpoint.load(tmp_path / "disturbed" / "model.pt").bundle == before


def test_a_shard_that_is_not_the_manifests_stops_python_m_train_with_one_line(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["casia", "oulu"], 1, 1)
    other = make_bundle(tmp_path / "other", ["casia", "oulu"], 2, 1)
    (other / CASIA).replace(folder / CASIA)
    done = subprocess.run(
        [sys.executable, "-m", "train", "--bundle", folder, "--protocol", "O&C to M", "-o",
         tmp_path / "run"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {folder / CASIA}: not the shard that is expected here")
    assert done.stderr.count("\n") == 1 and done.stdout == ""
    assert not (tmp_path / "run" / "model.pt").exists()
