"""A shard is looked into by a process that may crash; its provenance must be its dataset's."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_bundle import change_shard, edit_manifest, make_bundle, only
from made_verify import SPOOF, TRAIN, of_sample, put, set_attribute

from pipeline.bundle import canonical_json
from pipeline.verify.check import ask, verify
from pipeline.verify.shard import look, time_limit

pytest_plugins = "made_verify"
pytestmark = pytest.mark.slow  # each writes bundles, and many start a process


def test_a_made_bundle_is_right(one_shard):
    assert verify(one_shard).lines == []
    assert verify(one_shard)[1:] == (1, 4, sum(path.stat().st_size for path in one_shard.iterdir()))


def test_of_one_kind_the_first_five_are_told_and_the_others_counted(tmp_path):
    bundle = only(make_bundle(tmp_path / "many", ["oulu"], 4, 2), TRAIN)
    change_shard(bundle / TRAIN, put("yaw", slice(None), 200))
    lines = verify(bundle).lines
    assert len(lines) == 6
    assert [line.partition(" (")[0] for line in lines[:5]] == [
        f"{TRAIN}: sample {row}" for row in range(5)
    ]
    assert lines[5] == f"{TRAIN}: 11 more samples: yaw is not -180 to 180"


def with_settings(bundle: Path, shard: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Give the shard and the manifest these provenances."""
    change_shard(bundle / TRAIN, set_attribute("/", "provenance", canonical_json(shard)))
    edit_manifest(bundle, lambda told: told.update(provenance={"oulu": manifest}))


ZERO = {"settings": {"depth": {"spoof_depth": "zero"}}, "versions": {"h5py": "3"}}


def backends(*names: str) -> dict[str, Any]:
    return {**ZERO, "backends": {"depth": [{"backend": name} for name in names]}}


@pytest.mark.parametrize(
    "shard, manifest, text",
    [
        (ZERO, ZERO, ""),
        (backends("fan3d"), backends("facemesh", "fan3d"), ""),
        (backends("prnet"), backends("facemesh", "fan3d"), "backends of depth"),
        ({**ZERO, "versions": {"h5py": "4"}}, ZERO, "versions"),
        ({**ZERO, "settings": {}}, ZERO, "settings"),
        (ZERO, {**ZERO, "more": 1}, "more"),
    ],
)
def test_a_provenance_that_is_not_its_datasets_is_the_only_line(one_shard, shard, manifest, text):
    with_settings(one_shard, shard, manifest)
    line = f"{TRAIN}: its provenance is not that of oulu in bundle.json: {text}"
    assert verify(one_shard).lines == ([line] if text else [])


def test_raw_depth_of_spoofs_is_right_only_where_manifest_and_settings_say_so(one_shard):
    change_shard(one_shard / TRAIN, put("depth", (SPOOF, 3, 4), 0.5))
    raw = {"settings": {"depth": {"spoof_depth": "raw"}}}
    with_settings(one_shard, raw, raw)
    edit_manifest(one_shard, lambda manifest: manifest.update(spoof_depth="raw"))
    assert verify(one_shard).lines == []
    edit_manifest(one_shard, lambda manifest: manifest.update(spoof_depth="zero"))
    assert verify(one_shard).lines == [
        "bundle.json: oulu: 'spoof_depth' is zero, by its settings raw",
        of_sample(SPOOF, "depth on a spoof"),
    ]


def test_a_file_that_is_no_hdf5_is_one_line(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"nothing" * 1000)
    found = list(look(tmp_path / "a.h5"))
    assert [one.kind for one in found] == ["HDF5 cannot read it"]


def test_the_time_is_a_minute_and_a_second_for_20_megabytes():
    assert time_limit(0) == 60
    assert time_limit(1_100_000_000) == 60 + 55


UNCLEAR = "damaged: the process that looks into it gave no clear answer"


@pytest.mark.parametrize(
    "code, line",
    [
        ("import os; os.kill(os.getpid(), 11)", "damaged: HDF5 crashed on it (SIGSEGV)"),
        ("raise SystemExit(3)", "damaged: the process that looks into it ended with code 3"),
        ("while True: pass", "damaged: HDF5 did not come to an end in 1 s"),
        ("", UNCLEAR),
        ("print('{')", UNCLEAR),
        ("print(3)", UNCLEAR),
        ("print('{\"result\": {}}')", UNCLEAR),
    ],
)
def test_a_process_that_ends_badly_is_one_line(code, line):
    findings, result = ask([sys.executable, "-c", code], 1)
    assert ([one.line("f") for one in findings], result) == ([f"f: {line}"], None)


def test_what_a_process_found_before_it_crashed_is_told():
    code = (
        "import os; print('{\"finding\": {\"kind\": \"a\"}}', flush=True);"
        " os.kill(os.getpid(), 6)"
    )  # fmt: skip
    findings, _ = ask([sys.executable, "-c", code], 20)
    told = [one.line("f") for one in findings]
    assert told == ["f: a", "f: damaged: HDF5 crashed on it (SIGABRT)"]


def test_a_process_has_limits_of_memory_and_time():
    code = (
        "import resource, signal\n"
        "from pipeline.verify.shard import limit_this_process\n"
        "limit_this_process(0)\n"
        "assert 0 < signal.alarm(0) <= 70\n"
        "try:\n"
        "    bytearray(5 << 30)\n"
        "except MemoryError:\n"
        "    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("refused\n", "")
