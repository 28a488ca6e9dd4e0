"""Weights are found only when they are right, and looking at the registry costs nothing."""

import hashlib
import subprocess
import sys

import pytest
from made_weights import CONTENT, SHA256, refusal, register, write

from labels.weights import REGISTRY, digest, find, folder, record_path
from labels.weights_fetch import fetch

pytestmark = pytest.mark.usefixtures("own_store")


def test_the_registered_hashes_are_whole_or_ten_digits():
    for one in REGISTRY.values():
        assert len(one.sha256) in (0, 64)
        assert one.form == "prnet" or len(one.sha256) == 64 or len(one.prefix) == 10
        assert bool(one.url) == (one.form != "prnet")
        assert one.prefix in one.url


def test_the_real_face_landmarker_is_taken_and_found(shared):
    place = fetch("face-landmarker", shared / "data" / "face_landmarker.task")
    assert find("face-landmarker") == place
    assert place.stat().st_size == REGISTRY["face-landmarker"].size
    assert digest("face-landmarker") == REGISTRY["face-landmarker"].sha256


def test_a_damaged_file_is_noticed_and_mended_by_fetch(monkeypatch, tmp_path):
    register(monkeypatch, sha256=SHA256)
    copy = write(tmp_path / "copy")
    place = fetch("made", copy)
    damaged = CONTENT[:-1] + b"x"
    place.write_bytes(damaged)
    said = refusal(find, "made")
    assert hashlib.sha256(damaged).hexdigest() in said
    assert SHA256 in said
    assert "ocim weights fetch made" in said
    fetch("made", copy)
    assert find("made") == place


def test_a_damaged_record_is_said_and_not_believed(monkeypatch, tmp_path):
    register(monkeypatch, prefix=SHA256[:10])
    fetch("made", write(tmp_path / "right"))
    record_path("made").write_text('{"kept": "../../elsewhere"}')
    assert str(record_path("made")) in refusal(find, "made")


def test_an_unknown_name_is_told():
    assert "no such file" in refusal(find, "bisonet")


def test_a_path_of_the_users_own_is_taken_as_it_is(tmp_path):
    own = write(tmp_path / "own.pth")
    assert find(str(own)) == own
    assert digest(str(own)) == SHA256


def test_the_store_is_in_the_cache_unless_told(monkeypatch, tmp_path):
    monkeypatch.delenv("OCIM_WEIGHTS")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder() == tmp_path / ".cache" / "ocim" / "weights"


def test_nothing_heavy_is_imported_to_look_at_the_registry():
    code = "import sys, labels.weights; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert {"torch", "pooch", "requests", "safetensors"}.isdisjoint(loaded.split())
    assert "labels.weights" in loaded
