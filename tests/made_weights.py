"""Made weights: a file of them, their entry in the registry, and the line that refuses them."""

import hashlib
import os

import pytest

from labels.weights import REGISTRY, Weights
from pipeline.errors import UserError

CONTENT = b"the weights of a network" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def register(monkeypatch, name="made", **fields):
    """Put weights into the registry; where no address is given, nobody serves them."""
    entry = {"file": f"{name}.bin", "purpose": "a test", "licence": "CC0"}
    entry |= {"url": f"http://127.0.0.1:1/{name}.bin"} | fields
    monkeypatch.setitem(REGISTRY, name, Weights(**entry))


def write(path, content=CONTENT):
    path.write_bytes(content)
    return path


def refusal(function, *words):
    """The one line with which a call ends."""
    with pytest.raises(UserError) as caught:
        function(*words)
    message = str(caught.value)
    assert "\n" not in message
    return message


class Harmful:
    """Makes a folder beside the store when a pickle of it is read as such."""

    def __reduce__(self):
        return os.mkdir, (os.environ["OCIM_WEIGHTS"] + "-was-run",)
