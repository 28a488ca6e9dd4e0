from pathlib import Path

import pytest

from pipeline.config import validate
from pipeline.errors import UserError
from pipeline.run import at_once, check_inputs, check_protocol, fingerprints

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


@pytest.mark.parametrize("cores", [1, 2])
def test_results_come_in_the_order_of_the_calls(cores):
    assert at_once(divmod, [(7, 2), (9, 4), (1, 1)], cores) == [(3, 1), (2, 1), (1, 0)]
