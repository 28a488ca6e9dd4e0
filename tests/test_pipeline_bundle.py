import hashlib
import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_bundle import make_bundle

from pipeline.bundle import (
    FIELDS,
    MANIFEST,
    PIXELS,
    SCHEMA,
    Bundle,
    BundleError,
    Shard,
    fixed_strings,
    write_shard,
)

VIDEOS = ["größe/ä 1.avi", "脸/2.avi", "", "a.avi", "a.avi"]
COUNT = len(VIDEOS)


def columns(count: int = COUNT) -> dict[str, np.ndarray]:
    """Every column of a shard but pixels and checksums, each value different from the others."""
    rng = np.random.default_rng(7)
    made = {}
    for name, field in FIELDS.items():
        if name in PIXELS or name == "checksum":
            continue
        if field.dtype is None:
            texts = VIDEOS if name == "video" else [f"{name} {n}" * (n % 2) for n in range(COUNT)]
            made[name] = fixed_strings(texts[:count])
        else:
            values = rng.integers(0, 2 if name == "live" else 99, (count, *field.shape))
            made[name] = values.astype(field.dtype)
    return made


def samples(count: int = COUNT) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(3)
    return [
        (
            rng.integers(0, 256, (256, 256, 3), np.uint8),
            rng.random((32, 32), np.float32),
            rng.integers(0, 13, (256, 256), np.uint8),
        )
        for _ in range(count)
    ]


def write(path: Path, count: int = COUNT) -> Path:
    write_shard(path, {"split": "train", "dataset": "oulu"}, columns(count), samples(count))
    return path


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("shard") / "oulu-train-00000-of-00001.h5")


@pytest.fixture
def copy(stored: Path, tmp_path: Path) -> Path:
    """A copy of the shard that a test may damage."""
    path = tmp_path / stored.name
    path.write_bytes(stored.read_bytes())
    return path


def test_a_shard_gives_back_what_was_written(stored):
    shard = Shard(stored)
    assert (len(shard), shard.dataset, shard.split) == (COUNT, "oulu", "train")
    for number, (image, depth, parsing) in enumerate(samples()):
        assert np.array_equal(shard.image[number], image)
        assert np.array_equal(shard.depth[number], depth)
        assert np.array_equal(shard.parsing[number], parsing)
    assert shard.video.tolist() == VIDEOS
    for name, values in columns().items():
        if FIELDS[name].dtype is not None:
            assert np.array_equal(getattr(shard, name), values)
            assert getattr(shard, name).dtype == FIELDS[name].dtype
        elif name != "video":
            assert getattr(shard, name).tolist() == [v.decode() for v in values]


def test_the_layout_is_the_one_of_the_design(stored):
    shard = Shard(stored)
    assert (shard.image.shape, shard.image.dtype) == ((COUNT, 256, 256, 3), np.uint8)
    assert (shard.depth.shape, shard.depth.dtype) == ((COUNT, 32, 32), np.float32)
    assert (shard.parsing.shape, shard.parsing.dtype) == ((COUNT, 256, 256), np.uint8)
    assert sum(getattr(shard, name)[0].nbytes for name in PIXELS) == 266_240


def test_plain_h5py_reads_a_shard_without_this_package(stored):
    with h5py.File(stored, "r") as file:
        assert set(file) == set(FIELDS)
        assert file.attrs["schema"] == SCHEMA == 1
        assert file["video"].asstr()[:].tolist() == VIDEOS
        assert h5py.check_string_dtype(file["video"].dtype).encoding == "utf-8"
        for name, field in FIELDS.items():
            assert file[name].attrs["meaning"] == field.meaning
            assert (file[name].chunks, file[name].compression) == (None, None)
        for number, sample in enumerate(samples()):
            for name, array in zip(PIXELS, sample, strict=True):
                assert np.array_equal(file[name][number], array)


def test_pixels_start_on_a_page_and_the_map_is_what_hdf5_reads(stored):
    shard = Shard(stored)
    with h5py.File(stored, "r") as file:
        for name in PIXELS:
            assert file[name].id.get_offset() % 4096 == 0
            mapped = getattr(shard, name)
            assert isinstance(mapped, np.memmap)
            assert not mapped.flags.writeable
            assert np.array_equal(mapped, file[name][:])


def test_the_checksum_is_sha256_of_image_depth_and_parsing_bytes(stored):
    expected = [
        hashlib.sha256(image.tobytes() + depth.tobytes() + parsing.tobytes()).hexdigest()
        for image, depth, parsing in samples()
    ]
    assert Shard(stored).checksum.tolist() == expected


def test_the_same_samples_give_the_same_bytes_twice(stored, tmp_path):
    assert write(tmp_path / "again.h5").read_bytes() == stored.read_bytes()


def test_a_shard_without_samples_is_written_and_read(tmp_path):
    shard = Shard(write(tmp_path / "empty.h5", 0))
    assert len(shard) == 0
    assert shard.image.shape == (0, 256, 256, 3)
    assert shard.depth.shape == (0, 32, 32)
    assert shard.video.tolist() == []
    assert shard.landmarks.shape == (0, 468, 3)


@pytest.mark.parametrize("given", [COUNT - 1, COUNT + 1])
def test_another_number_of_pictures_than_announced_is_an_error(tmp_path, given):
    with pytest.raises((ValueError, IndexError)):
        write_shard(
            tmp_path / "a.h5", {"dataset": "oulu", "split": "dev"}, columns(), samples(given)
        )


def test_texts_are_padded_to_the_longest_in_bytes_not_letters():
    array = fixed_strings(["ä", "", "abc"])
    assert array.dtype == "S3"
    assert array.tolist() == ["ä".encode(), b"", b"abc"]
    assert fixed_strings([]).dtype == "S1"
    assert fixed_strings(["", ""]).dtype == "S1"


def test_another_schema_is_refused(copy):
    with h5py.File(copy, "r+") as file:
        file.attrs["schema"] = 2
    with pytest.raises(BundleError, match="schema 2"):
        Shard(copy)
    with h5py.File(copy, "r+") as file:
        del file.attrs["schema"]
    with pytest.raises(BundleError, match="schema None"):
        Shard(copy)


@pytest.mark.parametrize("name", ["image", "checksum", "video", "affine"])
def test_a_missing_dataset_is_named(copy, name):
    with h5py.File(copy, "r+") as file:
        del file[name]
    with pytest.raises(BundleError, match=f"'{name}' is missing"):
        Shard(copy)


def test_a_missing_attribute_is_named(copy):
    with h5py.File(copy, "r+") as file:
        del file.attrs["split"]
    with pytest.raises(BundleError, match="'split' is missing"):
        Shard(copy)


@pytest.mark.parametrize(
    "name, array",
    [
        ("depth", np.zeros((COUNT, 64, 64), np.float32)),
        ("depth", np.zeros((COUNT, 32, 32), np.float64)),
        ("image", np.zeros((COUNT - 1, 256, 256, 3), np.uint8)),
        ("live", np.zeros(COUNT + 1, np.uint8)),
    ],
)
def test_a_dataset_of_another_shape_or_dtype_is_refused(copy, name, array):
    with h5py.File(copy, "r+") as file:
        del file[name]
        file[name] = array
    with pytest.raises(BundleError, match=f"'{name}' is"):
        Shard(copy)


def test_chunked_pixels_are_refused_instead_of_read_as_noise(copy):
    with h5py.File(copy, "r+") as file:
        parsing = file["parsing"][:]
        del file["parsing"]
        file.create_dataset("parsing", data=parsing, chunks=(1, 256, 256))
    with pytest.raises(BundleError, match="not stored contiguously"):
        Shard(copy)


@pytest.mark.parametrize("keep", [0, 100, 4096, 200_000])
def test_a_truncated_shard_is_refused(copy, keep):
    copy.write_bytes(copy.read_bytes()[:keep])
    with pytest.raises(BundleError, match=copy.name):
        Shard(copy)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    return make_bundle(folder, ["oulu", "msu"], 1, 1, failures=[{"video": "x", "frame": -1}])


def test_a_bundle_opens_shards_by_dataset_and_split(small):
    bundle = Bundle(small)
    assert bundle.datasets == ["msu", "oulu"]
    assert bundle.failures == [{"video": "x", "frame": -1}]
    found = [(shard.dataset, shard.split) for shard in bundle.shards("oulu")]
    assert found == [("oulu", "dev"), ("oulu", "test"), ("oulu", "train")]
    assert [s.split for s in bundle.shards("msu", ["train", "test"])] == ["test", "train"]
    assert bundle.shards("casia") == []


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no json",
        "[]",
        "3",
        '{"shards": [], "failures": []}',
        '{"schema": 2, "shards": [], "failures": []}',
        '{"schema": 1}',
        '{"schema": 1, "shards": {}, "failures": []}',
    ],
)
def test_a_manifest_that_is_missing_or_wrong_is_told_in_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=r"bundle\.json") as caught:
        Bundle(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inside", ["../{}", "{}/x/../{}", "sub/{}", "/{}"])
def test_a_path_in_the_manifest_that_leads_elsewhere_is_refused(tmp_path, stored, inside):
    (tmp_path / stored.name).write_bytes(stored.read_bytes())
    folder = tmp_path / "bundle"
    folder.mkdir()
    name = inside.replace("{}", stored.name)
    entry = {"dataset": "oulu", "split": "train", "file": name}
    manifest = {"schema": 1, "shards": [entry], "failures": []}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="not a plain file name"):
        Bundle(folder).shards("oulu")


def test_a_shard_that_the_manifest_names_and_is_gone_is_told(tmp_path):
    entry = {"dataset": "oulu", "split": "train", "file": "gone.h5"}
    manifest = {"schema": 1, "shards": [entry], "failures": []}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"gone\.h5"):
        Bundle(tmp_path).shards("oulu")


def modules_after(statement: str) -> set[str]:
    """Top-level names that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.split())


def test_the_format_needs_numpy_and_h5py_alone():
    loaded = modules_after("import pipeline.bundle") - modules_after("import h5py, numpy, hashlib")
    foreign = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"pipeline", "pipeline.bundle"}


@pytest.mark.parametrize("package", ["pipeline", "train", "labels"])
def test_the_packages_themselves_import_nothing(package):
    assert modules_after(f"import {package}") - modules_after("pass") == {package}
