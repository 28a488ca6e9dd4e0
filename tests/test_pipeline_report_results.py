"""The report of results and of a bundle that are not as they should be: told, or refused."""

import json
import shutil

import pytest
from command_line import in_process
from html_page import Page
from made_report import EVIL, made_report_run, made_scores, write_results

from pipeline.bundle import BundleError
from pipeline.config import Config, dump
from pipeline.datasets.base import read_index, write_index
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.report import write_report
from train.settings import settings_to_dict


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Layout]:
    return made_report_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def run(made, tmp_path) -> tuple[Config, Layout]:
    """A run without a page, which a test may spoil."""
    folder = shutil.copytree(made[1].out, tmp_path / "run")
    return made[0].model_copy(update={"out": str(folder)}), Layout(folder)


@pytest.mark.slow
def test_results_of_another_training_than_the_configurations_are_told(run):
    config, layout = run
    write_results(layout, made_scores(), seed=3, variant="ours")
    write_report(config, layout)
    text = Page(layout.report.read_text()).text
    assert "which has another variant, another seed" in text


@pytest.mark.slow
def test_a_bundle_that_was_packed_since_is_told(run):
    config, layout = run
    write_results(layout, made_scores(), evaluated_on="another")
    write_report(config, layout)
    assert "the bundle beside them is another by now" in Page(layout.report.read_text()).text


@pytest.mark.slow
def test_another_training_on_the_bundle_has_its_report_in_its_own_folder(run, tmp_path):
    config, layout = run
    other = tmp_path / "other"
    other.mkdir()
    of_other = layout.with_run(other)
    write_results(of_other, made_scores(), seed=3)
    shutil.copy(layout.model.parent / "curves.csv", other)
    settings = {**settings_to_dict(config.train), "seed": 3}
    (other / "settings.json").write_text(json.dumps(settings))
    (tmp_path / "config.yaml").write_text(dump(config))
    words = ("report", "--config", tmp_path / "config.yaml", "--run", other)
    done = in_process(*words)
    assert done.exit_code == 0, done.output
    text = Page((other / "report.html").read_text()).text
    assert "seed 3." in text and "not that of the configuration" not in text
    assert not layout.report.exists()
    (other / "settings.json").unlink()
    assert isinstance(in_process(*words).exception, UserError)


@pytest.mark.slow
def test_fewer_than_two_subjects_give_a_page_without_intervals(run):
    config, layout = run
    write_results(layout, [row._replace(subject="one") for row in made_scores()])
    write_report(config, layout)
    page = Page(layout.report.read_text())
    assert "none: fewer than two subjects" in page.text
    assert ["in percent", "by frame", "no interval", "by video", "no interval"] in page.rows


@pytest.mark.parametrize(
    "missing, words",
    [
        ("bundle/bundle.json", "bundle.json"),
        ("results.json", "run ocim evaluate"),
        ("scores.csv", "run ocim evaluate"),
        ("train/curves.csv", "run ocim train"),
    ],
)
def test_what_is_missing_is_told_and_no_page_written(run, missing, words):
    config, layout = run
    (layout.out / missing).unlink()
    with pytest.raises((UserError, BundleError), match=words):
        write_report(config, layout)
    assert not layout.report.exists()


@pytest.mark.parametrize(
    "name, change, words",
    [
        ("results.json", lambda _: "{", "run ocim evaluate again"),
        ("results.json", lambda _: "[]", "run ocim evaluate again"),
        ("results.json", lambda _: '{"schema": 2}', "run ocim evaluate again"),
        ("results.json", lambda text: text.replace('"auc"', '"area"'), "frame.auc: Field required"),
        ("scores.csv", lambda text: text.replace("0.7", "high"), "score is 'high"),
        ("train/curves.csv", lambda _: "step,epoch,total\n", "holds no step"),
        ("train/curves.csv", lambda text: text.replace("0.25", "low"), "damaged"),
    ],
)
def test_what_is_damaged_is_told_in_one_line(run, name, change, words):
    config, layout = run
    path = layout.out / name
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=words) as told:
        write_report(config, layout)
    assert "\n" not in str(told.value)


def test_a_video_of_the_bundle_that_the_index_lacks_is_told(run):
    config, layout = run
    rows = read_index(layout.index("oulu"))
    write_index(layout.index("oulu"), [row for row in rows if row.path != EVIL])
    with pytest.raises(UserError, match="run ocim pack again"):
        write_report(config, layout)


def test_scores_of_one_class_are_told(run):
    config, layout = run
    lines = layout.scores.read_text().splitlines(keepends=True)
    layout.scores.write_text("".join(line for line in lines if "print" not in line))
    with pytest.raises(UserError, match="live and spoof must both have a score"):
        write_report(config, layout)
