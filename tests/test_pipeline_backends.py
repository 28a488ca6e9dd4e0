"""Back ends are loaded once a process, and anew when their weights are other ones."""

import os
import sys

import pytest

from labels.backends import Backend
from pipeline.backends import Choice
from pipeline.errors import UserError

MODULE = """
loads = []
def load(**options):
    loads.append(options)
    return object()
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A back end that counts how often it was loaded."""
    name = f"made_backend_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def choice(module: str, *weights: str, **options: str) -> Choice:
    return Choice("made", Backend(module), {}, options, weights, ())


def test_a_back_end_is_loaded_once_for_each_of_its_options(module):
    first = choice(module, device="cpu").loaded()
    assert choice(module, device="cpu").loaded() is first
    assert choice(module, device="cuda").loaded() is not first
    assert sys.modules[module].loads == [{"device": "cpu"}, {"device": "cuda"}]


def test_a_process_that_lives_long_sees_that_a_weight_file_has_changed(module, tmp_path):
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"one")
    made = choice(module, str(weights))
    before, digests = made.loaded(), made.digests()
    assert made.loaded() is before
    assert digests == ["7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"]  # of one
    weights.write_bytes(b"two")
    os.utime(weights, ns=(1, 1))
    assert made.loaded() is not before
    assert made.digests() == ["3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"]
    weights.unlink()
    with pytest.raises(UserError, match="no such file"):
        made.digests()


def test_no_more_than_four_back_ends_are_kept(module):
    first = choice(module, device="0").loaded()
    for number in range(1, 5):
        choice(module, device=str(number)).loaded()
    assert choice(module, device="0").loaded() is not first
