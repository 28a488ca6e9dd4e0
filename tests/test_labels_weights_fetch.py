"""Weights are fetched only when they are the ones meant, and kept in a form that runs nothing."""

import functools
import hashlib
import http.server
import json
import threading
from collections import OrderedDict

import numpy as np
import pytest
import torch
from made_weights import CONTENT, SHA256, Harmful, refusal, register, write
from safetensors.torch import load_file, save_file

from labels import weights_fetch
from labels.weights import digest, find, record_path
from labels.weights_fetch import fetch

pytestmark = pytest.mark.usefixtures("own_store")


@pytest.fixture
def server(tmp_path):
    """A folder, and the address under which a server of this machine gives its files."""
    (tmp_path / "served").mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

        def do_GET(self):
            if self.path == "/cut.bin":  # a connection that ends half way
                self.send_response(200)
                self.send_header("Content-Length", str(len(CONTENT)))
                self.end_headers()
                self.wfile.write(CONTENT[:5000])
                self.close_connection = True
                return
            super().do_GET()

    bound = functools.partial(Handler, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), bound) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield tmp_path / "served", f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


def everything_in(store):
    """Files and folders, those of a download that is not yet believed among them."""
    return sorted(path.relative_to(store).as_posix() for path in store.rglob("*"))


KEPT = [SHA256, f"{SHA256}/made.bin"]


def test_a_download_is_checked_and_kept_by_its_hash(monkeypatch, server, own_store):
    files, url = server
    write(files / "made.bin")
    register(monkeypatch, url=url + "made.bin", sha256=SHA256)
    assert fetch("made") == own_store / SHA256 / "made.bin"
    assert find("made").read_bytes() == CONTENT
    assert everything_in(own_store) == KEPT


def test_what_is_here_is_not_downloaded_again(monkeypatch, server):
    files, url = server
    served = write(files / "made.bin")
    register(monkeypatch, url=url + "made.bin", sha256=SHA256)
    fetch("made")
    served.unlink()
    assert fetch("made").read_bytes() == CONTENT


@pytest.mark.parametrize("offline", [False, True])
def test_a_wrong_hash_is_refused_with_both_hashes_and_the_old_file_stays(
    monkeypatch, server, own_store, offline, tmp_path
):
    files, url = server
    register(monkeypatch, url=url + "made.bin", sha256=SHA256)
    place = fetch("made", write(tmp_path / "right.bin"))
    wrong = write(files / "made.bin", CONTENT + b"!")
    if not offline:
        place.write_bytes(b"damaged since")  # so that it is downloaded at all
    before = place.read_bytes()
    said = refusal(fetch, "made", wrong if offline else None)
    assert hashlib.sha256(CONTENT + b"!").hexdigest() in said
    assert SHA256 in said
    assert place.read_bytes() == before
    assert everything_in(own_store) == KEPT


@pytest.mark.parametrize(("path", "why"), [("none.bin", "404"), ("cut.bin", "")])
def test_a_download_that_fails_leaves_nothing(monkeypatch, server, own_store, path, why):
    register(monkeypatch, url=server[1] + path, sha256=SHA256)
    said = refusal(fetch, "made")
    assert why in said
    assert "ocim weights fetch made --from FILE" in said
    assert everything_in(own_store) == []
    assert "ocim weights fetch made" in refusal(find, "made")


def test_an_interrupted_fetch_leaves_nothing_believed(own_store, tmp_path, monkeypatch):
    register(monkeypatch, sha256=SHA256)

    def stopped(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(weights_fetch, "sha256_file", stopped)
    with pytest.raises(KeyboardInterrupt):
        fetch("made", write(tmp_path / "copy"))
    assert everything_in(own_store) == []


def test_a_hash_of_which_only_the_start_is_published_is_recorded_whole_and_held(
    monkeypatch, tmp_path
):
    register(monkeypatch, prefix=SHA256[:10])
    said = refusal(fetch, "made", write(tmp_path / "wrong", b"something else"))
    assert SHA256[:10] in said
    assert hashlib.sha256(b"something else").hexdigest() in said
    fetch("made", write(tmp_path / "right"))
    text = record_path("made").read_text()
    assert json.loads(text) == {"fetched": SHA256, "kept": SHA256}
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=1) + "\n"
    assert digest("made") == SHA256
    # Another file whose hash begins the same: made so by an entry that asks for less.
    register(monkeypatch, prefix="")
    said = refusal(fetch, "made", tmp_path / "wrong")
    assert SHA256 in said
    assert str(record_path("made")) in said
    assert find("made").read_bytes() == CONTENT


def test_a_missing_copy_and_an_unknown_name_are_told(tmp_path):
    assert str(tmp_path / "none") in refusal(fetch, "bisenet", tmp_path / "none")
    assert "bisenet" in refusal(fetch, "bisonet")


def test_prnet_cannot_be_downloaded_and_says_what_to_do():
    said = refusal(fetch, "prnet")
    assert "tools/convert_prnet.py" in said
    assert "ocim weights fetch prnet --from prnet.safetensors" in said


def test_a_prnet_file_that_is_another_networks_is_refused(tmp_path, own_store):
    path = tmp_path / "prnet.safetensors"
    save_file({"conv.weight": torch.zeros(3)}, path)
    said = refusal(fetch, "prnet", path)
    assert str(path) in said
    assert "resfcn256/Conv/weights is missing" in said
    assert str(own_store) not in said
    write(path)
    assert "safetensors" in refusal(fetch, "prnet", path)
    assert not record_path("prnet").exists()


TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.count": torch.tensor(7)}


def layouts():
    """Checkpoints as the public ones are laid out: bare, and as a training run saved them."""
    trained = OrderedDict((f"module.{name}", one) for name, one in TENSORS.items())
    run = {"epoch": 40, "arch": "x", "state_dict": trained, "optimizer": {"state": {}, "lr": 0.1}}
    return {
        "bare": OrderedDict(TENSORS),
        "run": run,
        "run with a score of numpy": run | {"best_acc": np.float64(0.5), "n": np.int64(3)},
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("layout", layouts())
def test_a_torch_checkpoint_is_kept_as_safetensors(monkeypatch, tmp_path, layout, zipped):
    path = tmp_path / "made.pth.tar"
    torch.save(layouts()[layout], path, _use_new_zipfile_serialization=zipped)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    register(monkeypatch, file="made.safetensors", prefix=found[:10], form="torch")
    place = fetch("made", path)
    assert place.name == "made.safetensors"
    kept = load_file(place)
    assert kept.keys() == TENSORS.keys()
    assert all(torch.equal(kept[name], one) for name, one in TENSORS.items())
    assert json.loads(record_path("made").read_text())["fetched"] == found
    assert digest("made") == hashlib.sha256(place.read_bytes()).hexdigest()
    assert find("made") == fetch("made", path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_that_would_run_code_is_refused_and_nothing_is_run(
    monkeypatch, tmp_path, zipped, own_store
):
    path = tmp_path / "made.pth"
    checkpoint = {"state_dict": TENSORS, "best": Harmful()}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    register(monkeypatch, sha256=found, form="torch")
    said = refusal(fetch, "made", path)
    assert "mkdir" in said
    assert str(path) in said
    assert not (tmp_path / "store-was-run").exists()
    assert everything_in(own_store) == []
