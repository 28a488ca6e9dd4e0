"""The verb on made bundles, with networks that nobody trained."""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import opened
from command_line import in_process
from html_page import Page
from made_bundle import SETTINGS, make_bundle
from made_model import make_model
from PIL import Image

from pipeline.errors import UserError
from pipeline.explain.explain import explain
from pipeline.explain.findings import Options

ocim = partial(in_process, "explain")

FIGURES = ("gradcam", "tsne", "parsing", "depth")
EVIL = "<script>alert(1)</script> & $x$"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("explain") / "bundle", frames=1)


@pytest.fixture(scope="module")
def models(bundle: Path) -> dict[str, Path]:
    folder = bundle.parent
    return {
        variant: make_model(folder / f"{variant}.pt", bundle, variant)
        for variant in ("ours", "without_parsing", "ssan", "ssdg")
    }


@pytest.fixture(scope="module")
def made(bundle: Path, models: dict[str, Path]) -> tuple[Path, dict[str, Any]]:
    """All figures of two runs and a baseline, one of them named as an attacker would."""
    out = bundle.parent / "out"
    asked = Options(samples=4, names=(EVIL, "without", "ssan"))
    given = [models[name] for name in ("ours", "without_parsing", "ssan")]
    return out, explain(given, bundle, out, asked, lambda line: None)


def look(bundle: Path, out: Path, *models: Path, **asked: Any) -> Any:
    """What is told of models, with the depth of two samples as the one figure if not otherwise."""
    options = Options(**{"samples": 2, "only": ("depth",), **asked})
    return explain(models, bundle, out, options, lambda line: None)


@pytest.mark.slow
def test_every_figure_is_made_and_listed_with_its_hash(made):
    out, told = made
    assert told == json.loads((out / "explain.json").read_text())
    assert set(told["figures"]) == {f"{name}.png" for name in FIGURES}
    for name, wanted in told["figures"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == wanted
        assert Image.open(out / name).size[0] > 1200
    assert {path.name for path in out.iterdir()} == {
        "explain.json", "explain.html", *told["figures"],
    }  # fmt: skip


@pytest.mark.slow
def test_every_run_sees_the_same_samples_half_of_them_live(made):
    _, told = made
    assert told["target"] == "msu"
    assert [one["live"] for one in told["samples"]] == [True, True, False, False]
    assert {one["dataset"] for one in told["samples"]} == {"msu"}
    subjects = [one["subject"] for one in told["samples"]]
    assert len(set(subjects[:2])) == len(set(subjects[2:])) == 2
    for one in told["samples"]:
        assert set(one["runs"]) == {EVIL, "without", "ssan"}
        for run in one["runs"].values():
            assert run["decision"] == ("live" if run["score"] >= 0.5 else "spoof")
            assert run["gradcam_towards"] == run["decision"]


@pytest.mark.slow
def test_the_counts_are_of_train_and_test_and_not_of_dev(made):
    # Three sources, two splits, three videos a class, one frame each.
    for run in made[1]["runs"]:
        assert run["measured"] == {
            "source_live": 18, "source_spoof": 18, "target_live": 6, "target_spoof": 6,
        }  # fmt: skip
        # 48 samples: a third of the others is 15
        assert run["tsne"]["perplexity"] == 15
    assert any("perplexity 15 instead of 30" in remark for remark in made[1]["remarks"])


@pytest.mark.slow
def test_what_a_run_lacks_is_said_and_has_no_number(made):
    _, told = made
    ours, without, ssan = told["runs"]
    assert ours["parsing"] is not None and 0 <= ours["parsing"]["mean_iou"]["all"] <= 1
    assert without["parsing"] is None and ssan["parsing"] is None
    assert ssan["depth"] is not None  # a depth map of its own
    assert "without a parser, so without a row in parsing.png: without, ssan" in told["remarks"]


@pytest.mark.slow
def test_the_layer_is_told_and_a_coarse_map_is_remarked(made):
    _, told = made
    assert told["gradcam"]["layer"] == "meta"
    assert [run["gradcam"]["map_side"] for run in told["runs"]] == [2, 2, 2]
    assert any("2 x 2 places at an input of 64" in remark for remark in told["remarks"])


@pytest.mark.slow
def test_the_page_holds_its_pictures_and_escapes_what_others_named(made):
    out, _ = made
    page = Page((out / "explain.html").read_text())
    assert "script" not in {tag for tag, _ in page.tags}
    assert "&lt;script&gt;" in page.html and EVIL not in page.html
    named = [v for _, found in page.tags for n, v in found.items() if n in ("src", "href")]
    assert named and all(one.startswith("data:image/png;base64,") for one in named)


@pytest.mark.slow
def test_a_browser_asks_for_nothing_else_and_complains_of_nothing(made):
    out, _ = made
    address = (out / "explain.html").as_uri()
    with opened(address) as seen:
        assert seen.page.locator("figure img").count() == 4
        wide = seen.page.evaluate("[...document.images].every(one => one.naturalWidth > 1000)")
        assert wide
    assert seen.requests == [address] and not seen.errors


@pytest.mark.slow
def test_the_same_again_is_the_same_bytes(made, models, bundle, tmp_path):
    out, _ = made
    asked = Options(samples=4, names=(EVIL, "without", "ssan"))
    given = [models[name] for name in ("ours", "without_parsing", "ssan")]
    explain(given, bundle, tmp_path / "again", asked, lambda line: None)
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


@pytest.mark.slow
def test_runs_of_other_sizes_sources_and_variants_stand_side_by_side(bundle, models, tmp_path):
    wide = make_model(tmp_path / "wide.pt", bundle, "ours", width=0.125, input_size=128)
    few = make_model(tmp_path / "few.pt", bundle, "rfmetafas", protocol="O&C to M")
    asked = {"layer": "stage3", "towards": "spoof", "points": 2, "only": FIGURES}
    told = look(bundle, tmp_path / "out", wide, few, models["ssdg"], **asked)
    assert [run["name"] for run in told["runs"]] == ["ours", "rfmetafas", "ssdg"]
    assert [run["gradcam"]["map_side"] for run in told["runs"]] == [16, 8, 8]
    assert [run["measured"]["source_live"] for run in told["runs"]] == [6, 4, 6]
    assert any("different sources" in remark for remark in told["remarks"])
    assert told["runs"][2]["depth"] is None
    towards = {run["gradcam_towards"] for one in told["samples"] for run in one["runs"].values()}
    assert towards == {"spoof"}


@pytest.mark.slow
def test_a_named_sample_alone_is_shown_of_any_split(models, bundle, tmp_path):
    named = ("oulu:dev/0_1.avi:0",)
    told = look(bundle, tmp_path, models["ours"], samples=None, named=named)
    (one,) = told["samples"]
    assert (one["dataset"], one["video"], one["frame"]) == ("oulu", "dev/0_1.avi", 0)
    assert not one["live"]


@pytest.mark.slow
def test_fewer_samples_than_asked_for_are_said(models, bundle, tmp_path):
    told = look(bundle, tmp_path, models["ours"], samples=32)
    assert len(told["samples"]) == 12
    assert "msu has 6 live samples to show, fewer than the 16 asked for" in told["remarks"]


@pytest.mark.slow
def test_only_what_is_asked_for_is_made(models, bundle, tmp_path):
    told = look(bundle, tmp_path / "out", models["ours"], only=("parsing",))
    assert set(told["figures"]) == {"parsing.png"}
    assert told["gradcam"] is None
    (run,) = told["runs"]
    assert run["parsing"] is not None
    assert run["tsne"] is run["depth"] is run["gradcam"] is None


@pytest.mark.slow
def test_a_figure_that_no_run_has_anything_for_is_not_made_and_said(models, bundle, tmp_path):
    told = look(bundle, tmp_path, models["ssdg"], only=("depth", "gradcam"))
    assert set(told["figures"]) == {"gradcam.png"}
    assert "depth.png is not made: no run has a depth estimator" in told["remarks"]


@pytest.mark.slow
def test_another_bundle_and_another_crop_are_said(bundle, tmp_path):
    other = make_bundle(tmp_path / "other", ("msu", "oulu"), videos=1, frames=1)
    crop = {**SETTINGS["crop"], "margin": 1.8}
    model = make_model(tmp_path / "model.pt", bundle, crop=crop)
    told = look(other, tmp_path / "out", model)
    first, second = told["remarks"]
    assert first.startswith("ours was trained on another bundle than this")
    assert second == "ours was trained on faces that were cut otherwise: margin 1.8, here 1.4"


@pytest.mark.slow
def test_sources_that_the_bundle_lacks_are_said(bundle, models, tmp_path):
    other = make_bundle(tmp_path / "other", ("msu", "oulu"), frames=1)
    told = look(other, tmp_path / "out", models["without_parsing"], only=("tsne",))
    assert told["runs"][0]["measured"]["source_live"] == 6
    assert "without_parsing: this bundle has no casia, replay" in " ".join(told["remarks"])


def test_too_few_samples_for_tsne_are_one_line(models, tmp_path):
    small = make_bundle(tmp_path / "small", ("msu",), videos=1, frames=1)
    with pytest.raises(UserError, match="t-SNE needs at least 5 samples, and there are 4"):
        look(small, tmp_path / "out", models["ours"], only=("tsne",))
    assert not (tmp_path / "out").exists()


def test_networks_that_diverged_are_one_line(bundle, models, tmp_path):
    import dataclasses

    from train.running import checkpoint

    model = checkpoint.load(models["ours"])
    broken = {name: value * np.nan for name, value in model.networks.items()}
    checkpoint.save(tmp_path / "nan.pt", dataclasses.replace(model, networks=broken))
    with pytest.raises(UserError, match=r"nan.pt: its networks give numbers that are not finite"):
        look(bundle, tmp_path / "out", tmp_path / "nan.pt")


@pytest.mark.slow
def test_the_verb_prints_what_it_did(bundle, models, tmp_path):
    done = ocim(
        models["without_parsing"], "--bundle", bundle, "-o", tmp_path / "out",
        "--only", "depth", "--samples", 2, "--points", 2,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "without_parsing: 2 samples shown, 4 measured",
        f"{tmp_path / 'out' / 'depth.png'}: depth",
        f"{tmp_path / 'out' / 'explain.json'}: the numbers",
        f"{tmp_path / 'out' / 'explain.html'}: open it in a browser",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "gradcam,saliency"], "--only: no figure 'saliency'"),
        (["--names", "a", "--names", "b"], "2 for 1 runs"),
        (["--sample", "x"], "write DATASET:VIDEO:FRAME"),
    ],
)
def test_a_mistake_in_the_options_is_a_users_error(bundle, models, tmp_path, words, said):
    done = ocim(models["ours"], "--bundle", bundle, "-o", tmp_path / "out", *words)
    assert isinstance(done.exception, UserError) and said in str(done.exception)


def test_a_bundle_that_is_none_is_a_users_error(models, tmp_path):
    done = ocim(models["ours"], "--bundle", tmp_path, "-o", tmp_path / "out")
    assert isinstance(done.exception, UserError) and "manifest" in str(done.exception)
