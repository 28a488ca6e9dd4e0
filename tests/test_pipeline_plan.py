"""A plan adds up its parts, leaves out what is finished, and says what it does not know."""

import json
from pathlib import Path

import jsonschema
import pytest
from command_line import in_process
from made_run import made_config, made_rows, write_run

from pipeline.config import validate
from pipeline.errors import UserError
from pipeline.plan import rates
from pipeline.plan.headers import Header
from pipeline.plan.output import duration, to_json, to_lines
from pipeline.plan.plan import Inventory, Plan, PlanOptions, plan, take_inventory

SCHEMA = json.loads(
    (Path(__file__).parents[1] / "docs" / "schemas" / "plan.schema.json").read_text("utf-8")
)
RATES = rates.Rates(
    processor="a slow one",
    measured="by hand",
    decode_ms_a_frame=[(1000, 10.0)],
    crop_ms_a_look={"embedded": [(1000, 1000.0)]},
    depth_ms_a_live_sample={"facemesh": 200.0},
    parse_ms_a_sample={"facemesh": 300.0},
    pack_ms_a_sample=50.0,
    start_s=rates.Starts(crop=1.0, depth=2.0, parse=3.0, pack=4.0),
    loose_bytes_a_sample=60_000,
)


def planned(config, rows, cores=2, trouble="") -> Plan:
    rows = sorted(rows, key=lambda row: row.path.encode())  # as an index is
    header = Header(0 if trouble else 10, 1000, trouble=trouble)
    found = Inventory(rows, [header] * len(rows), list(range(len(rows))))
    return plan(config, {"oulu": found}, PlanOptions(1, cores), RATES, "here")


def test_the_plan_of_one_partition_worked_out_by_hand(tmp_path):
    # 8 videos of 10 frames, each fifth: 2 samples a video. Decoding 80 frames at 10 ms, 16 looks at
    # 1 s, 8 live samples at 0.2 s, 16 at 0.3 s; three jobs start in 1, 2 and 3 s.
    config = made_config(tmp_path, 1)
    config = config.model_copy(
        update={"datasets": {"oulu": config.datasets["oulu"].model_copy(update={"every": 5})}}
    )
    made = planned(config, made_rows())
    (one,) = made.datasets
    assert (one.videos, one.live_videos, one.frames) == (8, 4, 80)
    assert (one.samples, one.live_samples) == (16, 8)
    wanted = {"decode": 0.8, "crop": 16.0, "depth": 1.6, "parse": 4.8, "start": 6.0}
    assert one.seconds == pytest.approx(wanted)
    assert any(
        line.startswith("time on 1 machine of 2 cores: about 34 s: labels 29 s (29 s of one core")
        for line in to_lines(made)
    )
    assert made.labels == pytest.approx(29.2)  # one partition is one job, whatever the cores
    assert made.pack == pytest.approx(4 + 8 * 0.05)  # both at once, on two cores
    assert one.shards == (8, 8)  # of train and of test
    assert 16 * 266_240 < one.bytes["bundle"] < 16 * 266_240 + 2 * 500_000
    assert made.to_write == made.bundle_bytes + made.stage_bytes


def test_more_cores_than_partitions_gain_nothing_and_that_is_said(tmp_path):
    config = made_config(tmp_path, 2)
    few, many = (planned(config, made_rows(videos=20), cores=n) for n in (1, 64))
    assert few.labels == pytest.approx(sum(many.jobs))
    assert many.labels == pytest.approx(max(many.jobs))
    assert any("more than 2 cores gain nothing" in line for line in to_lines(many))
    assert not any("gain nothing" in line for line in to_lines(few))


def test_what_is_finished_is_left_out_of_the_time(tmp_path):
    config = made_config(tmp_path, 2)
    layout = write_run(config, made_rows())
    made = planned(config, made_rows())
    assert made.datasets[0].done == 2 and made.jobs == [] and made.labels == 0
    assert made.pack > 0  # there is no bundle yet
    layout.partition("depth", "oulu", 0).unlink()
    made = planned(config, made_rows())
    assert made.datasets[0].done == 1 and len(made.jobs) == 1
    spent = {name for name, value in made.datasets[0].seconds.items() if value}
    assert spent == {"depth", "start"}
    layout.partition("crops", "oulu", 1).unlink()
    assert planned(config, made_rows()).datasets[0].done == 0


def test_crops_of_another_setting_are_not_finished_work(tmp_path):
    config = made_config(tmp_path, 1)
    write_run(config, made_rows())
    other = made_config(tmp_path, 1, crop={"margin": 1.8})
    assert planned(config, made_rows()).datasets[0].done == 1
    assert planned(other, made_rows()).datasets[0].done == 0


def test_nothing_is_left_to_do_where_the_bundle_is_the_youngest(tmp_path):
    config = made_config(tmp_path, 1)
    layout = write_run(config, made_rows())
    layout.bundle.mkdir()
    (layout.bundle / "bundle.json").write_text("{}")
    made = planned(config, made_rows())
    assert (made.labels, made.pack, made.to_write) == (0, 0, 0)
    assert "time: nothing is left to do" in list(to_lines(made))


def test_a_back_end_without_a_rate_makes_the_time_unknown(tmp_path):
    made = planned(made_config(tmp_path, 1, parse={"backend": "bisenet"}), made_rows())
    assert made.unknown == ("parsing by bisenet",)
    told = [line for line in to_lines(made) if line.startswith("time")]
    assert told == [
        "time: not known: there is no rate for parsing by bisenet; --measure takes it on this"
        " machine"
    ]
    assert to_json(made)["seconds"] is None


def test_files_that_cannot_be_opened_are_counted_and_three_are_named(tmp_path):
    made = planned(made_config(tmp_path, 1), made_rows(), trouble="the file is empty")
    assert made.datasets[0].frames == 0
    told = next(line for line in to_lines(made) if "cannot be opened" in line)
    assert told.startswith("oulu: 8 files") and told.endswith("and 5 more")
    assert told.count("the file is empty") == 3


def test_excluded_videos_give_no_samples(tmp_path):
    rows = made_rows()
    gone = '[{"action": "exclude", "frames": "", "value": "", "reason": "twice"}]'
    rows[0] = type(rows[0])(**{**vars(rows[0]), "corrections": gone})
    assert planned(made_config(tmp_path, 1), rows).datasets[0].frames == 70


@pytest.mark.parametrize("backend", ["facemesh", "bisenet"])
def test_the_json_keeps_to_its_schema(tmp_path, backend):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    config = made_config(tmp_path, 2, parse={"backend": backend})
    told = to_json(planned(config, made_rows()))
    jsonschema.validate(told, SCHEMA)
    for change in ({"machines": 0}, {"seconds": {}}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**told, **change}, SCHEMA)


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"), (0.42, "0.4 s"), (35.2, "35 s"), (720, "12 min"), (11_520, "3.2 h"),
        (354_240, "4.1 days"),
    ],
)  # fmt: skip
def test_times_are_told_in_one_unit(seconds, text):
    assert duration(seconds) == text


def test_a_folder_that_is_not_there_is_told_as_check_tells_it(tmp_path):
    config = validate({"datasets": {"msu": {"root": str(tmp_path / "none")}}}, "made")
    with pytest.raises(UserError, match=r"no such folder; set datasets\.msu\.root.*make demo"):
        take_inventory("msu", config, PlanOptions(1, 1), print, 1)


def test_the_verb_plans_videos_that_are_there(tmp_path, portrait, video_writer):
    for number in range(3):
        video_writer(tmp_path / "data" / "train" / "live" / f"s{number}" / "a.mp4", [portrait] * 6)
    (tmp_path / "data" / "train" / "spoof" / "s3").mkdir(parents=True)
    (tmp_path / "data" / "train" / "spoof" / "s3" / "b.mp4").write_text("no video")
    mine = {"adapter": "table", "root": str(tmp_path / "data"), "every": 2, "partitions": 2}
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps({"out": str(tmp_path / "out"), "datasets": {"mine": mine}}))
    done = in_process("plan", "--config", path, "--cores", "4", "--json")
    told = json.loads(done.stdout)
    jsonschema.validate(told, SCHEMA)
    (one,) = told["datasets"]
    assert (one["frames"], one["samples"]["all"], one["headers"]["unreadable"]) == (18, 9, 1)
    assert not (tmp_path / "out").exists()


def test_videos_in_a_store_are_planned_from_their_sizes_and_that_is_said(tmp_path):
    # 3 frames of 56,000 bytes, and a byte more: 4. Each third of those, from frame 0: 2.
    for number in range(2):
        path = tmp_path / "data" / "train" / "live" / f"s{number}" / "a.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(3 * 56_000 + 1))
    (tmp_path / "data" / "train" / "live" / "s0" / "b.png").write_bytes(b"a picture")
    mine = {"adapter": "table", "root": f"file://{tmp_path}/data", "every": 3, "partitions": 1}
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps({"out": f"file://{tmp_path}/out", "datasets": {"mine": mine}}))
    done = in_process("plan", "--config", path, "--json")
    told = json.loads(done.stdout)
    jsonschema.validate(told, SCHEMA)
    (one,) = told["datasets"]
    assert (one["frames"], one["samples"]["all"], one["headers"]["read"]) == (9, 5, 0)
    assert told["bytes"]["free"] is None
    done = in_process("plan", "--config", path)
    assert "mine: in a store, so no header is read" in done.stdout
    done = in_process("plan", "--config", path, "--measure")
    assert isinstance(done.exception, UserError) and "of this machine" in str(done.exception)


def test_save_without_measure_and_two_kinds_of_rates_are_refused(tmp_path):
    for words in (["--save", "r.json"], ["--measure", "--rates", "r.json"]):
        done = in_process("plan", *words)
        assert done.exit_code == 2 and "give" in done.output
