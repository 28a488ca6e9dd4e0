import hashlib
import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_run import FRAMES, made_config, made_rows, made_sample, write_partition, write_run

from pipeline.bundle import FIELDS, Bundle, order
from pipeline.datasets.base import Video, write_index
from pipeline.errors import UserError
from pipeline.files.layers import Failure, Remark
from pipeline.files.store import canonical_json
from pipeline.index import partition_of
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
    assert Bundle(packed).failures == [
        {
            "dataset": "oulu",
            "split": "test",
            "video": "test/1_print.avi",
            "frame": -1,
            "live": 0,
            "attack": "print",
            "instrument": "printer1",
            "session": "2",
            "device": "3",
            "subject": "test1",
            "reason": "the file is empty",
        },
        *(
            {
                "dataset": "oulu",
                "split": "train",
                "video": failure.video,
                "frame": failure.frame,
                "live": 1,
                "attack": "",
                "instrument": "",
                "session": "",
                "device": "",
                "subject": subject,
                "reason": failure.reason,
            }
            for failure, subject in ((TURNED, "train0"), (SHAPELESS, "train1"))
        ),
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
    assert settings["sampling"] == {
        "sampling": "every",
        "every": 9,
        "reach": 5,
        "faces": "detected",
    }
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


def shard_bytes(folder: Path) -> dict[str, list[bytes]]:
    """The pixels of a bundle, sample by sample."""
    found = {}
    for shard in Bundle(folder).shards("oulu"):
        arrays = [getattr(shard, name) for name in FIELDS if name not in ("checksum",)]
        found[shard.name] = [np.asarray(array).tobytes() for array in arrays]
    return found


def test_the_number_of_partitions_changes_neither_order_nor_pixels(tmp_path, packed):
    config = made_config(tmp_path, partitions=1)
    layout = write_run(config, ROWS, [BROKEN, TURNED], [SHAPELESS])
    pack(config)
    assert shard_bytes(layout.bundle) == shard_bytes(packed)


def test_two_runs_give_the_same_bytes(tmp_path, packed):
    config = made_config(tmp_path, partitions=3)
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


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    status = {path.name: path.stat() for path in folder.glob("*.h5")}
    return {name: (found.st_ino, found.st_mtime_ns) for name, found in status.items()}


def test_finished_shards_are_left_and_those_of_another_cut_removed(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    first = pack(config)
    before = stamps(layout.bundle)
    assert pack(config) == first
    assert stamps(layout.bundle) == before
    pack(made_config(tmp_path, pack={"shard_samples": 3}))
    assert sorted(stamps(layout.bundle)) == [
        f"oulu-{split}-0000{n}-of-00003.h5" for split in ("test", "train") for n in range(3)
    ]


def test_a_damaged_shard_is_written_again(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    pack(config)
    path = layout.bundle / "oulu-train-00000-of-00001.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    pack(config)
    assert path.read_bytes() == whole


def test_a_changed_partition_writes_only_the_shards_that_it_gives_to(tmp_path):
    config = made_config(tmp_path, partitions=2)
    rows = [row for row in ROWS if row.split == "train"]
    extra = Video(next_path("test/", 0), "oulu", "test", 0, "t", "print", "printer1")
    other = Video(next_path("train/", 1), "oulu", "train", 0, "u", "print", "printer1")
    rows = [row for row in rows if partition_of("oulu", row.path, 2) == 1] + [other]
    layout = write_run(config, [*rows, extra])
    pack(config)
    before = stamps(layout.bundle)
    write_partition(config, "oulu", 0, [(extra, frame) for frame in FRAMES], key="changed")
    pack(config)
    changed = {name for name, stamp in stamps(layout.bundle).items() if stamp != before[name]}
    assert changed == {"oulu-test-00000-of-00001.h5"}


def next_path(folder: str, partition: int) -> str:
    """The first made path in a folder that lies in the partition, of two."""
    paths = (f"{folder}{number}.avi" for number in range(100))
    return next(path for path in paths if partition_of("oulu", path, 2) == partition)


def test_a_shard_is_written_again_when_only_the_place_of_its_cut_has_moved(tmp_path):
    # Four samples of partition 0 come first in the split, those of partition 1 after them. With two
    # more of these the first shard is to hold four instead of three, from the same two videos.
    paths = [f"{number}.avi" for number in range(300)]
    first, last = {}, {}
    for path in paths:
        places = [order("oulu", path, frame) for frame in FRAMES]
        if partition_of("oulu", path, 2) == 0:
            first[path] = max(places)
        else:
            last[path] = min(places)
    early = sorted(sorted(first, key=first.__getitem__)[:2])
    late = sorted(last, key=last.__getitem__)[-2:]
    assert max(first[path] for path in early) < min(last[path] for path in late)
    rows = [Video(path, "oulu", "train", 0, path, "print") for path in (*early, *late)]

    config = made_config(tmp_path, partitions=2, pack={"shard_samples": 4})
    layout = write_run(config, rows, [Failure(late[0], -1, "no face found")])
    assert [entry["samples"] for entry in pack(config)["shards"]] == [3, 3]
    write_partition(
        config, "oulu", 1, [(row, f) for row in rows[2:] for f in FRAMES], key="changed"
    )
    assert [entry["samples"] for entry in pack(config)["shards"]] == [4, 4]
    assert [len(shard) for shard in Bundle(layout.bundle).shards("oulu")] == [4, 4]
    assert len(set(identities(layout.bundle, "train"))) == 8


def tamper(path: Path, name: str, row: int, value: float) -> None:
    with h5py.File(path, "r+") as file:
        file[name][row] = value


@pytest.mark.parametrize(
    "stage, live, value, words",
    [
        ("depth", 0, 0.25, "depth on a spoof"),
        ("depth", 1, 0.0, "no depth on a face"),
        ("depth", 1, 1.5, "outside 0 to 1"),
        ("depth", 1, -0.5, "outside 0 to 1"),
        ("depth", 1, np.nan, "outside 0 to 1"),
        ("depth", 0, np.nan, "outside 0 to 1"),
        ("parsing", 1, 13, "class 13"),
    ],
)
def test_labels_that_break_their_rules_are_refused(tmp_path, stage, live, value, words):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS[:2])
    with h5py.File(layout.partition("crops", "oulu", 0)) as file:
        row = int(np.flatnonzero(file["live"][:] == live)[0])
    tamper(layout.partition(stage, "oulu", 0), stage, row, value)
    with pytest.raises(UserError, match=words) as caught:
        pack(config)
    assert "\n" not in str(caught.value)
    assert not list(layout.bundle.glob("*.h5"))
    assert not (layout.bundle / "bundle.json").exists()


@pytest.mark.parametrize("stage", ["depth", "parsing"])
def test_layers_of_other_crops_are_refused(tmp_path, stage):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS[:2])
    tamper(layout.partition(stage, "oulu", 0), "frame", 0, 17)
    with pytest.raises(UserError, match="made for other crops"):
        pack(config)


def test_a_sample_that_stands_twice_is_refused(tmp_path):
    config = made_config(tmp_path, partitions=2)
    write_run(config, ROWS)
    for number in range(2):
        write_partition(config, "oulu", number, [(ROWS[0], 0)])
    with pytest.raises(UserError, match="stands twice"):
        pack(config)


def test_a_subject_in_two_splits_is_refused(tmp_path):
    config = made_config(tmp_path)
    rows = [*ROWS, Video("test/x.avi", "oulu", "test", 1, "train0")]
    write_run(config, rows)
    with pytest.raises(UserError, match="train0"):
        pack(config)


def test_a_dataset_without_any_sample_is_an_error_that_says_why(tmp_path):
    config = made_config(tmp_path)
    write_run(config, ROWS, [Failure(row.path, -1, "no face found") for row in ROWS])
    with pytest.raises(UserError, match=r"no sample at all from 8 videos.*no face found"):
        pack(config)


@pytest.mark.parametrize(
    "missing, verb", [("crops", "crop"), ("depth", "depth"), ("parsing", "parse")]
)
def test_a_missing_partition_is_told_with_the_verb_that_makes_it(tmp_path, missing, verb):
    config = made_config(tmp_path, partitions=2)
    layout = write_run(config, ROWS)
    layout.partition(missing, "oulu", 1).unlink()
    with pytest.raises(UserError, match=f"run ocim {verb}"):
        pack(config)


def test_crops_of_videos_that_left_the_index_are_told(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    write_index(layout.index("oulu"), ROWS[1:])
    with pytest.raises(UserError, match="run ocim crop"):
        pack(config)


@pytest.mark.slow
def test_an_empty_partition_and_a_split_without_samples_are_fine(tmp_path):
    config = made_config(tmp_path, partitions=40)
    write_run(config, ROWS[:2])
    entries = pack(config)["shards"]
    assert [(entry["split"], entry["samples"]) for entry in entries] == [("train", 4)]


def test_another_dataset_leaves_the_shards_of_the_first_untouched(tmp_path):
    one = made_config(tmp_path)
    layout = write_run(one, ROWS)
    pack(one)
    before = stamps(layout.bundle)
    both = {name: {"root": "x", "partitions": 1} for name in ("oulu", "msu")}
    config = made_config(tmp_path, datasets=both)
    write_run(config, made_rows("msu"), dataset="msu")
    pack(config)
    after = stamps(layout.bundle)
    assert {name: after[name] for name in before} == before
    assert len(after) == 4
    pack(one)
    assert stamps(layout.bundle) == before


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


@pytest.mark.parametrize("change", ["excluded", "margin", "every", "depth of other crops"])
def test_what_was_made_for_another_index_or_configuration_is_not_packed(tmp_path, change):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    if change == "excluded":
        overrides = tmp_path / "overrides.csv"
        overrides.write_text(
            f"video,frames,action,value,reason\n{ROWS[0].path},,exclude,,not the subject\n"
        )
        rows = apply(ROWS, read_overrides(overrides, ROWS))
        write_index(layout.index("oulu"), rows)
    elif change == "margin":
        config = made_config(tmp_path, crop={"margin": 1.5})
    elif change == "every":
        oulu = config.datasets["oulu"].model_copy(update={"every": 4})
        config = config.model_copy(update={"datasets": {"oulu": oulu}})
    else:
        kept = layout.partition("depth", "oulu", 0).read_bytes()
        samples = [(row, frame) for row in ROWS for frame in FRAMES]
        write_partition(config, "oulu", 0, samples, key="new")
        layout.partition("depth", "oulu", 0).write_bytes(kept)
    verb = "depth" if change == "depth of other crops" else "crop"
    with pytest.raises(UserError, match=f"another index or configuration; run ocim {verb} for"):
        pack(config)
    assert not layout.bundle.exists()


def test_a_new_session_needs_no_other_crops(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    write_index(layout.index("oulu"), [replace(row, session="9") for row in ROWS])
    pack(config)
    assert set(Bundle(layout.bundle).shards("oulu")[0].session) == {"9"}
