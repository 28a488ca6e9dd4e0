"""pipeline/graph.py: what is refused before any work, and what makes work anew."""

from pathlib import Path

import pytest

from pipeline.config import Config, DepthSettings, validate
from pipeline.errors import UserError
from pipeline.graph import check_inputs, check_protocol, fingerprints, made_by

VIDEO = "scene01/real/real_client001_laptop_SD_scene01.mov"


def msu(tmp_path: Path, **train: str) -> object:
    path = tmp_path / VIDEO
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"one")
    return validate(
        {"datasets": {"msu": {"root": str(tmp_path), "partitions": 3}}, "train": train}, "test"
    )


def test_a_protocol_that_needs_a_dataset_left_out_is_refused_before_any_work(tmp_path):
    config = msu(tmp_path, protocol="O&C to M")
    with pytest.raises(UserError, match=r"train\.protocol 'O&C to M' needs oulu"):
        check_protocol(config)
    check_inputs(config)  # its labels can be made all the same


def test_a_missing_folder_is_refused_with_its_key_and_the_way_without_data():
    config = validate({}, "test")
    with pytest.raises(UserError, match=r"datasets\.\w+\.root .*make demo"):
        check_inputs(config)


def test_a_changed_video_changes_the_fingerprint_of_its_partition_alone(tmp_path):
    config = msu(tmp_path)
    before = fingerprints(config, "msu")
    assert len(before) == 3
    (tmp_path / VIDEO).write_bytes(b"another")
    after = fingerprints(config, "msu")
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_without_data_every_partition_has_the_fingerprint_of_nothing(tmp_path):
    config = validate({"datasets": {"msu": {"root": str(tmp_path / "none")}}}, "test")
    assert len(set(fingerprints(config, "msu"))) == 1


def test_a_correction_by_hand_changes_the_fingerprint_of_its_partition_alone(tmp_path):
    config = msu(tmp_path)
    before = fingerprints(config, "msu")
    text = f"video,frames,action,value,reason\n{VIDEO},3,exclude,,blurred\n"
    (tmp_path / "overrides.csv").write_text(text)
    after = fingerprints(config, "msu")
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_face_positions_beside_a_video_are_part_of_its_fingerprint(tmp_path):
    config = msu(tmp_path)
    before = fingerprints(config, "msu")
    (tmp_path / VIDEO).with_suffix(".face").write_text("0,1,1,9,9,3,4,7,4\n")
    assert fingerprints(config, "msu") != before


def test_wrong_corrections_are_told_before_any_work_and_no_dry_run_falls_over_them(tmp_path):
    config = msu(tmp_path)
    (tmp_path / "overrides.csv").write_text("video,frames,action,value,reason\nnone,,exclude,,x\n")
    with pytest.raises(
        UserError, match=r"overrides\.csv: line 2: video 'none' is not in the index"
    ):
        check_inputs(config)
    assert len(set(fingerprints(config, "msu"))) == 1


@pytest.mark.parametrize("stage", ["crop", "depth", "parse"])
def test_an_update_is_seen_by_versions(stage):
    made = made_by(Config(), stage)
    assert made["version"][0] >= 2
    assert made["versions"]["numpy"].startswith("1.26")


def test_missing_weights_are_told_before_any_work_and_no_dry_run_falls_over_them(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("OCIM_WEIGHTS", str(tmp_path / "none"))
    config = msu(tmp_path).model_copy(update={"depth": DepthSettings(backend="prnet")})
    with pytest.raises(UserError, match=r"ocim weights fetch prnet"):
        check_inputs(config)
    assert "weights" not in made_by(config, "depth")
