"""A bundle opens the shards of its manifest and no others; one copied file reads it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_bundle import edit_manifest, make_bundle, write_manifest
from made_shard import write_made

from pipeline.bundle import MANIFEST, SCHEMA, Bundle, BundleError, Shard, canonical_json
from pipeline.files import store


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_made(tmp_path_factory.mktemp("shard"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    return make_bundle(folder, ["oulu", "msu"], 1, 1, failures=[{"video": "x", "frame": -1}])


def test_a_bundle_opens_shards_by_dataset_and_split(small):
    bundle = Bundle(small)
    assert bundle.datasets == ["msu", "oulu"]
    assert bundle.failures == [{"video": "x", "frame": -1}]
    found = [(shard.dataset, shard.split) for shard in bundle.shards("oulu")]
    assert found == [("oulu", "dev"), ("oulu", "test"), ("oulu", "train")]
    assert [s.split for s in bundle.shards("msu", ["train", "test"])] == ["test", "train"]
    assert [s.split for s in bundle.shards("msu", "train")] == ["train"]
    with pytest.raises(BundleError, match=r"no dataset 'casia'; it has \['msu', 'oulu'\]"):
        bundle.shards("casia")
    with pytest.raises(BundleError, match=r"no split \['trian'\]; there are train, dev, test"):
        bundle.shards("oulu", ["trian"])


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no json",
        "[]",
        "3",
        "[" * 100_000,
        '{"shards": [], "failures": []}',
        '{"schema": 1, "shards": [], "failures": []}',
        '{"schema": 3, "shards": [], "failures": []}',
        '{"schema": 2}',
        '{"schema": 2, "hash": "0", "shards": [], "failures": []}',
        '{"schema": 2, "hash": "0", "shards": NaN}',
        '{"schema": 2, "hash": "0", "shards": "\\ud800"}',
    ],
)
def test_a_manifest_that_is_missing_or_wrong_is_told_in_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=r"bundle\.json") as caught:
        Bundle(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_manifest_edited_by_hand_is_told(tmp_path, small):
    text = (small / MANIFEST).read_text()
    text = text.replace('"spoof": 1', '"spoof": 7', 1)
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match="edited by hand: it does not fit the hash"):
        Bundle(tmp_path)


ENTRY = {"dataset": "oulu", "split": "train", "key": "k"}


def manifest_of(folder: Path, **entry: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / entry["file"]
    shards = [{**ENTRY, "bytes": path.stat().st_size if path.is_file() else 0, **entry}]
    rest = {"failures": [], "notice": "", "spoof_depth": "zero"}
    write_manifest(folder, {"schema": SCHEMA, "shards": shards, **rest})


@pytest.mark.parametrize("inside", ["../{}", "{}/x/../{}", "sub/{}", "/{}"])
def test_a_path_in_the_manifest_that_leads_elsewhere_is_refused(tmp_path, stored, inside):
    (tmp_path / stored.name).write_bytes(stored.read_bytes())
    folder = tmp_path / "bundle"
    manifest_of(folder, file=inside.replace("{}", stored.name))
    with pytest.raises(BundleError, match="not a plain file name"):
        Bundle(folder).shards("oulu")


def test_a_shard_that_the_manifest_names_and_is_gone_is_told(tmp_path):
    manifest_of(tmp_path, file="gone.h5")
    with pytest.raises(BundleError, match=r"gone\.h5: No such file"):
        Bundle(tmp_path).shards("oulu")


def test_a_shard_that_is_not_the_one_listed_is_told(tmp_path, stored):
    (tmp_path / stored.name).write_bytes(stored.read_bytes())
    manifest_of(tmp_path, file=stored.name)
    assert len(Bundle(tmp_path).shards("oulu")) == 1
    edit_manifest(tmp_path, lambda manifest: manifest["shards"][0].update(key="other"))
    with pytest.raises(BundleError, match=f"{stored.name}: not the shard that is expected"):
        Bundle(tmp_path).shards("oulu")


@pytest.mark.parametrize("part", ["shards", "failures", "spoof_depth"])
def test_a_manifest_without_a_part_is_told_though_its_hash_fits(tmp_path, small, part):
    (tmp_path / MANIFEST).write_bytes((small / MANIFEST).read_bytes())
    edit_manifest(tmp_path, lambda manifest: manifest.pop(part))
    with pytest.raises(BundleError, match=f"'{part}' is missing"):
        Bundle(tmp_path)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.h5")
    os.mkfifo(tmp_path / MANIFEST)
    with pytest.raises(BundleError, match=r"a\.h5: No such file"):
        Shard(tmp_path / "a.h5")
    with pytest.raises(BundleError, match="no regular file"):
        Bundle(tmp_path)


def test_a_shard_of_another_size_than_listed_is_told(tmp_path, stored):
    (tmp_path / stored.name).write_bytes(stored.read_bytes())
    manifest_of(tmp_path, file=stored.name)
    with (tmp_path / stored.name).open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=rf"{stored.name}: \d+ bytes, by bundle.json \d+"):
        Bundle(tmp_path).shards("oulu")


def test_one_copied_file_reads_a_bundle_beside_a_strangers_own_train(tmp_path, small):
    here = Path(__file__).parent.parent / "pipeline" / "bundle.py"
    (tmp_path / "ocim_bundle.py").write_text(here.read_text())
    (tmp_path / "train.py").write_text(
        "import sys\n"
        "from ocim_bundle import Bundle\n"
        "shard, = Bundle(sys.argv[1]).shards('oulu', ['train'])\n"
        "print(shard.read('image', [0, 1]).shape, shard.live.tolist())\n"
        "assert 'pipeline' not in sys.modules\n"
    )
    run = [sys.executable, "-P", "train.py", str(small)]
    out = subprocess.run(
        run, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert out.stdout.startswith("(2, 256, 256, 3) ["), out.stderr


def modules_after(statement: str) -> set[str]:
    """Top-level names that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.split())


def test_the_copied_file_writes_json_as_the_rest_of_the_project_does():
    value = {"b": ["ü", 1.5, None], "a": {"z": [], "y": {}}}
    assert canonical_json(value) == store.canonical_json(value)


def test_the_format_needs_numpy_and_h5py_alone():
    loaded = modules_after("import pipeline.bundle") - modules_after("import h5py, numpy, hashlib")
    foreign = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"pipeline", "pipeline.bundle"}


@pytest.mark.parametrize("package", ["pipeline", "train", "labels"])
def test_the_packages_themselves_import_nothing(package):
    assert modules_after(f"import {package}") - modules_after("pass") == {package}
