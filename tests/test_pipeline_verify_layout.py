"""A layout that is not of the format: a bundle that has it in one place alone gives one line."""

from typing import Any

import h5py
import pytest
from made_bundle import change_shard
from made_verify import SPOOF, TRAIN, Change, put, set_attribute

from pipeline.verify.check import verify

pytest_plugins = "made_verify"
pytestmark = pytest.mark.slow  # each writes bundles, and many start a process


@pytest.mark.parametrize(
    "place, name, value, text",
    [
        ("yaw", "unit", "radian", "'yaw': its attribute unit is radian, not degree"),
        ("yaw", "meaning", None, "'yaw': its attribute meaning is missing"),
        ("depth", "high", 2.0, "'depth': its attribute high is 2.0, not 1.0"),
        ("depth", "low", None, "'depth': its attribute low is missing"),
        ("image", "dtype", "int8", "'image': its attribute dtype is int8, not uint8"),
        ("live", "values", ["live", "spoof"],
         "'live': its attribute values is ['live', 'spoof'], not ['spoof', 'live']"),
        ("videos/sha256", "meaning", "of nothing",
         "'videos/sha256': its attribute meaning is of nothing, not of the file; empty where it"
         " was missing or left out"),
        ("/", "notice", None, "the attribute 'notice' is missing"),
        ("/", "provenance", "{}\n\n",
         "the attribute 'provenance' is not the canonical text of an object"),
        ("/", "schema", 3,
         "schema 3, and 2 to 2 are read: a newer ocim made it; update ocim to read it"),
        ("/", "schema", None,
         "schema None, and 2 to 2 are read: this is no bundle, or a damaged one; ocim bundle"
         " verify says more"),
    ],
)  # fmt: skip
def test_an_attribute_that_is_not_of_the_format_is_the_only_line(
    one_shard, place, name, value, text
):
    change_shard(one_shard / TRAIN, set_attribute(place, name, value))
    assert verify(one_shard).lines == [f"{TRAIN}: {text}"]


def replaced(name: str, **options: Any) -> Change:
    """Store a field in another way, with the attributes that it had."""

    def change(file: h5py.File) -> None:
        array, attributes = file[name][:], dict(file[name].attrs)
        del file[name]
        array = options.pop("of", lambda array: array)(array)
        file.create_dataset(name, data=array, **options).attrs.update(attributes)

    return change


def linked(kind: str) -> Change:
    def change(file: h5py.File) -> None:
        del file["yaw"]
        file["yaw"] = {
            "soft": h5py.SoftLink("/pitch"),
            "away": h5py.ExternalLink("/tmp/elsewhere.h5", "/yaw"),
        }[kind]

    return change


def stored_outside(file: h5py.File) -> None:
    """A field whose bytes lie in another file."""
    attributes = dict(file["yaw"].attrs)
    del file["yaw"]
    outside = [("/etc/hostname", 0, 16)]
    made = file.create_dataset("yaw", (4,), "<f4", external=outside)
    made.attrs.update(attributes)


def without(name: str) -> Change:
    def change(file: h5py.File) -> None:
        del file[name]

    return change


NOT_MAPPED = "is not contiguous in this file; it cannot be mapped into memory"
NO_HASH = "sha256 is no sha256: xyz of train/0_0.avi"
NO_TURN = "upside_down is not 0 or 1: 7 of train/1_0.avi"


@pytest.mark.parametrize(
    "change, text",
    [
        *((without(name), f"the field '{name}' is missing") for name in ("yaw", "image", "video")),
        (linked("soft"), "the field 'yaw' is missing"),
        (linked("away"), "the field 'yaw' is missing"),
        (without("failures"), "the table 'failures' is missing"),
        (without("videos/sha256"), "the table 'videos': 'sha256' is missing"),
        (put("videos/sha256", 0, b"xyz"), f"the table 'videos': {NO_HASH}"),
        (put("videos/upside_down", 1, 7), f"the table 'videos': {NO_TURN}"),
        (put("videos/video", slice(None), [b"train/1_0.avi", b"train/0_0.avi"]),
         "the table 'videos' is not sorted by path, or names a video twice"),
        (replaced("yaw", dtype="<f8"), "'yaw' is float64, it must be float32"),
        (replaced("yaw", dtype=">f4"), "'yaw' is >f4, it must be float32"),
        (replaced("video", of=lambda array: array.astype("S13")),
         "'video' is |S13, it must be fixed-length UTF-8"),
        (replaced("depth", of=lambda array: array[:, :16]),
         "'depth' has the shape (4, 16, 32), it must be (4, 32, 32)"),
        (replaced("pitch", of=lambda array: array[:3]),
         "'pitch' has the shape (3,), it must be (4,)"),
        (replaced("image", chunks=(1, 256, 256, 3)), f"'image' {NOT_MAPPED}"),
        (replaced("parsing", compression="gzip"), f"'parsing' {NOT_MAPPED}"),
        (stored_outside, f"'yaw' {NOT_MAPPED}"),
    ],
)  # fmt: skip
def test_a_layout_that_is_not_of_the_format_is_the_only_line(one_shard, change, text):
    change_shard(one_shard / TRAIN, change)
    assert verify(one_shard).lines == [f"{TRAIN}: {text}"]


@pytest.mark.parametrize(
    "change",
    [
        put("videos/sha256", 0, b""),
        lambda file: file.create_group("eyes"),
        lambda file: file["videos"].create_dataset("x", data=[1]),
        set_attribute("video", "low", 0.0),
        set_attribute("/", "author", "me"),
    ],
)
def test_a_hash_that_is_not_known_and_what_a_later_version_has_more_are_right(one_shard, change):
    change_shard(one_shard / TRAIN, change)
    assert verify(one_shard).lines == []


def test_an_attack_that_the_shard_does_not_say_occurs_is_the_only_line(one_shard):
    change_shard(one_shard / TRAIN, put("attack", SPOOF, b"phone"), values=False)
    text = "'attack': its attribute values is ['', 'print'], not ['', 'phone', 'print']"
    assert verify(one_shard).lines == [f"{TRAIN}: {text}"]


def test_any_attack_of_own_data_is_right(one_shard):
    change_shard(one_shard / TRAIN, put("attack", SPOOF, b"phone"))
    assert verify(one_shard).lines == []
