import hashlib
import os
import pickle
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_bundle import edit_manifest, make_bundle, write_manifest

from labels import classes
from pipeline.bundle import (
    CLASS_NAMES,
    FIELDS,
    MANIFEST,
    PIXELS,
    SCHEMA,
    Bundle,
    BundleError,
    Shard,
    canonical_json,
)
from pipeline.files import store
from pipeline.files.hdf5 import fixed_strings
from pipeline.packing.shard import size_limit, write_shard

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


ATTRIBUTES = {
    "split": "train", "dataset": "oulu", "key": "k", "provenance": '{"a": "ü"}', "notice": "n",
}  # fmt: skip
SOURCES = [
    {"video": "größe/ä 1.avi", "sha256": "ab", "faces_sha256": "", "upside_down": 0},
    {"video": "脸/2.avi", "sha256": "cd", "faces_sha256": "ef", "upside_down": 1},
]
FAILED = [{"video": "脸/2.avi", "frame": -1, "reason": "no face"}]


def write(path: Path, count: int = COUNT) -> Path:
    write_shard(path, ATTRIBUTES, columns(count), samples(count), SOURCES, FAILED)
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
        write_shard(tmp_path / "a.h5", ATTRIBUTES, columns(), samples(given), [], [])


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


def test_the_size_is_known_before_writing(stored):
    size = stored.stat().st_size
    assert size <= size_limit(COUNT, 2, 1) <= size + 250_000


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
    assert [s.split for s in bundle.shards("msu", "train")] == ["train"]
    with pytest.raises(BundleError, match=r"no dataset 'casia'; it has \['msu', 'oulu'\]"):
        bundle.shards("casia")
    with pytest.raises(BundleError, match=r"no split \['trian'\]; there are train, dev, test"):
        bundle.shards("oulu", ["trian"])


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no json",
        "[]",
        "3",
        "[" * 100_000,
        '{"shards": [], "failures": []}',
        '{"schema": 1, "shards": [], "failures": []}',
        '{"schema": 3, "shards": [], "failures": []}',
        '{"schema": 2}',
        '{"schema": 2, "hash": "0", "shards": [], "failures": []}',
        '{"schema": 2, "hash": "0", "shards": NaN}',
        '{"schema": 2, "hash": "0", "shards": "\\ud800"}',
    ],
)
def test_a_manifest_that_is_missing_or_wrong_is_told_in_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=r"bundle\.json") as caught:
        Bundle(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_manifest_edited_by_hand_is_told(tmp_path, small):
    text = (small / MANIFEST).read_text()
    text = text.replace('"spoof": 1', '"spoof": 7', 1)
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match="edited by hand: it does not fit the hash"):
        Bundle(tmp_path)


ENTRY = {"dataset": "oulu", "split": "train", "key": "k"}


def manifest_of(folder: Path, **entry: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / entry["file"]
    shards = [{**ENTRY, "bytes": path.stat().st_size if path.is_file() else 0, **entry}]
    rest = {"failures": [], "notice": "", "spoof_depth": "zero"}
    write_manifest(folder, {"schema": SCHEMA, "shards": shards, **rest})


@pytest.mark.parametrize("inside", ["../{}", "{}/x/../{}", "sub/{}", "/{}"])
def test_a_path_in_the_manifest_that_leads_elsewhere_is_refused(tmp_path, stored, inside):
    (tmp_path / stored.name).write_bytes(stored.read_bytes())
    folder = tmp_path / "bundle"
    manifest_of(folder, file=inside.replace("{}", stored.name))
    with pytest.raises(BundleError, match="not a plain file name"):
        Bundle(folder).shards("oulu")


def test_a_shard_that_the_manifest_names_and_is_gone_is_told(tmp_path):
    manifest_of(tmp_path, file="gone.h5")
    with pytest.raises(BundleError, match=r"gone\.h5: No such file"):
        Bundle(tmp_path).shards("oulu")


def test_a_shard_that_is_not_the_one_listed_is_told(tmp_path, stored):
    (tmp_path / stored.name).write_bytes(stored.read_bytes())
    manifest_of(tmp_path, file=stored.name)
    assert len(Bundle(tmp_path).shards("oulu")) == 1
    edit_manifest(tmp_path, lambda manifest: manifest["shards"][0].update(key="other"))
    with pytest.raises(BundleError, match=f"{stored.name}: not the shard that is expected"):
        Bundle(tmp_path).shards("oulu")


@pytest.mark.parametrize("part", ["shards", "failures", "spoof_depth"])
def test_a_manifest_without_a_part_is_told_though_its_hash_fits(tmp_path, small, part):
    (tmp_path / MANIFEST).write_bytes((small / MANIFEST).read_bytes())
    edit_manifest(tmp_path, lambda manifest: manifest.pop(part))
    with pytest.raises(BundleError, match=f"'{part}' is missing"):
        Bundle(tmp_path)


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


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.h5")
    os.mkfifo(tmp_path / MANIFEST)
    with pytest.raises(BundleError, match=r"a\.h5: No such file"):
        Shard(tmp_path / "a.h5")
    with pytest.raises(BundleError, match="no regular file"):
        Bundle(tmp_path)


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


def test_a_shard_of_another_size_than_listed_is_told(tmp_path, stored):
    (tmp_path / stored.name).write_bytes(stored.read_bytes())
    manifest_of(tmp_path, file=stored.name)
    with (tmp_path / stored.name).open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=rf"{stored.name}: \d+ bytes, by bundle.json \d+"):
        Bundle(tmp_path).shards("oulu")


def test_one_copied_file_reads_a_bundle_beside_a_strangers_own_train(tmp_path, small):
    here = Path(__file__).parent.parent / "pipeline" / "bundle.py"
    (tmp_path / "ocim_bundle.py").write_text(here.read_text())
    (tmp_path / "train.py").write_text(
        "import sys\n"
        "from ocim_bundle import Bundle\n"
        "shard, = Bundle(sys.argv[1]).shards('oulu', ['train'])\n"
        "print(shard.read('image', [0, 1]).shape, shard.live.tolist())\n"
        "assert 'pipeline' not in sys.modules\n"
    )
    run = [sys.executable, "-P", "train.py", str(small)]
    out = subprocess.run(
        run, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert out.stdout.startswith("(2, 256, 256, 3) ["), out.stderr


def modules_after(statement: str) -> set[str]:
    """Top-level names that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.split())


def test_the_copied_file_writes_json_as_the_rest_of_the_project_does():
    value = {"b": ["ü", 1.5, None], "a": {"z": [], "y": {}}}
    assert canonical_json(value) == store.canonical_json(value)


def test_the_format_needs_numpy_and_h5py_alone():
    loaded = modules_after("import pipeline.bundle") - modules_after("import h5py, numpy, hashlib")
    foreign = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"pipeline", "pipeline.bundle"}


@pytest.mark.parametrize("package", ["pipeline", "train", "labels"])
def test_the_packages_themselves_import_nothing(package):
    assert modules_after(f"import {package}") - modules_after("pass") == {package}
