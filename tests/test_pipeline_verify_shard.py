"""Each rule of a shard: a bundle that breaks it alone, every hash made to fit, gives one line."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made_bundle import change_shard, edit_manifest, make_bundle, only

from pipeline.bundle import FAILURES, FIELDS, canonical_json
from pipeline.packing.shard import write_table
from pipeline.verify.check import ask, verify
from pipeline.verify.findings import Finding
from pipeline.verify.shard import look, time_limit

pytestmark = pytest.mark.slow  # each writes bundles, and many start a process

FILE = "oulu-train-00000-of-00001.h5"
# The four samples of the made shard in the bundle's order, as the tests below name them.
SAMPLES = ["train/1_0.avi, frame 5", "train/0_0.avi, frame 0",
           "train/1_0.avi, frame 0", "train/0_0.avi, frame 5"]  # fmt: skip
LIVE, SPOOF = 2, 3
Change = Callable[[h5py.File], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of one shard: two live samples and two spoofs."""
    folder = only(make_bundle(tmp_path_factory.mktemp("made"), ["oulu"], 1, 2), FILE)
    with h5py.File(folder / FILE) as file:
        told = zip(file["video"].asstr()[:], file["frame"][:], strict=True)
        assert [f"{video}, frame {frame}" for video, frame in told] == SAMPLES
        assert file["live"][:].tolist() == [1, 0, 1, 0]
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def of_sample(row: int, text: str) -> str:
    return f"{FILE}: sample {row} (video {SAMPLES[row]}): {text}"


def put(name: str, place: Any, value: Any) -> Change:
    """Write a value into a field."""

    def change(file: h5py.File) -> None:
        file[name][place] = value

    return change


def test_a_made_bundle_is_right(bundle):
    assert verify(bundle).lines == []
    assert verify(bundle)[1:] == (1, 4, sum(path.stat().st_size for path in bundle.iterdir()))


@pytest.mark.parametrize(
    "row, change, text",
    [
        (SPOOF, put("depth", (SPOOF, 3, 4), 0.5), "depth on a spoof"),
        (LIVE, put("depth", LIVE, 0), "no depth on a live sample"),
        (LIVE, put("depth", (LIVE, 3, 4), 1.5), "depth is 1.5, not 0 to 1"),
        (LIVE, put("depth", (LIVE, 3, 4), -0.25), "depth is -0.25, not 0 to 1"),
        (LIVE, put("depth", (LIVE, 3, 4), np.nan), "depth is nan, not 0 to 1"),
        (0, put("parsing", (0, 255, 255), 13), "parsing is 13, not 0 to 12"),
        (LIVE, put("live", LIVE, 2), "live is 2, not 0 to 1"),
        (1, put("brightness", 1, -0.5), "brightness is -0.5, not 0 to 1"),
        (1, put("brightness", 1, np.nan), "brightness is nan, not 0 to 1"),
        (3, put("padding", 3, 1.25), "padding is 1.25, not 0 to 1"),
        (3, put("face_size", 3, -1), "face_size is -1, not 0 or more"),
        (3, put("sharpness", 3, np.inf), "sharpness is inf, not 0 or more"),
        (0, put("detection_score", 0, np.inf), "detection_score is inf, not 0 to 1"),
        (0, put("yaw", 0, 181), "yaw is 181, not -180 to 180"),
        (0, put("shipped_distance", 0, -2), "shipped_distance is -2, not 0 or more"),
        (1, put("landmarks", (1, 467, 2), np.nan), "landmarks is nan, not a finite number"),
        (1, put("landmarks", (1, 0, 0), -np.inf), "landmarks is -inf, not a finite number"),
        (2, put("affine", (2, 0, 2), np.inf), "affine is inf, not a finite number"),
        (LIVE, put("attack", LIVE, b"print"), "attack print on a live sample"),
        (SPOOF, put("attack", SPOOF, b""), "no attack on a spoof"),
        (LIVE, put("instrument", LIVE, b"tablet"), "instrument tablet on a live sample"),
        (1, put("device", 1, b"\xff"), "device is no UTF-8"),
        (1, put("session", 1, b"\n"), "session has a control character: '\\n'"),
        (
            0,
            put("affine", (0, 1, 1), 0.25),
            "affine [[0.5, 0], [0, 0.25]] is not a turn, one scale above 0 and a shift",
        ),
        (
            0,
            put("affine", (0, slice(None), slice(2)), [[0.5, 0.25], [0.25, 0.5]]),
            "affine [[0.5, 0.25], [0.25, 0.5]] is not a turn, one scale above 0 and a shift",
        ),
        (
            0,
            put("affine", (0, slice(None), slice(2)), 0),
            "affine [[0, 0], [0, 0]] is not a turn, one scale above 0 and a shift",
        ),
    ],
)
def test_a_sample_that_breaks_one_rule_is_the_only_line(bundle, row, change, text):
    change_shard(bundle / FILE, change)
    assert verify(bundle).lines == [of_sample(row, text)]


def test_a_turned_affine_and_nan_where_it_may_be_are_right(bundle):
    def change(file: h5py.File) -> None:
        file["affine"][1] = ((-0.3, 0.4, 9), (-0.4, -0.3, 7))
        for name in ("detection_score", "yaw", "pitch", "roll", "shipped_distance"):
            file[name][:] = np.nan

    change_shard(bundle / FILE, change)
    assert verify(bundle).lines == []


def test_a_negative_frame_number_is_found():
    from pipeline.verify.samples import ranges

    found = list(ranges("frame", np.array([0, -3, 7], np.int32), first=10))
    assert found == [Finding("frame is not 0 or more", "frame is -3, not 0 or more", 11)]


@pytest.mark.parametrize("name", ["image", "depth", "parsing"])
def test_pixels_that_do_not_fit_their_checksum_are_found(bundle, name):
    def change(file: h5py.File) -> None:
        array = file[name][LIVE]
        array.flat[-1] = 0.125 if name == "depth" else 7
        file[name][LIVE] = array

    change_shard(bundle / FILE, change, checksums=False)
    told = "image, depth and parsing do not fit the checksum"
    assert verify(bundle).lines == [of_sample(LIVE, told)]


def reorder(rows: list[int]) -> Change:
    """Put the samples into another order."""

    def change(file: h5py.File) -> None:
        for name in FIELDS:
            file[name][:] = file[name][:][rows]

    return change


def test_samples_out_of_order_are_found(bundle):
    change_shard(bundle / FILE, reorder([0, 2, 1, 3]))
    text = "before it stands one of a later place"
    line = f"{FILE}: sample 2 (video {SAMPLES[1]}): {text}"
    assert verify(bundle).lines == [line]


def test_a_sample_that_stands_twice_is_found(bundle):
    change_shard(bundle / FILE, reorder([0, 1, 1, 3]))

    def edit(manifest: dict[str, Any]) -> None:
        for row in (manifest["shards"][0], manifest["counts"]["oulu/train"]):
            row.update(live=1, spoof=3)

    edit_manifest(bundle, edit)
    line = f"{FILE}: sample 2 (video {SAMPLES[1]}): the same sample as number 1"
    assert verify(bundle).lines == [line]


def test_a_video_that_the_table_does_not_list_is_found(bundle):
    change_shard(bundle / FILE, put("videos/video", 1, b"train/9_9.avi"))
    text = "its video is not in the table 'videos'"
    assert verify(bundle).lines == [of_sample(0, text), of_sample(2, text)]


def failed(bundle: Path, frame: int, reason: str = "no face") -> None:
    """Let a frame of a live video be a failure, in the shard and in the manifest."""
    row = {"video": "train/1_0.avi", "frame": frame, "reason": reason}

    def change(file: h5py.File) -> None:
        del file["failures"]
        write_table(file.create_group("failures"), FAILURES, [row])

    change_shard(bundle / FILE, change)
    listed = {"dataset": "oulu", "split": "train", **row}
    edit_manifest(bundle, lambda manifest: manifest.update(failures=[listed]))


def test_a_failure_that_is_a_sample_is_found_and_another_is_right(bundle):
    failed(bundle, 7)
    assert verify(bundle).lines == []
    failed(bundle, -1)
    assert verify(bundle).lines == []
    failed(bundle, 5)
    assert verify(bundle).lines == [of_sample(0, "a failure as well: no face")]


def test_failures_that_the_manifest_tells_otherwise_are_found(bundle):
    failed(bundle, 7)
    edit_manifest(bundle, lambda manifest: manifest["failures"][0].update(reason="blurred"))
    line = f"{FILE}: its table 'failures' is not that of its split in bundle.json"
    assert verify(bundle).lines == [line]


def set_attribute(place: str, name: str, value: Any) -> Change:
    """Set an attribute of the file ("/") or of a dataset; None: remove it."""

    def change(file: h5py.File) -> None:
        attributes = file[place].attrs
        if name in attributes:
            del attributes[name]
        if value is not None:
            attributes[name] = value

    return change


@pytest.mark.parametrize(
    "change, text",
    [
        (set_attribute("yaw", "unit", "radian"), "'yaw': its attribute unit is radian, not degree"),
        (set_attribute("yaw", "meaning", None), "'yaw': its attribute meaning is missing"),
        (
            set_attribute("depth", "high", 2.0),
            "'depth': its attribute high is 2.0, not 1.0",
        ),
        (set_attribute("depth", "low", None), "'depth': its attribute low is missing"),
        (
            set_attribute("image", "dtype", "int8"),
            "'image': its attribute dtype is int8, not uint8",
        ),
        (
            set_attribute("live", "values", ["live", "spoof"]),
            "'live': its attribute values is ['live', 'spoof'], not ['spoof', 'live']",
        ),
        (
            set_attribute("videos/sha256", "meaning", "of nothing"),
            "'videos/sha256': its attribute meaning is of nothing, not of the file; empty where it"
            " was missing or left out",
        ),
        (set_attribute("/", "notice", None), "the attribute 'notice' is missing"),
        (
            set_attribute("/", "provenance", "{}\n\n"),
            "the attribute 'provenance' is not the canonical text of an object",
        ),
        (
            set_attribute("/", "schema", 3),
            "schema 3, and 2 to 2 are read: a newer ocim made it; update ocim to read it",
        ),
        (
            set_attribute("/", "schema", None),
            "schema None, and 2 to 2 are read: this is no bundle, or a damaged one; ocim bundle"
            " verify says more",
        ),
    ],
)
def test_an_attribute_that_is_not_of_the_format_is_the_only_line(bundle, change, text):
    change_shard(bundle / FILE, change)
    assert verify(bundle).lines == [f"{FILE}: {text}"]


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


@pytest.mark.parametrize(
    "change, text",
    [
        (without("yaw"), "the field 'yaw' is missing"),
        (without("image"), "the field 'image' is missing"),
        (without("video"), "the field 'video' is missing"),
        (without("failures"), "the table 'failures' is missing"),
        (without("videos/sha256"), "the table 'videos': 'sha256' is missing"),
        (put("videos/sha256", 0, b""), ""),
        (
            put("videos/sha256", 0, b"xyz"),
            "the table 'videos': sha256 is no sha256: xyz of train/0_0.avi",
        ),
        (
            put("videos/upside_down", 1, 7),
            "the table 'videos': upside_down is not 0 or 1: 7 of train/1_0.avi",
        ),
        (
            put("videos/video", slice(None), [b"train/1_0.avi", b"train/0_0.avi"]),
            "the table 'videos' is not sorted by path, or names a video twice",
        ),
        # What a later version of the same schema may have more is passed over.
        (lambda file: file.create_group("eyes"), ""),
        (lambda file: file["videos"].create_dataset("x", data=[1]), ""),
        (set_attribute("video", "low", 0.0), ""),
        (set_attribute("/", "author", "me"), ""),
        (replaced("yaw", dtype="<f8"), "'yaw' is float64, it must be float32"),
        (replaced("yaw", dtype=">f4"), "'yaw' is >f4, it must be float32"),
        (
            replaced("video", of=lambda array: array.astype("S13")),
            "'video' is |S13, it must be fixed-length UTF-8",
        ),
        (
            replaced("depth", of=lambda array: array[:, :16]),
            "'depth' has the shape (4, 16, 32), it must be (4, 32, 32)",
        ),
        (
            replaced("pitch", of=lambda array: array[:3]),
            "'pitch' has the shape (3,), it must be (4,)",
        ),
        (
            replaced("image", chunks=(1, 256, 256, 3)),
            "'image' is not contiguous in this file; it cannot be mapped into memory",
        ),
        (
            replaced("parsing", compression="gzip"),
            "'parsing' is not contiguous in this file; it cannot be mapped into memory",
        ),
        (
            stored_outside,
            "'yaw' is not contiguous in this file; it cannot be mapped into memory",
        ),
        (linked("soft"), "the field 'yaw' is missing"),
        (linked("away"), "the field 'yaw' is missing"),
    ],
)
def test_a_layout_that_is_not_of_the_format_is_the_only_line(bundle, change, text):
    change_shard(bundle / FILE, change)
    assert verify(bundle).lines == ([f"{FILE}: {text}"] if text else [])


def test_an_attack_that_the_shard_does_not_say_occurs_is_the_only_line(bundle):
    change_shard(bundle / FILE, put("attack", SPOOF, b"phone"), values=False)
    text = "'attack': its attribute values is ['', 'print'], not ['', 'phone', 'print']"
    assert verify(bundle).lines == [f"{FILE}: {text}"]


def test_any_attack_of_own_data_is_right(bundle):
    change_shard(bundle / FILE, put("attack", SPOOF, b"phone"))
    assert verify(bundle).lines == []


def test_of_one_kind_the_first_five_are_told_and_the_others_counted(tmp_path):
    bundle = only(make_bundle(tmp_path / "many", ["oulu"], 4, 2), FILE)
    change_shard(bundle / FILE, put("yaw", slice(None), 200))
    lines = verify(bundle).lines
    assert len(lines) == 6
    assert [line.partition(" (")[0] for line in lines[:5]] == [
        f"{FILE}: sample {row}" for row in range(5)
    ]
    assert lines[5] == f"{FILE}: 11 more samples: yaw is not -180 to 180"


def with_settings(bundle: Path, shard: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Give the shard and the manifest these provenances."""
    change_shard(bundle / FILE, set_attribute("/", "provenance", canonical_json(shard)))
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
def test_a_provenance_that_is_not_its_datasets_is_the_only_line(bundle, shard, manifest, text):
    with_settings(bundle, shard, manifest)
    line = f"{FILE}: its provenance is not that of oulu in bundle.json: {text}"
    assert verify(bundle).lines == ([line] if text else [])


def test_raw_depth_of_spoofs_is_right_only_where_manifest_and_settings_say_so(bundle):
    change_shard(bundle / FILE, put("depth", (SPOOF, 3, 4), 0.5))
    raw = {"settings": {"depth": {"spoof_depth": "raw"}}}
    with_settings(bundle, raw, raw)
    edit_manifest(bundle, lambda manifest: manifest.update(spoof_depth="raw"))
    assert verify(bundle).lines == []
    edit_manifest(bundle, lambda manifest: manifest.update(spoof_depth="zero"))
    assert verify(bundle).lines == [
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
