"""A bundle holds what the stages made: samples, tables, counts, provenance and notice."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_bundle import source_of
from made_run import (
    FRAMES,
    made_config,
    made_rows,
    made_sample,
    source_hash,
    write_partition,
    write_run,
)

from pipeline.bundle import Bundle
from pipeline.datasets.base import Video
from pipeline.files.layers import Failure, Remark
from pipeline.files.store import canonical_json
from pipeline.indexing.corrections import apply, read_overrides
from pipeline.pack import pack

ROWS = made_rows()
BROKEN = Failure("test/1_print.avi", -1, "the file is empty")
TURNED = Failure("train/0_live.avi", 5, "no face found")
SHAPELESS = Failure("train/1_live.avi", 0, "no depth: the landmarks are no face")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of eight videos, some of which failed."""
    config = made_config(tmp_path_factory.mktemp("run"), partitions=3)
    layout = write_run(config, ROWS, [BROKEN, TURNED], [SHAPELESS])
    pack(config)
    return layout.bundle


def identities(folder: Path, split: str, dataset: str = "oulu") -> list[tuple[str, int]]:
    return [
        (str(video), int(frame))
        for shard in Bundle(folder).shards(dataset, [split])
        for video, frame in zip(shard.video, shard.frame, strict=True)
    ]


def test_every_sample_carries_its_own_image_labels_and_columns(packed):
    by_path = {row.path: row for row in ROWS}
    count = 0
    for shard in Bundle(packed).shards("oulu"):
        for i in range(len(shard)):
            row = by_path[shard.video[i]]
            for name, value in made_sample(row, int(shard.frame[i])).items():
                assert np.array_equal(getattr(shard, name)[i], value), name
            for name in ("attack", "device", "instrument", "session", "subject"):
                assert getattr(shard, name)[i] == getattr(row, name)
            assert shard.split == row.split
            count += 1
    # 8 videos of 2 frames, less 2 of the broken one, 1 without a face, 1 without depth.
    assert count == 12


def test_what_failed_in_any_stage_is_no_sample(packed):
    found = set(identities(packed, "train") + identities(packed, "test"))
    everything = {(row.path, frame) for row in ROWS for frame in FRAMES}
    assert everything - found == {
        ("test/1_print.avi", 0),
        ("test/1_print.avi", 5),
        ("train/0_live.avi", 5),
        ("train/1_live.avi", 0),
    }


def test_failures_stand_in_the_manifest_with_what_the_index_says_of_their_videos(packed):
    a_print = {"live": 0, "attack": "print", "instrument": "printer1", "session": "2"}
    no_attack = {"live": 1, "attack": "", "instrument": "", "session": ""}
    assert Bundle(packed).failures == [
        {"dataset": "oulu", **one._asdict(), **of_video}
        for one, of_video in (
            (BROKEN, {"split": "test", "subject": "test1", "device": "3", **a_print}),
            (TURNED, {"split": "train", "subject": "train0", "device": "", **no_attack}),
            (SHAPELESS, {"split": "train", "subject": "train1", "device": "", **no_attack}),
        )
    ]


def test_counts_are_of_samples_by_class(packed):
    assert Bundle(packed).manifest["counts"] == {
        "oulu/train": {"samples": 6, "live": 2, "spoof": 4},
        "oulu/test": {"samples": 6, "live": 4, "spoof": 2},
    }


def test_the_manifest_says_how_large_each_shard_is_and_what_its_hash_is(packed):
    shards = Bundle(packed).manifest["shards"]
    assert [entry["file"] for entry in shards] == [
        "oulu-train-00000-of-00001.h5",
        "oulu-test-00000-of-00001.h5",
    ]
    for entry in shards:
        data = (packed / entry["file"]).read_bytes()
        assert entry["bytes"] == len(data)
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()


def test_the_manifests_own_hash_is_that_of_all_the_rest(packed):
    text = (packed / "bundle.json").read_text("utf-8")
    manifest = json.loads(text)
    assert text == canonical_json(manifest)
    stated = manifest.pop("hash")
    assert stated == hashlib.sha256(canonical_json(manifest).encode()).hexdigest()


def test_nothing_in_the_bundle_tells_where_it_was_made(packed):
    texts = [(packed / "bundle.json").read_text("utf-8")]
    for path in packed.glob("*.h5"):
        with h5py.File(path) as file:
            texts += [str(value) for value in file.attrs.values()]
    for text in texts:
        assert str(packed.parent) not in text
        assert '"/' not in text


def test_what_decides_bytes_stands_in_the_manifest_and_in_each_shard(packed):
    provenance = Bundle(packed).manifest["provenance"]["oulu"]
    for shard in Bundle(packed).shards("oulu"):
        with h5py.File(shard.path) as file:
            assert json.loads(file.attrs["provenance"]) == provenance
    settings = provenance["settings"]
    assert settings["crop"]["margin"] == 1.4
    assert settings["depth"] == {"backend": "facemesh", "reduce": "area", "spoof_depth": "zero"}
    assert settings["parse"] == {"backend": "facemesh", "hair": "colour"}
    sampling = {"sampling": "every", "every": 9, "reach": 5, "faces": "detected"}
    assert settings["sampling"] == sampling
    assert {"numpy", "h5py", "ocim"} == set(provenance["versions"])
    (landmarks,) = provenance["backends"]["landmarks"]
    assert landmarks["backend"] == "embedded"
    assert landmarks["versions"]["mediapipe"] == "0.10.21"
    (parsing,) = provenance["backends"]["parsing"]
    assert (parsing["backend"], parsing["made_on"], parsing["weights"]) == ("facemesh", "cpu", [])
    assert parsing["classes_never_given"] == ["eyeglasses", "left ear", "right ear"]


def test_the_order_of_samples_is_a_hash_of_their_identity(packed):
    found = identities(packed, "train")
    expected = sorted(
        found,
        key=lambda sample: hashlib.blake2b(
            f"oulu\0{sample[0]}\0{sample[1]}".encode(), key=b"ocim bundle order", digest_size=16
        ).digest(),
    )
    assert found == expected


@pytest.mark.parametrize("partitions", [3, 1])
def test_neither_another_run_nor_the_number_of_partitions_changes_a_byte(
    tmp_path, packed, partitions
):
    config = made_config(tmp_path, partitions=partitions)
    layout = write_run(config, ROWS, [BROKEN, TURNED], [SHAPELESS])
    pack(config)
    for path in packed.iterdir():
        assert (layout.bundle / path.name).read_bytes() == path.read_bytes()
    assert len(list(layout.bundle.iterdir())) == len(list(packed.iterdir()))


def test_shards_are_cut_evenly_and_together_hold_the_split_in_order(tmp_path, packed):
    config = made_config(tmp_path, pack={"shard_samples": 4})
    layout = write_run(config, ROWS, [BROKEN, TURNED], [SHAPELESS])
    pack(config)
    entries = [e for e in Bundle(layout.bundle).manifest["shards"] if e["split"] == "train"]
    assert [(entry["file"], entry["samples"]) for entry in entries] == [
        ("oulu-train-00000-of-00002.h5", 3),
        ("oulu-train-00001-of-00002.h5", 3),
    ]
    assert identities(layout.bundle, "train") == identities(packed, "train")


@pytest.mark.slow
def test_an_empty_partition_and_a_split_without_samples_are_fine(tmp_path):
    config = made_config(tmp_path, partitions=40)
    write_run(config, ROWS[:2])
    entries = pack(config)["shards"]
    assert [(entry["split"], entry["samples"]) for entry in entries] == [("train", 4)]


def test_corrections_and_remarks_stand_in_the_manifest_with_what_they_concern(tmp_path):
    overrides = tmp_path / "overrides.csv"
    overrides.write_text(
        "video,frames,action,value,reason\n"
        "train/0_live.avi,,exclude,,not the subject\n"
        "test/0_live.avi,0-3,rotate,180,held upside down\n"
        "test/0_print.avi,,relabel,instrument=printer2,the list was wrong\n"
    )
    rows = apply(ROWS, read_overrides(overrides, ROWS))
    config = made_config(tmp_path / "run", partitions=2)
    # The crop stage gives nothing of an excluded video.
    remarks = [Remark("test/1_live.avi", 5, "2 faces of like size")]
    gone = [Failure("train/0_live.avi", -1, "excluded")]
    layout = write_run(config, rows, gone, remarks=remarks)
    pack(config)
    manifest = Bundle(layout.bundle).manifest
    assert manifest["remarks"] == [
        {"dataset": "oulu", "video": "test/1_live.avi", "frame": 5, "text": "2 faces of like size"}
    ]
    assert [(c["video"], c["action"], c["samples"]) for c in manifest["corrections"]] == [
        ("test/0_live.avi", "rotate", 1),  # of frames 0 and 5
        ("test/0_print.avi", "relabel", 2),
        ("train/0_live.avi", "exclude", 0),
    ]
    assert manifest["corrections"][1]["before"] == "instrument=printer1"
    assert manifest["corrections"][1]["reason"] == "the list was wrong"
    (shard,) = Bundle(layout.bundle).shards("oulu", ["test"])
    of_print = shard.video == "test/0_print.avi"
    assert shard.instrument[of_print].tolist() == ["printer2", "printer2"]


def test_a_frame_that_failed_as_another_ones_place_keeps_its_own_sample(tmp_path):
    # The crop stage lists wanted frames; only what depth or parsing could not do takes one away.
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    same = [Failure(ROWS[0].path, FRAMES[0], "wanted twice")]
    write_partition(config, "oulu", 0, [(row, f) for row in ROWS for f in FRAMES], same)
    pack(config)
    assert (ROWS[0].path, FRAMES[0]) in identities(layout.bundle, "train")


def test_each_shard_lists_every_video_of_its_split_with_its_hash(tmp_path):
    rows = [*ROWS, Video("test/turned.avi", "oulu", "test", 1, "t9", upside_down=1)]
    config = made_config(tmp_path, pack={"shard_samples": 4})
    failed = [Failure("test/0_live.avi", -1, "the file is empty")]
    layout = write_run(config, rows, failed)
    pack(config)
    for shard in Bundle(layout.bundle).shards("oulu", ["test"]):
        assert shard.table("videos") == [
            source_of(row.path, source_hash(row), row.upside_down)
            for row in sorted(rows, key=lambda row: row.path.encode())
            if row.split == "test"
        ]
        assert shard.table("failures") == [one._asdict() for one in failed]


def test_the_notice_stands_in_the_manifest_beside_it_and_in_each_shard(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    text = pack(config)["notice"]
    assert (layout.bundle / "NOTICE.txt").read_text("utf-8") == text
    for words in ("biometric", "OULU-NPU", "landmarks: embedded", "no proof"):
        assert words in text
    data = (layout.bundle / "oulu-train-00000-of-00001.h5").read_bytes()
    assert hashlib.sha256(data).hexdigest() == Bundle(layout.bundle).manifest["shards"][0]["sha256"]
    assert b"biometric" in data
