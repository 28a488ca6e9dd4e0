"""Outputs in a store: the same bytes as in a folder, and what is finished is left alone."""

import hashlib
import json
import uuid
from pathlib import Path

import fsspec
import pytest
from made_run import FRAMES, made_config, made_rows, write_partition, write_run

from pipeline.bundle import Bundle
from pipeline.config import Config, write_once
from pipeline.errors import UserError
from pipeline.files.layers import Failure
from pipeline.pack import pack
from pipeline.places import out_of
from pipeline.places.base import State
from pipeline.places.fetch import fetch_bundle
from pipeline.places.hashes import RememberedHashes

ROWS = made_rows()
SHARDS = ["oulu-test-00000-of-00001.h5", "oulu-train-00000-of-00001.h5"]


@pytest.fixture(autouse=True)
def _scratch(tmp_path, monkeypatch):
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("OCIM_SCRATCH", str(tmp_path / "scratch"))


def in_store(folder: Path, kind: str, where: Path, **values: object) -> Config:
    """A copy of a run's files in a new folder of a store, and its configuration."""
    base = f"/{uuid.uuid4().hex}" if kind == "memory" else str(where)
    store = fsspec.filesystem(kind)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = f"{base}/{path.relative_to(folder)}"
            store.makedirs(key.rpartition("/")[0], exist_ok=True)
            store.pipe_file(key, path.read_bytes())
    values = {"partitions": 3, **values}
    return made_config(folder, **values).model_copy(update={"out": f"{kind}://{base}"})


def contents(config: Config) -> dict[str, bytes]:
    store, base = fsspec.core.url_to_fs(f"{config.out}/bundle")
    return {path.rpartition("/")[2]: store.cat_file(path) for path in store.find(base)}


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_bundle_packed_in_a_store_has_the_bytes_of_one_in_a_folder(tmp_path, kind):
    local = made_config(tmp_path / "run", partitions=3, pack={"shard_samples": 5})
    layout = write_run(local, ROWS, [Failure(ROWS[1].path, -1, "the file is empty")])
    there = in_store(tmp_path / "run", kind, tmp_path / "far", pack={"shard_samples": 5})
    assert pack(there) == pack(local)
    expected = {path.name: path.read_bytes() for path in layout.bundle.iterdir()}
    assert contents(there) == expected and len(expected) == 6
    assert list((tmp_path / "scratch").iterdir()) == []


def marks(config: Config) -> dict[str, State]:
    with out_of(config.out) as out:
        return out.states(out.layout.bundle)


@pytest.fixture
def there(tmp_path: Path) -> Config:
    """A run that was not packed, in a store that keeps it in the folder far/."""
    write_run(made_config(tmp_path / "run", partitions=3), ROWS)
    return in_store(tmp_path / "run", "file", tmp_path / "far")


def test_shards_that_are_finished_are_not_sent_again_and_strangers_go(there, tmp_path):
    pack(there)
    (tmp_path / "far" / "bundle" / "oulu-dev-00000-of-00001.h5").write_bytes(b"old")
    before = marks(there)
    pack(there)
    after = marks(there)
    assert {name for name in SHARDS if before[name] == after[name]} == set(SHARDS)
    assert sorted(after) == ["NOTICE.txt", "bundle.json", *SHARDS]
    hurt = tmp_path / "far" / "bundle" / SHARDS[0]
    data = bytearray(hurt.read_bytes())
    data[20_000] ^= 4
    hurt.write_bytes(data)
    pack(there)
    assert hashlib.sha256(hurt.read_bytes()).hexdigest() in {
        one["sha256"] for one in Bundle(hurt.parent).manifest["shards"]
    }


@pytest.mark.slow
def test_without_a_manifest_whole_shards_are_kept(there, tmp_path):
    manifest = pack(there)
    (tmp_path / "far" / "bundle" / "bundle.json").unlink()
    before = marks(there)
    assert pack(there) == manifest
    assert {name for name in SHARDS if marks(there)[name] == before[name]} == set(SHARDS)


def test_a_partition_that_is_missing_is_one_line_with_its_url(tmp_path):
    local = made_config(tmp_path / "run", partitions=3)
    layout = write_run(local, ROWS)
    layout.partition("depth", "oulu", 1).unlink()
    there = in_store(tmp_path / "run", "memory", tmp_path)
    with pytest.raises(UserError) as caught:
        pack(there)
    assert f"{there.out}/depth/oulu/0001.h5: missing; run ocim depth" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_the_configuration_is_written_beside_the_outputs(tmp_path):
    config = in_store(tmp_path, "file", tmp_path / "far")
    assert write_once(config) is None
    text = (tmp_path / "far" / "config.yaml").read_text()
    assert f"out: {config.out}\n" in text


@pytest.fixture
def fetched(there: Config, tmp_path: Path) -> tuple[str, Path]:
    """The URL of a bundle in the folder far/, and where to fetch it."""
    pack(there)
    return f"{there.out}/bundle", tmp_path / "here"


@pytest.mark.slow
def test_a_bundle_is_fetched_whole_and_goes_on_after_an_interruption(fetched, tmp_path):
    url, here = fetched
    assert fetch_bundle(url, here, print) == 2
    far = {path.name: path.read_bytes() for path in (tmp_path / "far" / "bundle").iterdir()}
    assert {path.name: path.read_bytes() for path in here.iterdir()} == far
    assert fetch_bundle(url, here, print) == 0
    (here / SHARDS[0]).unlink()
    (here / SHARDS[1]).write_bytes(far[SHARDS[1]][:-1] + b"?")
    (here / "bundle.json").unlink()
    assert fetch_bundle(url, here, print) == 2
    assert {path.name: path.read_bytes() for path in here.iterdir()} == far


@pytest.mark.slow
def test_a_bundle_with_a_shard_that_is_not_the_manifests_is_not_believed(fetched, tmp_path):
    url, here = fetched
    far = tmp_path / "far" / "bundle" / SHARDS[1]
    far.write_bytes(far.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match=r"not the shard that bundle\.json names"):
        fetch_bundle(url, here, print)
    assert not {path.name for path in here.iterdir()} & {SHARDS[1], "bundle.json"}
    far.unlink()
    with pytest.raises(UserError, match=r"train-00000-of-00001\.h5: not there"):
        fetch_bundle(url, here, print)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../../x.h5", "/x.h5", ".x.h5", "a/x.h5"])
def test_a_manifest_names_no_file_outside_its_folder(fetched, tmp_path, name):
    from pipeline.bundle import manifest_hash

    url, here = fetched
    path = tmp_path / "far" / "bundle" / "bundle.json"
    manifest = json.loads(path.read_text())
    manifest["shards"][0]["file"] = name
    manifest["hash"] = manifest_hash({k: v for k, v in manifest.items() if k != "hash"})
    path.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="is not a plain file name"):
        fetch_bundle(url, here, print)
    assert not here.exists()


def test_what_is_no_bundle_is_one_line(tmp_path):
    (tmp_path / "far").mkdir()
    with pytest.raises(UserError, match="not there; name the folder of a finished bundle"):
        fetch_bundle(f"file://{tmp_path}/far", tmp_path / "here", print)
    with pytest.raises(UserError, match="no URL"):
        fetch_bundle(str(tmp_path), tmp_path / "here", print)


def test_a_hash_is_remembered_beside_the_outputs_and_only_for_the_state_it_was_made_of(
    tmp_path, monkeypatch
):
    config = in_store(tmp_path / "none", "file", tmp_path / "far")
    state = State(5, "ETag x")
    with out_of(config.out) as out:
        hashes = RememberedHashes(out, "oulu", 0)
        assert hashes.find("s3://b/v.mp4", state) == ""
        hashes.add("s3://b/v.mp4", state, "5a")
        hashes.add("s3://b/gone.mp4", state, "5b")
        hashes.keep({"s3://b/v.mp4"})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    with out_of(config.out) as out:
        hashes = RememberedHashes(out, "oulu", 0)
        assert hashes.find("s3://b/v.mp4", state) == "5a"
        for other in (State(6, "ETag x"), State(5, "ETag y"), State(5, "")):
            assert hashes.find("s3://b/v.mp4", other) == ""
        assert hashes.find("s3://b/gone.mp4", state) == ""
    path = tmp_path / "far" / "cache" / "hashes" / "oulu" / "0000.json"
    for damaged in ("", "[]", '{"videos": 5}', '{"videos": {"s3://b/v.mp4": 7}}', "\0"):
        path.write_text(damaged)
        with out_of(config.out) as out:
            assert RememberedHashes(out, "oulu", 0).find("s3://b/v.mp4", state) == ""


def test_a_partition_made_anew_while_it_is_packed_is_refused(tmp_path):
    config = made_config(tmp_path, partitions=1)
    write_run(config, ROWS)

    def meanwhile(function, calls):
        for call in calls:
            if function.__name__ == "write":
                samples = [(row, frame) for row in sorted(ROWS, key=lambda r: r.path.encode())
                           for frame in FRAMES]  # fmt: skip
                write_partition(config, "oulu", 0, samples, key="another")
            yield function(*call)

    with pytest.raises(UserError, match=r"0000\.h5: changed while it was packed"):
        pack(config, each=meanwhile)
    assert [path.name for path in (tmp_path / "bundle").iterdir()] == []
