"""A shard gives back what was written, and says by name what is wrong with its file."""

import os
import pickle
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_shard import ATTRIBUTES, COUNT, FAILED, SOURCES, VIDEOS, columns, samples, write_made

from pipeline.bundle import FIELDS, PIXELS, SCHEMA, BundleError, Shard
from pipeline.packing.shard import write_shard


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_made(tmp_path_factory.mktemp("shard"))


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


def test_a_shard_without_samples_is_written_and_read(tmp_path):
    shard = Shard(write_made(tmp_path, 0))
    assert len(shard) == 0
    assert shard.image.shape == (0, 256, 256, 3)
    assert shard.depth.shape == (0, 32, 32)
    assert shard.video.tolist() == []
    assert shard.landmarks.shape == (0, 468, 3)


@pytest.mark.parametrize(
    "schema, advice",
    [
        (1, "schema 1, and 2 to 2 are read: an older ocim made it; run ocim pack again"),
        (3, "schema 3, .* a newer ocim made it; update ocim"),
        (None, "schema None, .* no bundle, or a damaged one"),
        ("2", "no bundle, or a damaged one"),
    ],
)
def test_another_schema_is_refused_with_what_to_do(copy, schema, advice):
    with h5py.File(copy, "r+") as file:
        del file.attrs["schema"]
        if schema is not None:
            file.attrs["schema"] = schema
    with pytest.raises(BundleError, match=advice):
        Shard(copy)


@pytest.mark.parametrize("name", ["image", "checksum", "video", "affine", "yaw"])
def test_a_field_that_is_missing_is_told_when_it_is_asked_for(copy, name):
    with h5py.File(copy, "r+") as file:
        del file[name]
    shard = Shard(copy)
    assert len(shard.live) == COUNT
    with pytest.raises(BundleError, match=f"'{name}' is missing; run ocim pack again"):
        getattr(shard, name)


def test_a_dataset_of_a_later_version_is_passed_over(copy):
    with h5py.File(copy, "r+") as file:
        file["eyes"] = np.zeros(COUNT)
    assert Shard(copy).frame.tolist() == columns()["frame"].tolist()


@pytest.mark.parametrize("name", ["split", "dataset", "key", "provenance"])
def test_a_missing_attribute_is_named(copy, name):
    with h5py.File(copy, "r+") as file:
        del file.attrs[name]
    with pytest.raises(BundleError, match=f"'{name}' is missing"):
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


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"fletcher32": True}])
def test_a_shard_that_someone_has_chunked_is_read_through_hdf5(copy, stored, options):
    with h5py.File(copy, "r+") as file:
        for name in (*PIXELS, "landmarks", "video"):
            array, shape = file[name][:], file[name].shape
            dtype = file[name].dtype
            del file[name]
            file.create_dataset(name, data=array, dtype=dtype, chunks=(1, *shape[1:]), **options)
    plain, chunked = Shard(stored), Shard(copy)
    for name in FIELDS:
        assert np.array_equal(np.asarray(getattr(chunked, name)), np.asarray(getattr(plain, name)))
    assert np.array_equal(chunked.image[-1], plain.image[COUNT - 1])
    assert np.array_equal(chunked.read("parsing", [3, 0]), plain.read("parsing", [3, 0]))
    whole = np.asarray(plain.image)
    for index in (slice(0, 2), (0, 3), [0, 1], (slice(1, 3), 5), plain.live == 1, -2):
        assert np.array_equal(chunked.image[index], whole[index])
    with pytest.raises(IndexError):
        chunked.image[COUNT]


def test_samples_are_read_in_the_order_asked_for_also_twice(stored):
    shard = Shard(stored)
    rows = [4, 0, 4, 2]
    for name in FIELDS:
        assert np.array_equal(shard.read(name, rows), np.asarray(getattr(shard, name))[rows])
        assert np.array_equal(shard.read(name), np.asarray(getattr(shard, name)))
    images, depths = np.zeros((6, 256, 256, 3), np.uint8), np.zeros((6, 32, 32), np.float32)
    shard.read_into({"image": images, "depth": depths}, np.array(rows), [5, 1, 0, 3])
    assert np.array_equal(images[[5, 1, 0, 3]], shard.image[rows])
    assert np.array_equal(depths[[5, 1, 0, 3]], shard.depth[rows])
    assert not images[[2, 4]].any()
    assert shard.read("image", []).shape == (0, 256, 256, 3)


def test_a_row_that_is_not_there_and_a_wrong_buffer_are_errors(stored):
    shard = Shard(stored)
    for rows in ([COUNT], [-1], [0, 99]):
        with pytest.raises(IndexError, match="5 samples"):
            shard.read("depth", rows)
    for rows in (shard.live == 1, [1.9, 0.2], ["1"]):
        with pytest.raises(IndexError, match="whole numbers"):
            shard.read("depth", rows)
    three = np.zeros((3, 32, 32), np.float32)
    for places in ([-1], [3], [1000]):
        with pytest.raises(IndexError, match="an array to read into has 3"):
            shard.read_into({"depth": three}, [0], places)
    with pytest.raises(ValueError, match="no array to read"):
        shard.read_into({"depth": np.zeros((6, 32, 32), np.float32)[::2]}, [0], [0])
    with pytest.raises(ValueError, match="no array to read 'depth' into"):
        shard.read_into({"depth": np.empty((1, 32, 32), np.float64)}, [0], [0])
    with pytest.raises(AttributeError):
        shard.nothing  # noqa: B018


def test_the_tables_and_the_provenance_are_read_back(stored):
    shard = Shard(stored)
    assert shard.table("videos") == SOURCES
    assert shard.table("failures") == FAILED
    assert shard.provenance == {"a": "ü"}
    assert (shard.key, shard.schema) == ("k", SCHEMA)


def test_a_reader_keeps_the_old_shard_when_a_new_one_takes_its_place(copy, tmp_path):
    shard = Shard(copy)
    new = tmp_path / "new.h5"
    write_shard(new, {**ATTRIBUTES, "key": "other"}, columns(2), samples(2), [], [])
    new.replace(copy)
    assert np.array_equal(shard.image[4], samples()[4][0])
    assert np.array_equal(shard.read("image", [4])[0], samples()[4][0])
    with pytest.raises(BundleError, match="packed anew, or comes from another bundle"):
        pickle.loads(pickle.dumps(shard))


@pytest.mark.parametrize("change", ["written into", "cut off"])
def test_a_shard_that_changes_in_place_is_told_by_name(copy, change):
    shard = Shard(copy)
    if change == "cut off":
        os.truncate(copy, 100_000)
    else:
        with copy.open("r+b") as file:
            file.seek(300_000)
            file.write(b"x")
        os.utime(copy, ns=(1, 1))
    with pytest.raises(BundleError, match=rf"{copy.name}: changed while it was read"):
        shard.read("image", [3])


def test_a_shard_goes_to_another_process_and_opens_there(stored):
    shard = pickle.loads(pickle.dumps(Shard(stored, "k")))
    assert np.array_equal(shard.image[2], samples()[2][0])
    with pytest.raises(BundleError, match="not the shard that is expected"):
        Shard(stored, "another key")


@pytest.mark.parametrize("keep", [0, 100, 4096, 200_000])
def test_a_truncated_shard_is_refused(copy, keep):
    copy.write_bytes(copy.read_bytes()[:keep])
    with pytest.raises(BundleError, match=copy.name):
        Shard(copy)


def test_a_shard_stays_readable_when_the_working_folder_changes(copy, monkeypatch, tmp_path):
    monkeypatch.chdir(copy.parent)
    shard = Shard(Path(copy.name))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert shard.table("failures") == FAILED
    assert len(pickle.loads(pickle.dumps(shard))) == COUNT


@pytest.mark.parametrize("name", ["live", "image"])
def test_no_link_leads_out_of_a_shard(copy, stored, name):
    with h5py.File(copy, "r+") as file:
        del file[name]
        file[name] = h5py.ExternalLink(str(stored), name)
    shard = Shard(copy)
    with pytest.raises(BundleError, match=f"'{name}' is missing"):
        getattr(shard, name)


def test_no_data_outside_of_a_shard_is_read(copy, tmp_path):
    (tmp_path / "outside.bin").write_bytes(bytes(COUNT * 4))
    with h5py.File(copy, "r+") as file:
        del file["yaw"]
        outside = [(str(tmp_path / "outside.bin"), 0, COUNT * 4)]
        file.create_dataset("yaw", (COUNT,), "<f4", external=outside)
    with pytest.raises(BundleError, match="'yaw' lies in another file"):
        Shard(copy)


def test_a_text_that_is_no_utf8_is_told(copy):
    with h5py.File(copy, "r+") as file:
        file["video"][0] = b"\xff"
    with pytest.raises(BundleError, match="'video' is no UTF-8"):
        Shard(copy).video  # noqa: B018


@pytest.mark.slow
def test_every_flipped_bit_of_the_superblock_and_first_headers_is_a_bundle_error_or_harmless(copy):
    whole = copy.read_bytes()
    for place in range(0, 2048, 3):
        copy.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with suppress(BundleError):
            Shard(copy).read("frame")


@pytest.mark.parametrize("options", [{}, {"chunks": (1, 32, 32)}])
def test_what_opens_the_file_again_tells_that_it_was_replaced(copy, stored, tmp_path, options):
    if options:
        with h5py.File(copy, "r+") as file:
            depth = file["depth"][:]
            del file["depth"]
            file.create_dataset("depth", data=depth, **options)
    shard = Shard(copy)
    new = tmp_path / "new.h5"
    new.write_bytes(stored.read_bytes())
    new.replace(copy)
    with pytest.raises(BundleError, match="replaced since it was opened"):
        shard.provenance  # noqa: B018
    if options:
        with pytest.raises(BundleError, match="replaced since it was opened"):
            shard.read("depth", [0])
