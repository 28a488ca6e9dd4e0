"""Samples, bytes, rates and schedules of a plan, each worked out by hand."""

import json
from pathlib import Path

import pytest

from pipeline.config import DatasetSettings
from pipeline.errors import UserError
from pipeline.plan import rates, sizes, work
from pipeline.plan.amounts import Amount, of_video
from pipeline.plan.headers import Header
from pipeline.plan.plan import makespan


def settings(**values) -> DatasetSettings:
    return DatasetSettings(root="nowhere", **values)


@pytest.mark.parametrize(
    "frames, sampling, amount",
    [
        (22, {"sampling": "every", "every": 5}, Amount(22, 22, 5, 5)),  # 0, 5, 10, 15, 20
        (20, {"sampling": "every", "every": 5}, Amount(20, 20, 4, 4)),
        (7, {"sampling": "all"}, Amount(7, 7, 7, 7)),
        # Counted in a first pass, so decoded twice.
        (100, {"sampling": "uniform", "frames": 8}, Amount(100, 200, 8, 8)),
        (3, {"sampling": "uniform", "frames": 8}, Amount(3, 6, 3, 3)),
        # 6, 8, 10, 12, 14, 16, 18: all exist. In the first pass a face is looked for in each frame.
        (20, {"sampling": "ssdg", "frames": 7}, Amount(20, 40, 27, 7)),
        # 6, 7, 8, 9; 10, 11 and 12 do not exist.
        (10, {"sampling": "ssdg", "frames": 7}, Amount(10, 20, 14, 4)),
        # A picture is its one frame.
        (1, {"sampling": "ssdg", "frames": 7}, Amount(1, 1, 1, 1)),
        (0, {"sampling": "every"}, Amount(0, 0, 0, 0)),
    ],
)
def test_what_a_video_gives_by_the_sampling_of_its_dataset(frames, sampling, amount):
    assert of_video(frames, settings(**sampling)) == amount


def test_bytes_of_a_partition_are_those_of_its_arrays_and_a_little():
    # image, landmarks, refined landmarks, two affines, frame size, frame, faces, nine qualities.
    record = 196_608 + 468 * 12 + 478 * 12 + 2 * 48 + 8 + 4 + 1 + 9 * 4
    paths = ["a.avi", "bbb.avi"]
    assert sizes.crops(10, paths, 0) == 20_480 + 10 * (record + 7 + 1) + 2 * (7 + 64)
    assert sizes.crops(10, paths, 50_000) - sizes.crops(10, paths, 0) == 10 * 50_008
    assert sizes.layer("depth", 10, paths) == 14_336 + 10 * (4096 + 4 + 7)
    assert sizes.layer("parsing", 10, paths) == 14_336 + 10 * (65_536 + 4 + 7)


def test_shards_are_cut_evenly_and_each_lists_the_videos_of_its_split():
    parts, size = sizes.shards(9000, 100, 4096)
    assert parts == [3000, 3000, 3000]
    one, of_third = sizes.shards(3000, 100, 4096)
    assert one == [3000] and size == 3 * of_third
    assert 3000 * 266_240 < of_third < 3000 * 275_000
    assert sizes.shards(0, 100, 4096) == ([], 0)


def test_a_rate_lies_on_the_line_between_the_sizes_that_were_measured():
    curve = [(300_000, 2.0), (2_100_000, 14.0)]
    assert rates.interpolated(curve, 1_200_000, grows=True) == pytest.approx(8.0)
    assert rates.interpolated(curve, 150_000, grows=True) == pytest.approx(1.0)
    assert rates.interpolated(curve, 4_200_000, grows=True) == pytest.approx(28.0)
    assert rates.interpolated(curve, 150_000, grows=False) == 2.0
    assert rates.interpolated(curve, 4_200_000, grows=False) == 14.0


@pytest.mark.parametrize(
    "jobs, cores, seconds",
    [
        ([3.0, 3.0, 3.0], 2, 6.0),  # a second wave for the third
        ([4.0, 1.0, 1.0, 1.0, 1.0], 2, 4.0),
        ([1.0, 1.0, 1.0, 1.0, 4.0], 2, 6.0),  # the long one comes last
        ([5.0, 2.0], 64, 5.0),
        ([], 4, 0.0),
    ],
)
def test_jobs_go_to_the_core_that_is_free_first(jobs, cores, seconds):
    assert makespan(jobs, cores) == seconds


def test_videos_that_were_not_read_are_taken_to_be_like_those_that_were():
    read = [Header(10, 100), Header(30, 100)]
    filled = work.filled_in(6, [1, 4], read)
    assert filled[1] == read[0] and filled[4] == read[1]
    assert sum(header.frames for header in filled) == 6 * 20


def test_the_shipped_rates_are_whole():
    known = rates.shipped()
    assert set(known.depth_ms_a_live_sample) >= {"facemesh"}
    assert set(known.parse_ms_a_sample) >= {"facemesh", "bisenet"}
    assert known.decode_ms("oulu", 1080 * 1920) > known.decode_ms("oulu", 640 * 480) > 0


def test_rates_of_a_dataset_that_was_measured_go_before_the_curves():
    own = rates.DatasetRates(
        pixels=1000, landmarks="embedded", decode_ms_a_frame=3, crop_ms_a_look=70
    )
    known = rates.shipped().model_copy(update={"datasets": {"mine": own}})
    assert known.decode_ms("mine", 2000) == 6
    assert known.look_ms("mine", "embedded", 2000) == 70
    assert known.look_ms("mine", "tasks", 2000) == rates.shipped().look_ms("oulu", "tasks", 2000)
    assert known.decode_ms("other", 2000) == rates.shipped().decode_ms("other", 2000)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"pack_ms_a_sample": -1}, "pack_ms_a_sample"),
        ({"decode_ms_a_frame": []}, "decode_ms_a_frame"),
        ({"start_s": {"crop": 1}}, r"start_s\.depth"),
        ({"speed": 3}, "speed"),
    ],
)
def test_a_file_of_rates_that_is_wrong_is_told_with_its_key(tmp_path, change, words):
    values = {**rates.shipped().model_dump(mode="json"), **change}
    path = tmp_path / "rates.json"
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match=rf"rates\.json: {words}.*--save"):
        rates.read(path)


def test_rates_that_are_missing_or_no_json_are_told(tmp_path):
    with pytest.raises(UserError, match=r"none\.json: cannot read"):
        rates.read(Path(tmp_path / "none.json"))
    (tmp_path / "text.json").write_text("fast")
    with pytest.raises(UserError, match=r"text\.json: "):
        rates.read(tmp_path / "text.json")


def test_what_is_written_is_read_back_the_same(tmp_path):
    (tmp_path / "rates.json").write_text(rates.shipped().model_dump_json())
    assert rates.read(tmp_path / "rates.json") == rates.shipped()
