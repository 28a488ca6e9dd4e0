"""What a bundle, or one shard, holds is told in lines and as JSON."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import pytest
from command_line import in_process
from made_bundle import edit_manifest, make_bundle

from pipeline.bundle import FAILURES, NOTICE, PIXELS, BundleError, canonical_json
from pipeline.inspect.info import info, to_lines
from pipeline.inspect.read import flat, printable
from pipeline.packing.shard import write_table

ocim = partial(in_process, "bundle", "info")

FAILED = [
    {"dataset": "msu", "split": "train", "video": "a", "frame": 5, "reason": "no face in 12"},
    {"dataset": "oulu", "split": "test", "video": "b", "frame": 0, "reason": "no face in 7"},
    {"dataset": "oulu", "split": "test", "video": "c", "frame": -1, "reason": "missing"},
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 videos a class and split, 2 samples each: 12 a split, in two shards."""
    folder = tmp_path_factory.mktemp("made") / "bundle"
    return make_bundle(folder, ["oulu", "msu"], failures=FAILED, pieces=2)


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def row(known: dict[str, Any], dataset: str, split: str) -> dict[str, Any]:
    (found,) = (r for r in known["splits"] if (r["dataset"], r["split"]) == (dataset, split))
    return found


def test_every_split_is_counted(made):
    known = info(made)
    assert (known["samples"], known["live"], known["spoof"], known["shards"]) == (72, 36, 36, 12)
    assert [(r["dataset"], r["split"]) for r in known["splits"]] == [
        ("msu", "dev"), ("msu", "test"), ("msu", "train"),
        ("oulu", "dev"), ("oulu", "test"), ("oulu", "train"),
    ]  # fmt: skip
    assert row(known, "oulu", "dev") == {
        "dataset": "oulu", "split": "dev", "shards": 2, "samples": 12, "live": 6, "spoof": 6,
        "videos": 6, "videos_without_sample": 0, "subjects": 3, "attacks": {"print": 6},
        "frames_a_video": {"median": 2.0, "low": 2, "high": 2},
    }  # fmt: skip


def test_the_size_is_that_of_the_shards_on_disk(made):
    assert info(made)["bytes"] == sum(path.stat().st_size for path in made.glob("*.h5"))


def test_attacks_videos_and_frames_are_those_of_the_columns(tmp_path):
    made = make_bundle(tmp_path / "bundle", ["oulu"], videos=2, frames=3)
    with h5py.File(made / "oulu-train-00000-of-00001.h5", "r+") as file:
        # Of 12 samples all but one go to the first sample's video; two of the 6 spoofs are replays.
        first, last = file["video"][0], [v for v in file["video"][:] if v != file["video"][0]][-1]
        file["video"][:] = [last, *[first] * 11]
        spoofs = [i for i, live in enumerate(file["live"][:]) if not live]
        texts = file["attack"][:].tolist()
        for i in spoofs[:2]:
            texts[i] = b"cut"
        file["attack"][:] = texts
    found = row(info(made), "oulu", "train")
    assert found["attacks"] == {"cut": 2, "print": 4}
    assert found["frames_a_video"] == {"median": 6.0, "low": 1, "high": 11}
    assert (found["videos"], found["videos_without_sample"]) == (2, 2)
    lines = "\n".join(to_lines(info(made)))
    assert "2 (+2)" in lines
    assert "6 (1 to 11)" in lines
    assert "(+N): videos that gave no sample" in lines


def test_failures_are_counted_by_dataset_and_by_reason_without_its_numbers(made):
    assert info(made)["failures"] == {
        "count": 3,
        "by_dataset": {"msu": 1, "oulu": 2},
        "by_reason": {"missing": 1, "no face in N": 2},
    }
    lines = list(to_lines(info(made)))
    at = lines.index("failures: 3: 1 msu, 2 oulu")
    assert [line.split() for line in lines[at + 1 : at + 3]] == [
        ["2", "no", "face", "in", "N"],
        ["1", "missing"],
    ]


def test_remarks_and_corrections_are_counted(copy):
    def edit(manifest):
        manifest["remarks"] = [{"dataset": "msu", "video": "a", "frame": 3, "text": "2 runs"}]
        manifest["corrections"] = [
            {"dataset": "oulu", "action": "rotate"},
            {"dataset": "oulu", "action": "exclude"},
            {"dataset": "msu", "action": "rotate"},
        ]

    edit_manifest(copy, edit)
    known = info(copy)
    assert known["remarks"]["by_reason"] == {"N runs": 1}
    assert known["corrections"] == {
        "count": 3, "by_action": {"exclude": 1, "rotate": 2}, "by_dataset": {"msu": 1, "oulu": 2},
    }  # fmt: skip
    assert "corrections: 3: 1 exclude, 2 rotate" in to_lines(known)


MAKER = {
    "backend": "prnet", "classes_never_given": ["left ear"], "made_on": "cuda bfloat16",
    "stage": [5, 1], "versions": {"torch": "2.13.0"},
    "weights": [{"name": "prnet", "sha256": "ab12", "licence": "MIT"}],
}  # fmt: skip


def test_settings_and_back_ends_are_told_with_the_datasets_where_they_differ(copy):
    def edit(manifest):
        manifest["provenance"]["oulu"]["settings"] = {"crop": {"margin": 1.4}}
        manifest["provenance"]["msu"]["settings"] = {"crop": {"margin": 1.5}}
        for one in manifest["provenance"].values():
            one["backends"] = {"depth": [MAKER]}
            one["versions"] = {"ocim": "0.1.0"}

    edit_manifest(copy, edit)
    lines = [" ".join(line.split()) for line in to_lines(info(copy))]
    assert "crop.margin 1.5 (msu); 1.4 (oulu)" in lines
    assert "packed by.ocim 0.1.0" in lines
    at = lines.index("depth:")
    assert lines[at + 1 : at + 5] == [
        "prnet on cuda bfloat16",
        "versions torch 2.13.0",
        "weights prnet ab12, licence: MIT",
        "never left ear",
    ]


def test_the_notice_stands_in_full_at_the_end(copy):
    notice = "Pictures of faces.\n\nKeep it.\n- oulu: its terms\n"
    edit_manifest(copy, lambda manifest: manifest.update(notice=notice))
    assert ocim(copy).output.endswith("\n" + notice)
    assert (copy / NOTICE).read_text() == notice


def test_json_has_the_same_and_is_canonical(made):
    out = ocim(made, "--json").output
    assert json.loads(out) == info(made)
    assert out == canonical_json(info(made))


def test_the_manifest_may_be_named_instead_of_its_folder(made):
    assert info(made / "bundle.json") == info(made)


def test_no_pixel_is_read(copy, made):
    before = ocim(made).output
    for path in copy.glob("*.h5"):
        with h5py.File(path, "r+") as file:
            for name in PIXELS:
                del file[name]
    sizes = {path.name: path.stat().st_size for path in copy.glob("*.h5")}
    assert sizes == {path.name: path.stat().st_size for path in made.glob("*.h5")}
    assert ocim(copy).output == before


def test_one_shard_alone_tells_its_own_part(made, tmp_path):
    name = "oulu-test-00000-of-00002.h5"
    alone = Path(shutil.copy(made / name, tmp_path / name))
    with h5py.File(alone, "r+") as file:
        del file["failures"]
        rows = [{"video": v, "frame": -1, "reason": f"damaged after {v}"} for v in ("3", "17")]
        write_table(file.create_group("failures"), FAILURES, rows)
        file.attrs["notice"] = "of the shard\n"
    known = info(alone)
    assert known["shard"] == name
    assert known["key"] == h5py.File(made / name).attrs["key"]
    assert (known["samples"], known["bytes"]) == (6, alone.stat().st_size)
    assert [(r["dataset"], r["split"], r["samples"]) for r in known["splits"]] == [
        ("oulu", "test", 6)
    ]
    assert known["splits"][0]["videos"] + known["splits"][0]["videos_without_sample"] == 6
    assert known["failures"] == {
        "count": 2, "by_dataset": {"oulu": 2}, "by_reason": {"damaged after N": 2},
    }  # fmt: skip
    assert known["spoof_depth"] == "zero"
    assert known["notice"] == "of the shard\n"
    assert json.loads(ocim(alone, "--json").output) == known
    assert ocim(alone).output.endswith("of the shard\n")


@pytest.mark.parametrize("name", ["videos", "failures", "subject"])
def test_a_shard_that_lacks_a_table_or_a_column_is_told_in_one_line(copy, name):
    path = copy / "msu-dev-00001-of-00002.h5"
    with h5py.File(path, "r+") as file:
        del file[name]
    with pytest.raises(BundleError, match=rf"msu-dev-00001-of-00002\.h5: .*{name}"):
        info(path)


def test_a_text_that_is_no_utf8_is_told(copy):
    with h5py.File(copy / "msu-dev-00000-of-00002.h5", "r+") as file:
        file["subject"][0] = b"\xff"
    with pytest.raises(BundleError, match=r"msu-dev-00000-of-00002\.h5: 'subject' is no UTF-8"):
        info(copy)


@pytest.mark.parametrize("name", ["shards", "provenance", "failures", "spoof_depth"])
def test_a_manifest_that_lacks_a_part_is_told(copy, name):
    edit_manifest(copy, lambda manifest: manifest.pop(name))
    with pytest.raises(BundleError, match=f"'{name}' is missing"):
        info(copy)


@pytest.mark.parametrize("rows", [[3], [{}], [{"dataset": 3}]])
def test_a_list_of_something_else_is_told(copy, rows):
    edit_manifest(copy, lambda manifest: manifest.update(failures=rows))
    with pytest.raises(BundleError, match="'failures' holds a row without a dataset"):
        info(copy)


def test_a_shard_that_the_manifest_lists_twice_is_told(copy):
    edit_manifest(copy, lambda manifest: manifest["shards"].append(manifest["shards"][0]))
    with pytest.raises(BundleError, match="a shard stands twice"):
        info(copy)


def test_what_is_no_bundle_is_told(tmp_path):
    (tmp_path / "a.h5").write_text("no HDF5")
    for path in (tmp_path, tmp_path / "a.h5", tmp_path / "gone"):
        with pytest.raises(BundleError, match=str(path)):
            info(path)


def test_names_with_control_letters_do_not_reach_the_terminal(copy):
    evil = "a\x1b[2Jb\u202e"
    failed = [{"dataset": evil, "split": "x", "video": "v", "frame": 0, "reason": evil}]
    edit_manifest(copy, lambda manifest: manifest.update(failures=failed, notice=evil))
    out = ocim(copy).output
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert r"a\x1b[2Jb\u202e" in out


def test_letters_of_any_script_are_printed_as_they_are():
    assert printable("größe/脸 1.avi\n") == r"größe/脸 1.avi\n"


def test_nested_values_have_dotted_names():
    nested = {"a": {"b": 1, "c": [{"d": 2}]}, "e": [{"f": 3}, {"f": 4}], "g": [5, 6], "h": {}}
    assert flat(nested) == {
        "a.b": 1, "a.c.d": 2, "e.0.f": 3, "e.1.f": 4, "g": [5, 6], "h": {},
    }  # fmt: skip
