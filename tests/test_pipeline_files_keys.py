"""pipeline/files/keys.py: what a key is made of, and what hashes are remembered."""

import hashlib
import json
import os
import sqlite3

import h5py
import numpy as np
import pytest

from pipeline.files import keys


def test_a_key_is_sha256_of_sorted_json():
    text = '{"a": 1, "b": ["x", "ü"]}'
    assert keys.key(b=["x", "ü"], a=1) == hashlib.sha256(text.encode()).hexdigest()


def test_what_is_encoded_beforehand_makes_the_same_key():
    plain = {"b": [{"z": 1, "a": "ü"}], "a": None, "c": {"y": [1.5, "x"], "x": True}}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
    wanted = hashlib.sha256(text.encode()).hexdigest()
    assert keys.key(**plain) == wanted
    assert keys.key(**{**plain, "b": keys.encoded(plain["b"]), "a": keys.encoded(None)}) == wanted
    assert keys.key() == hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "parsing"},
        {"version": 2},
        {"settings": {"margin": 1.41, "shift": 0.0}},
        {"settings": {"margin": 1.4}},
        {"inputs": ["b", "a"]},
        {"inputs": ["a"]},
        {"versions": {"numpy": "1.26.5"}},
        {"more": None},
    ],
)
def test_a_key_changes_with_each_part(change):
    parts = {
        "stage": "depth",
        "version": 1,
        "settings": {"margin": 1.4, "shift": 0.0},
        "inputs": ["a", "b"],
        "versions": {"numpy": "1.26.4"},
    }
    assert keys.key(**parts) == keys.key(**dict(reversed(parts.items())))
    assert keys.key(**{**parts, **change}) != keys.key(**parts)


def test_versions_are_those_installed():
    assert keys.versions(["numpy", "h5py"]) == {"h5py": h5py.__version__, "numpy": np.__version__}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_changed_video_is_hashed_again_and_an_unchanged_one_is_not(tmp_path):
    video = tmp_path / "a.avi"
    video.write_bytes(b"one")
    os.utime(video, ns=(10**18, 10**18))
    assert keys.VideoHashes(tmp_path)(video) == sha256(b"one")

    # Same size and time: remembered, also by another process.
    video.write_bytes(b"two")
    os.utime(video, ns=(10**18, 10**18))
    assert keys.VideoHashes(tmp_path)(video) == sha256(b"one")

    os.utime(video, ns=(10**18, 10**18 + 1))
    assert keys.VideoHashes(tmp_path)(video) == sha256(b"two")

    video.write_bytes(b"three")
    os.utime(video, ns=(10**18, 10**18 + 1))
    assert keys.VideoHashes(tmp_path)(video) == sha256(b"three")


def test_the_memory_lies_in_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "a.avi").write_bytes(b"one")
    keys.VideoHashes()(tmp_path / "a.avi")
    assert [path.name for path in (tmp_path / "cache" / "ocim").iterdir()] == ["videos.sqlite"]


def test_a_memory_that_cannot_be_kept_is_done_without(tmp_path):
    video = tmp_path / "a.avi"
    video.write_bytes(b"one")
    (tmp_path / "file").write_text("")
    assert keys.VideoHashes(tmp_path / "file" / "folder")(video) == sha256(b"one")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "videos.sqlite").write_bytes(b"no database" * 100)
    assert keys.VideoHashes(tmp_path / "broken")(video) == sha256(b"one")


def test_a_memory_that_can_only_be_read_is_done_without(tmp_path):
    keys.VideoHashes(tmp_path)
    with sqlite3.connect(tmp_path / "videos.sqlite") as table:
        table.execute(
            "CREATE TRIGGER full BEFORE INSERT ON videos BEGIN SELECT RAISE(FAIL, 'no'); END"
        )
    (tmp_path / "a.avi").write_bytes(b"one")
    assert keys.VideoHashes(tmp_path)(tmp_path / "a.avi") == sha256(b"one")
