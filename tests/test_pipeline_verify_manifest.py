"""A manifest that is wrong in itself is found, whatever its shards are."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from made_bundle import edit_manifest, fit
from made_verify import FIRST_AND_SECOND, TRAIN

from pipeline.bundle import MANIFEST, NOTICE
from pipeline.verify.check import verify

pytest_plugins = "made_verify"


HASH = f"{MANIFEST}: damaged, or edited by hand: it does not fit the hash that it carries"
TEXT = f"{MANIFEST}: damaged, or edited by hand: its text is not the canonical one"


def edit_entry(**change: Any) -> Callable[[dict[str, Any]], None]:
    """Change what the manifest says of the shard of train."""

    def edit(manifest: dict[str, Any]) -> None:
        entry = next(one for one in manifest["shards"] if one["split"] == "train")
        entry.update(change)

    return edit


COUNTS = f"{MANIFEST}: oulu/train: its shards have 2 samples, 1 live, 1 spoof, and 'counts' says"


@pytest.mark.parametrize(
    "edit, line",
    [
        (lambda manifest: manifest.update(schema=3),
         f"{MANIFEST}: schema 3, and 2 to 2 are read: a newer ocim made it; update ocim to"
         " read it"),
        (lambda manifest: manifest["counts"]["oulu/train"].update(live=2),
         f"{COUNTS} 2 samples, 2 live, 1 spoof"),
        (lambda manifest: manifest["counts"].pop("oulu/train"), f"{COUNTS} none"),
        (lambda manifest: manifest.update(spoof_depth="raw"),
         f"{MANIFEST}: oulu: 'spoof_depth' is raw, by its settings zero"),
        (lambda manifest: manifest.pop("remarks"), f"{MANIFEST}: 'remarks' is missing or no list"),
        (edit_entry(key="0" * 64),
         f"{TRAIN}: another shard than bundle.json lists: its key is not in bundle.json: it"
         " is of another bundle, or was packed at another time"),
        (edit_entry(sha256="0" * 64), f"{TRAIN}: damaged: its sha256 is not that of bundle.json"),
        (edit_entry(bytes=7), f"{TRAIN}: damaged: SIZE bytes, by bundle.json 7"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_wrong_in_one_place_is_the_only_line(two_splits, edit, line):
    edit_manifest(two_splits, edit)
    size = (two_splits / TRAIN).stat().st_size
    assert verify(two_splits).lines == [line.replace("SIZE", str(size))]


def test_counts_of_an_entry_that_are_not_those_of_its_shard_are_found(two_splits):
    edit_manifest(two_splits, edit_entry(live=2, spoof=0))
    fit(two_splits)  # the table `counts` follows the entry
    line = "it holds 2 samples, 1 live, 1 spoof; by bundle.json 2, 2, 0"
    assert verify(two_splits).lines == [f"{TRAIN}: {line}"]


def test_a_split_without_one_of_its_shards_is_found(two_pieces):
    assert verify(two_pieces).lines == []
    (two_pieces / FIRST_AND_SECOND[0]).unlink()
    fit(two_pieces)
    assert verify(two_pieces).lines == [f"{MANIFEST}: oulu train: 1 shards are listed of 2"]


PLAIN = "a plain name of a file in the bundle"
NAMED = "named as a shard of oulu, train is"


@pytest.mark.parametrize(
    "file, why",
    [
        ("../x.h5", f"the file ../x.h5 is not {PLAIN}"),
        ("/x.h5", f"the file /x.h5 is not {PLAIN}"),
        ("", f"the file '' is not {PLAIN}"),
        ("a\0.h5", f"the file 'a\\x00.h5' is not {PLAIN}"),
        (NOTICE, f"the file NOTICE.txt is not {NAMED}"),
        ("oulu-dev-00000-of-00001.h5", f"the file oulu-dev-00000-of-00001.h5 is not {NAMED}"),
        (7, "'file' is missing or no text"),
    ],
)
def test_a_shard_that_is_listed_under_an_impossible_name_is_found(two_splits, file, why):
    edit_manifest(two_splits, edit_entry(file=file))
    assert verify(two_splits).lines == [
        f"{MANIFEST}: shard 0: {why}",
        f"{TRAIN}: bundle.json does not list it; remove it, or run ocim pack again",
    ]


@pytest.mark.parametrize(
    "change, line",
    [
        (lambda text: text.replace('"spoof": 1', '"spoof": 7', 1), HASH),
        (lambda text: text.replace('"remarks": []', '"remarks": NaN'), HASH),
        (lambda text: text.replace('"remarks": []', '"remarks": ["\\ud800"]'), HASH),
        (lambda text: text.replace("\n ", "\n  ", 1), TEXT),
        (lambda text: text[:-1], TEXT),
    ],
)
def test_a_manifest_that_was_touched_is_told_first(two_splits, change, line):
    path = two_splits / MANIFEST
    text = path.read_text()
    path.write_text(change(text))
    assert path.read_text() != text
    assert verify(two_splits).lines[0] == line


def test_a_manifest_of_absurd_size_is_not_read(two_splits):
    os.truncate(two_splits / MANIFEST, 10_000_000_000)
    line = f"{MANIFEST}: damaged: 10000000000 bytes, and no manifest has that many"
    assert verify(two_splits).lines == [line]
