"""The models that are explained: opened, named apart, refused."""

from pathlib import Path

import pytest
from made_bundle import make_bundle
from made_model import make_model

from pipeline.errors import UserError
from pipeline.explain.runs import checked, model_file, named_apart, open_runs


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("runs") / "bundle", ("msu",), videos=1, frames=1)


def test_a_folder_means_its_model_and_a_whole_run_the_one_in_train(tmp_path):
    own, whole = tmp_path / "own", tmp_path / "whole"
    (whole / "train").mkdir(parents=True)
    own.mkdir()
    for path in (own / "model.pt", whole / "train" / "model.pt"):
        path.touch()
    assert model_file(own) == own / "model.pt"
    assert model_file(whole) == whole / "train" / "model.pt"
    assert model_file(own / "model.pt") == own / "model.pt"
    with pytest.raises(UserError, match=r"no model.pt in this folder"):
        model_file(tmp_path)


def test_what_is_no_model_is_told_by_its_path(tmp_path):
    with pytest.raises(UserError, match=r"nowhere: no such model"):
        open_runs([tmp_path / "nowhere"], [])
    (tmp_path / "junk.pt").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"junk.pt: not a model.pt"):
        open_runs([tmp_path / "junk.pt"], [])


def test_runs_of_different_targets_are_refused_by_name(bundle, tmp_path):
    one = make_model(tmp_path / "one.pt", bundle)
    other = make_model(tmp_path / "other.pt", bundle, protocol="O&M&I to C")
    with pytest.raises(UserError, match=r"one.pt msu, .*other.pt casia"):
        open_runs([one, other], [])


def test_a_run_has_the_threshold_of_its_model_or_one_half(bundle, tmp_path):
    threshold = {
        "frame": 0.75, "video": 0.8, "rule": "sources_eer", "how": "", "from": "3 subjects",
    }  # fmt: skip
    own = make_model(tmp_path / "own.pt", bundle, threshold=threshold)
    none = make_model(tmp_path / "none.pt", bundle)
    first, second = open_runs([own, none], ["a", "b"])
    assert (first.name, first.threshold, first.rule) == ("a", 0.75, "sources_eer: 3 subjects")
    assert second.threshold == 0.5 and second.rule.startswith("fixed")


def test_runs_of_one_variant_are_named_apart():
    paths = [Path("a/x"), Path("a/y"), Path("b/x"), Path("a/z")]
    assert named_apart(["ours", "ours", "ours", "ssdg"], paths) == [
        "ours (a/x)", "ours (y)", "ours (b/x)", "ssdg",
    ]  # fmt: skip
    assert named_apart(["ours", "ssdg"], paths[:2]) == ["ours", "ssdg"]
    assert named_apart(["ours"] * 2, [Path("x")] * 2) == ["ours (x) 1", "ours (x) 2"]


def test_names_are_one_a_run_none_empty_none_twice():
    assert checked([], 3) == []
    assert checked([" a ", "b\x1b[2J"], 2) == ["a", "b\\x1b[2J"]
    for names, said in (
        (["a"], "1 for 2 runs"), (["a", " "], "empty"), (["a", "a"], "same name"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=said):
            checked(names, 2)
