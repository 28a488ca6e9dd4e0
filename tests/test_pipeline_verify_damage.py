"""Damage by chance: single bits of a bundle that are flipped, and files that are cut off."""

import random
from pathlib import Path

import h5py
import pytest
from made_bundle import make_bundle, only

from pipeline.bundle import MANIFEST, NOTICE
from pipeline.verify.check import check_manifest, check_notice, check_shard, verify

TRAIN = "oulu-train-00000-of-00001.h5"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle of one shard: a live sample and a spoof."""
    return only(make_bundle(tmp_path / "bundle", ["oulu"], 1, 1), TRAIN)


def check_one(bundle: Path, name: str) -> list[str]:
    """The lines of one file of a bundle whose other files are right."""
    manifest, findings, _ = check_manifest(bundle)
    if name == NOTICE:
        assert manifest
        findings, _ = check_notice(bundle, manifest)
    elif name != MANIFEST:
        findings = check_shard(bundle, manifest, name).findings
    return [finding.line(name) for finding in findings]


def metadata(path: Path) -> list[int]:
    """The bytes that are neither zero nor of the five large arrays: HDF5's own, mostly."""
    with h5py.File(path) as file:
        large = [file[name] for name in ("image", "depth", "parsing", "landmarks", "affine")]
        ranges = [(one.id.get_offset(), one.id.get_offset() + one.nbytes) for one in large]
    data = bytearray(path.read_bytes())
    for begin, end in ranges:
        data[begin:end] = bytes(end - begin)
    return [place for place, value in enumerate(data) if value]


def flipped(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))


@pytest.mark.slow
def test_300_single_flipped_bits_are_all_found_and_none_crashes_or_hangs(bundle):
    """100 of the manifest, 40 of the notice, 120 of HDF5's own bytes, 40 anywhere in a shard."""
    random_ = random.Random(300)
    of_hdf5 = metadata(bundle / TRAIN)
    assert len(of_hdf5) > 5000
    kinds = [MANIFEST] * 100 + [NOTICE] * 40 + ["hdf5"] * 120 + [TRAIN] * 40
    assert len(kinds) == 300
    for kind in kinds:
        name = TRAIN if kind == "hdf5" else kind
        path, bit = bundle / name, random_.randrange(8)
        size = path.stat().st_size
        place = random_.choice(of_hdf5) if kind == "hdf5" else random_.randrange(size)
        flipped(path, place, bit)
        lines = check_one(bundle, name)
        flipped(path, place, bit)
        assert lines, (name, place, bit)
        assert all(line.startswith(f"{name}: ") and "\n" not in line for line in lines)
        if name == TRAIN:
            assert lines[0] == f"{TRAIN}: damaged: its sha256 is not that of bundle.json"
    assert verify(bundle).lines == []


@pytest.mark.slow
def test_files_cut_off_at_50_places_are_all_found(bundle):
    """10 of the manifest, 5 of the notice, 35 of a shard, most of them in its first pages."""
    random_ = random.Random(50)
    for name in [MANIFEST] * 10 + [NOTICE] * 5 + [TRAIN] * 35:  # 50 places
        data = (bundle / name).read_bytes()
        end = len(data) if random_.random() < 0.4 else min(len(data), 9000)
        keep = random_.randrange(end)
        (bundle / name).write_bytes(data[:keep])
        lines = check_one(bundle, name)
        (bundle / name).write_bytes(data)
        assert lines, (name, keep)
        if name == TRAIN:
            first = f"{TRAIN}: damaged: {keep} bytes, by bundle.json {len(data)}"
            assert lines[0] == first
            assert len(lines) > 1  # HDF5 says no as well
    assert verify(bundle).lines == []
