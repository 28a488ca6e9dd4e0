"""What is written into a shard is what the format says, however samples are gathered."""

import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_bundle import columns_of, sample
from made_shard import ATTRIBUTES, COUNT, VIDEOS, columns, samples, write_made

from labels import classes
from pipeline.bundle import CLASS_NAMES, FIELDS, PIXELS, SCHEMA, Shard, sample_checksum
from pipeline.packing.shard import BLOCK, size_limit, write_shard


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_made(tmp_path_factory.mktemp("shard"))


def test_plain_h5py_reads_a_shard_without_this_package(stored):
    with h5py.File(stored, "r") as file:
        assert set(file) == {*FIELDS, "videos", "failures"}
        assert file.attrs["schema"] == SCHEMA == 2
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
    assert write_made(tmp_path).read_bytes() == stored.read_bytes()


@pytest.mark.parametrize("given", [COUNT - 1, COUNT + 1])
def test_another_number_of_pictures_than_announced_is_an_error(tmp_path, given):
    with pytest.raises((ValueError, IndexError)):
        write_shard(tmp_path / "a.h5", ATTRIBUTES, columns(), samples(given), [], [])


def test_every_dataset_says_what_it_holds(stored):
    with h5py.File(stored, "r") as file:
        for name, field in FIELDS.items():
            about = file[name].attrs
            assert about["unit"] == field.unit
            dtype = "utf-8" if field.dtype is None else file[name].dtype.name
            assert about["dtype"] == dtype
        classes_told = [text.decode() for text in file["parsing"].attrs["values"]]
        assert (file["depth"].attrs["low"], file["depth"].attrs["high"]) == (0, 1)
        live = [text.decode() for text in file["live"].attrs["values"]]
        attacks = [text.decode() for text in file["attack"].attrs["values"]]
        assert attacks == sorted({*file["attack"].asstr()[:]})
    assert classes_told == list(classes.NAMES) == list(CLASS_NAMES)
    assert live == ["spoof", "live"]


def test_the_size_is_known_before_writing(stored):
    size = stored.stat().st_size
    assert size <= size_limit(COUNT, 2, 1) <= size + 250_000


ABOUT = {"dataset": "oulu", "split": "train", "key": "k", "provenance": "{}", "notice": "n"}


def test_every_sample_stands_in_its_row_where_there_are_more_than_are_written_together(tmp_path):
    count = 2 * BLOCK + 3
    rng = np.random.default_rng(0)
    few = [sample(rng, live, 0) for live in (1, 0, 1)]
    given = [few[i % 3] for i in range(count)]
    rows = [(f"train/1_{i % 3 != 1:d}.avi", int(i % 3 != 1), i) for i in range(count)]
    write_shard(tmp_path / "a.h5", ABOUT, columns_of(rows), iter(given), [], [])
    with h5py.File(tmp_path / "a.h5", "r") as file:
        assert len(file["checksum"]) == count
        for place, name in enumerate(("image", "depth", "parsing")):
            stored = file[name][:]
            assert all(np.array_equal(stored[i], given[i][place]) for i in range(count))
        wanted = [sample_checksum(*one).encode() for one in given]
        assert file["checksum"][:].tolist() == wanted
