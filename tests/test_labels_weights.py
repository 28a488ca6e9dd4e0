"""Weights: found only when they are right, fetched only when they are the ones meant."""

import functools
import hashlib
import http.server
import json
import os
import pickle
import threading
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from labels import weights, weights_fetch
from labels.tensors import load_strict, read_tensors
from labels.weights import REGISTRY, Weights, digest, find, folder, record_path
from labels.weights_fetch import fetch
from pipeline.errors import UserError

CONTENT = b"the weights of a network" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """An empty store of the test's own."""
    monkeypatch.setenv("OCIM_WEIGHTS", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def register(monkeypatch):
    """Adds a made entry to the registry."""

    def add(name, *parts, **named):
        monkeypatch.setitem(REGISTRY, name, Weights(*parts, **named))

    return add


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


def refusal(function, *words):
    with pytest.raises(UserError) as caught:
        function(*words)
    message = str(caught.value)
    assert "\n" not in message
    return message


def left_over(store):
    """Everything in the store but what is believed."""
    return sorted(path.name for path in store.rglob("*") if path.name.startswith("."))


def write(path, content=CONTENT):
    path.write_bytes(content)
    return path


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


def test_a_download_is_checked_and_kept_by_its_hash(register, server, store):
    files, url = server
    write(files / "made.bin")
    register("made", "made.bin", "a test", "none", url + "made.bin", sha256=SHA256)
    assert fetch("made") == store / SHA256 / "made.bin"
    assert find("made").read_bytes() == CONTENT
    assert left_over(store) == []


def test_what_is_here_is_not_downloaded_again(register, server):
    files, url = server
    write(files / "made.bin")
    register("made", "made.bin", "a test", "none", url + "made.bin", sha256=SHA256)
    fetch("made")
    (files / "made.bin").unlink()
    assert fetch("made").read_bytes() == CONTENT


@pytest.mark.parametrize("offline", [False, True])
def test_a_wrong_hash_is_refused_with_both_hashes_and_the_old_file_stays(
    register, server, store, offline, tmp_path
):
    files, url = server
    register("made", "made.bin", "a test", "none", url + "made.bin", sha256=SHA256)
    place = fetch("made", write(tmp_path / "right.bin"))
    wrong = write(files / "made.bin", CONTENT + b"!")
    if not offline:
        place.write_bytes(b"damaged since")  # so that it is downloaded at all
    before = place.read_bytes()
    said = refusal(fetch, "made", wrong) if offline else refusal(fetch, "made")
    assert hashlib.sha256(CONTENT + b"!").hexdigest() in said
    assert SHA256 in said
    assert place.read_bytes() == before
    assert left_over(store) == []
    assert [path.name for path in store.iterdir()] == [SHA256]


def test_a_damaged_file_is_noticed_and_mended_by_fetch(register, store, tmp_path):
    register("made", "made.bin", "a test", "none", "http://x/made.bin", sha256=SHA256)
    copy = write(tmp_path / "copy")
    place = fetch("made", copy)
    place.write_bytes(CONTENT[:-1] + b"x")
    said = refusal(find, "made")
    assert hashlib.sha256(CONTENT[:-1] + b"x").hexdigest() in said
    assert SHA256 in said
    assert "ocim weights fetch made" in said
    fetch("made", copy)
    assert find("made") == place


@pytest.mark.parametrize(("path", "why"), [("none.bin", "404"), ("cut.bin", "")])
def test_a_download_that_fails_leaves_nothing(register, server, store, path, why):
    register("made", "made.bin", "a test", "none", server[1] + path, sha256=SHA256)
    said = refusal(fetch, "made")
    assert why in said
    assert "ocim weights fetch made --from FILE" in said
    assert not any(one.is_file() for one in store.rglob("*"))
    assert "ocim weights fetch made" in refusal(find, "made")


def test_an_interrupted_fetch_leaves_nothing_believed(register, store, tmp_path, monkeypatch):
    register("made", "made.bin", "a test", "none", sha256=SHA256, url="http://x/made.bin")

    def stopped(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(weights_fetch, "sha256_file", stopped)
    with pytest.raises(KeyboardInterrupt):
        fetch("made", write(tmp_path / "copy"))
    assert not any(one.is_file() for one in store.rglob("*"))


def test_a_hash_of_which_only_the_start_is_published_is_recorded_whole_and_held(
    register, store, tmp_path
):
    register("made", "m.bin", "a test", "none", "http://x/m", prefix=SHA256[:10])
    said = refusal(fetch, "made", write(tmp_path / "wrong", b"something else"))
    assert SHA256[:10] in said
    assert hashlib.sha256(b"something else").hexdigest() in said
    fetch("made", write(tmp_path / "right"))
    text = record_path("made").read_text()
    assert json.loads(text) == {"fetched": SHA256, "kept": SHA256}
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=1) + "\n"
    assert digest("made") == SHA256
    # Another file whose hash begins the same: made so by an entry that asks for less.
    register("made", "m.bin", "a test", "none", "http://x/m", prefix="")
    said = refusal(fetch, "made", tmp_path / "wrong")
    assert SHA256 in said
    assert str(record_path("made")) in said
    assert find("made").read_bytes() == CONTENT


def test_a_damaged_record_is_said_and_not_believed(register, tmp_path):
    register("made", "m.bin", "a test", "none", "http://x/m", prefix=SHA256[:10])
    fetch("made", write(tmp_path / "right"))
    record_path("made").write_text('{"kept": "../../elsewhere"}')
    assert str(record_path("made")) in refusal(find, "made")


def test_a_missing_copy_and_an_unknown_name_are_told(tmp_path):
    assert str(tmp_path / "none") in refusal(fetch, "bisenet", tmp_path / "none")
    assert "bisenet" in refusal(fetch, "bisonet")
    assert "no such file" in refusal(find, "bisonet")


def test_a_path_of_the_users_own_is_taken_as_it_is(tmp_path):
    own = write(tmp_path / "own.pth")
    assert find(str(own)) == own
    assert digest(str(own)) == SHA256


def test_the_store_is_in_the_cache_unless_told(monkeypatch, tmp_path):
    monkeypatch.delenv("OCIM_WEIGHTS")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder() == tmp_path / ".cache" / "ocim" / "weights"


def test_prnet_cannot_be_downloaded_and_says_what_to_do():
    said = refusal(fetch, "prnet")
    assert "tools/convert_prnet.py" in said
    assert "ocim weights fetch prnet --from prnet.safetensors" in said


def test_a_prnet_file_that_is_another_networks_is_refused(tmp_path, store):
    path = tmp_path / "prnet.safetensors"
    save_file({"conv.weight": torch.zeros(3)}, path)
    said = refusal(fetch, "prnet", path)
    assert str(path) in said
    assert "resfcn256/Conv/weights is missing" in said
    assert str(store) not in said
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
def test_a_torch_checkpoint_is_kept_as_safetensors(register, tmp_path, layout, zipped):
    path = tmp_path / "made.pth.tar"
    torch.save(layouts()[layout], path, _use_new_zipfile_serialization=zipped)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    register("made", "made.safetensors", "a test", "none", "http://x", prefix=found[:10],
             form="torch")  # fmt: skip
    place = fetch("made", path)
    assert place.name == "made.safetensors"
    kept = load_file(place)
    assert kept.keys() == TENSORS.keys()
    assert all(torch.equal(kept[name], one) for name, one in TENSORS.items())
    assert json.loads(record_path("made").read_text())["fetched"] == found
    assert digest("made") == hashlib.sha256(place.read_bytes()).hexdigest()
    assert find("made") == fetch("made", path)


class Harmful:
    def __reduce__(self):
        return os.mkdir, (os.environ["OCIM_WEIGHTS"] + "-was-run",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_that_would_run_code_is_refused_and_nothing_is_run(
    register, tmp_path, zipped, store
):
    path = tmp_path / "made.pth"
    torch.save({"state_dict": TENSORS, "best": Harmful()}, path,
               _use_new_zipfile_serialization=zipped)  # fmt: skip
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    register("made", "m.safetensors", "a test", "none", "http://x", sha256=found, form="torch")
    said = refusal(fetch, "made", path)
    assert "mkdir" in said
    assert str(path) in said
    assert not (tmp_path / "store-was-run").exists()
    assert not any(one.is_file() for one in store.rglob("*"))


def test_a_plain_pickle_and_rubbish_are_refused(tmp_path):
    (tmp_path / "a.pth").write_bytes(pickle.dumps(Harmful(), protocol=2))
    refusal(read_tensors, tmp_path / "a.pth")
    assert not (tmp_path / "store-was-run").exists()
    for name in ("b.pth", "b.safetensors", "b.npz", "none.pth", "none.safetensors"):
        if not name.startswith("none"):
            write(tmp_path / name)
        assert str(tmp_path / name) in refusal(read_tensors, tmp_path / name)
    torch.save([1, 2], tmp_path / "c.pth")
    assert "no table of named tensors" in refusal(read_tensors, tmp_path / "c.pth")


def small():
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def changed(**changes):
    tensors = dict(small().state_dict())
    for name, one in changes.items():
        name = name.replace("_", ".", 1)
        if one is None:
            del tensors[name]
        else:
            tensors[name] = one
    return tensors


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"0_weight": None}, ["0.weight", "missing"]),
        ({"0_weight": torch.zeros(2, 4)}, ["0.weight", "(2, 4)", "(2, 3)"]),
        ({"2_extra": torch.zeros(1)}, ["2.extra", "no tensor"]),
    ],
)
def test_loading_is_strict_and_names_the_tensor_that_does_not_fit(tmp_path, changes, words):
    said = refusal(load_strict, small(), changed(**changes), tmp_path / "w.pth")
    assert all(word in said for word in [str(tmp_path / "w.pth"), *words])


def test_loading_gives_the_network_every_value(tmp_path):
    wanted = changed(**{"1_num_batches_tracked": None, "0_bias": torch.tensor([3.0, 4.0])})
    network = small()
    load_strict(network, wanted, tmp_path / "w.pth")
    assert all(torch.equal(network.state_dict()[name], one) for name, one in wanted.items())


def test_nothing_heavy_is_imported_to_look_at_the_registry():
    import subprocess
    import sys

    code = "import sys, labels.weights; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert {"torch", "pooch", "requests", "safetensors"}.isdisjoint(loaded.split())
    assert weights.__name__ in loaded
