"""What cannot be packed is refused in one line that says what to run."""

from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_run import FRAMES, made_config, made_rows, write_partition, write_run

from pipeline.datasets.base import Video, write_index
from pipeline.errors import UserError
from pipeline.files.layers import Failure
from pipeline.files.room import Room
from pipeline.indexing.corrections import apply, read_overrides
from pipeline.pack import pack

ROWS = made_rows()


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


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path, monkeypatch):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    monkeypatch.setattr("shutil.disk_usage", lambda path: Room(path, 0, 0, 0, 5_000_000))
    with pytest.raises(UserError, match=r"5\.0 MB free, and 2\d\.\d MB are needed for 2 shards"):
        pack(config)
    assert not layout.bundle.exists()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["crops", "depth", "parsing"])
def test_a_partition_whose_metadata_is_damaged_is_one_line(tmp_path, stage):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    path = layout.partition(stage, "oulu", 0)
    whole = path.read_bytes()
    for place in range(40, 1200, 13):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        with suppress(UserError):
            pack(config)
