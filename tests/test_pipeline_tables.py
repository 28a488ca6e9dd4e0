"""Tables of results: means and deviations over runs, and what stands beside them."""

import json
from pathlib import Path
from typing import Any

import pytest
from made_bundle import SETTINGS, edit_manifest, make_bundle

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.tables import cells, formats, layout, make, summary
from pipeline.tables.cells import Cell
from pipeline.tables.stamp import Run
from pipeline.tables.summary import Value
from train.config import Settings
from train.evaluation.published import RESULTS_SCHEMA, TABLE_I

TO_C = "O&M&I to C"


def level(hter: float, auc: float, apcer: dict[str, float], sources: float | None) -> dict:
    """What a level of results.json has of all that the tables read."""
    worst = max(apcer.values())
    at = {"hter": hter, "apcer": apcer, "apcer_worst": worst, "bpcer": 0.25, "acer": 0.5}
    return {
        "hter_at_eer_threshold": hter,
        "auc": auc,
        "intervals": {"auc": [auc - 0.125, 1.0], "hter_at_eer_threshold": [0.0, hter]},
        "at": {
            "target_eer": at,
            "sources_eer": None if sources is None else {"hter": sources},
            "fixed": {"hter": 0.5},
        },
    }


def made_run(
    variant: str, seed: int, hter: float, auc: float, sources: float | None = 0.3
) -> dict[str, Any]:
    apcer = {"cut": hter, "replay": hter / 2}
    return {
        "protocol": TO_C,
        "variant": variant,
        "seed": seed,
        "run": Cell(TO_C, variant, seed).name,
        "results": {
            "schema": RESULTS_SCHEMA,
            "steps": 40,
            "selection": "last",
            "frame": level(hter, auc, apcer, sources),
            "video": level(hter / 2, auc, apcer, sources),
        },
    }


def made_set(runs: list[dict[str, Any]], sampling: str = "every", name: str = "paper") -> dict:
    return summary.summary(name, "0123456789abcdef", {"casia": sampling}, runs)


def rows_of(table: layout.Table) -> dict[str, list[str]]:
    """The texts of each row, by its name; of groups nothing."""
    return {row.name: [entry.text for entry in row.entries] for row in table.rows}


def test_mean_and_deviation_over_seeds_are_those_of_a_sample():
    # 0.1, 0.2, 0.3: mean 0.2; squares of what is off sum to 0.02, over n - 1 = 2: 0.01
    found = summary.value([0.1, 0.2, 0.3])
    assert found is not None
    assert (found.mean, found.deviation, found.seeds) == (pytest.approx(0.2), pytest.approx(0.1), 3)
    assert summary.value([0.5]) == Value(0.5, None, 1)
    assert summary.value([]) is None


def test_a_cell_tells_how_many_of_its_runs_gave_a_number():
    assert layout.percent(Value(0.0738, 0.0052, 3), 3) == "7.38 ± 0.52"
    assert layout.percent(Value(0.0738, None, 1), 1) == "7.38"
    assert layout.percent(Value(0.0738, None, 1), 3) == "7.38 (1 of 3)"
    assert layout.percent(None, 3) == "-"


def test_sampling_decides_the_tradition():
    assert summary.tradition_of(["every", "all"]) == "frames"
    assert summary.tradition_of(["ssdg", "uniform"]) == "videos"
    assert summary.tradition_of(["every", "ssdg"]) == "mixed"


def test_a_bundle_that_does_not_say_how_it_was_sampled_is_told(tmp_path: Path):
    folder = make_bundle(tmp_path / "bundle", ["oulu", "casia"], videos=1, frames=1)
    assert make.sampling_of([Cell("O to C", "ours", 0)], Bundle(folder)) == {
        "casia": SETTINGS["sampling"]["sampling"],
        "oulu": SETTINGS["sampling"]["sampling"],
    }
    edit_manifest(folder, lambda one: one["provenance"]["oulu"]["settings"].pop("sampling"))
    with pytest.raises(UserError, match="does not say how oulu was sampled"):
        make.sampling_of([Cell("O to C", "ours", 0)], Bundle(folder))


def test_each_variant_stands_above_the_papers_own_number():
    runs = [made_run("ours", 0, 0.25, 0.75), made_run("ours", 1, 0.5, 0.75)]
    runs += [made_run("without_asc", 0, 0.125, 1.0)]
    table, *_ = layout.tables([made_set(runs)])
    names = [row.name for row in table.rows]
    at = names.index("Ours w/o ASC")
    assert table.rows[at + 1].name == "the paper"
    assert [entry.text for entry in table.rows[at].entries] == ["12.50", "100.00"]
    assert [entry.text for entry in table.rows[at + 1].entries] == ["26.68", "83.72"]
    # 25 and 50: mean 37.5, deviation of a sample sqrt(2 * 12.5^2) = 17.68
    assert rows_of(table)["Ours"] == ["37.50 ± 17.68", "75.00 ± 0.00"]
    assert rows_of(table)["FGHV, published"] == ["12.47", "93.47"]
    assert "Ours, published" not in names  # it stands under ours already


def test_every_published_method_stands_once_and_the_traditions_are_kept_apart():
    sets = [
        made_set([made_run("ours", 0, 0.25, 0.75)]),
        made_set([made_run("ours", 0, 0.5, 0.5)], "ssdg", "ssdg"),
    ]
    by_frame, by_video, *_ = layout.tables(sets)
    for table, own, other in ((by_frame, "RFMetaFAS", "SSDG-M"), (by_video, "SSDG-M", "RFMetaFAS")):
        names = [row.name for row in table.rows]
        assert f"{own}, published" in names
        assert f"{other}, published" not in names
    groups = [row.name for row in by_frame.rows if row.kind == "group"]
    assert groups == [
        "Every n-th frame, each scored by itself",
        "A few frames a video, and their mean; here by frame, with nothing published to compare",
        "Published, how sampled is not known here",
    ]
    published = [
        row.name for t in (by_frame, by_video) for row in t.rows if row.kind == "published"
    ]
    for name in TABLE_I:
        wanted = 0 if name == "Ours" else 1
        assert published.count(f"{name}, published") == wanted


def test_errors_by_instrument_come_for_c_first_and_for_every_target():
    runs = [made_run("ours", 0, 0.25, 0.75)]
    other = {**made_run("ours", 0, 0.5, 0.5), "protocol": "O&C&I to M"}
    titles = [table.title for table in layout.tables([made_set([other, *runs])])]
    first, second = (title for title in titles if title.startswith("Errors by instrument"))
    assert first == "Errors by instrument on C: O&M&I to C"
    assert second == "Errors by instrument on M: O&C&I to M"
    table = next(t for t in layout.tables([made_set(runs)]) if t.title == first)
    assert table.columns == ("method", "cut", "replay", "APCER worst", "BPCER", "ACER")
    assert rows_of(table)["Ours"] == ["25.00", "12.50", "25.00", "25.00", "50.00"]


def test_a_run_without_a_sources_threshold_shows_none():
    runs = [made_run("ours", 0, 0.25, 0.75, sources=None)]
    table = next(t for t in layout.tables([made_set(runs)]) if "comes from" in t.title)
    assert rows_of(table)["Ours"] == ["25.00", "-", "50.00"]


def test_a_failed_run_is_listed_with_its_reason_and_the_mean_says_so():
    failed = {"protocol": TO_C, "variant": "ours", "seed": 1, "run": "x/1", "failed": "diverged"}
    *others, runs = layout.tables([made_set([made_run("ours", 0, 0.25, 0.75), failed])])
    assert rows_of(others[0])["Ours"] == ["25.00 (1 of 2)", "75.00 (1 of 2)"]
    assert rows_of(runs)[f"{TO_C}, ours, seed 1"][:2] == ["x/1", "failed: diverged"]


def test_every_own_cell_knows_its_runs():
    made = layout.tables([made_set([made_run("ours", seed, 0.25, 0.75) for seed in (0, 1)])])
    for table in made:
        for row in table.rows:
            if row.kind == "own":
                assert all(entry.runs for entry in row.entries), (table.title, row.name)
    row = next(row for row in made[0].rows if row.name == "Ours")
    assert row.entries[0].runs == ("O-M-I-to-C/ours/seed-0", "O-M-I-to-C/ours/seed-1")


def hostile(run: dict[str, Any], name: str) -> dict[str, Any]:
    for one in ("frame", "video"):
        run["results"][one]["at"]["target_eer"]["apcer"] = {name: 0.25}
    return run


def test_names_from_data_are_text_in_every_format():
    name = "<script>a|b_c & $d\n%"
    made = layout.tables([made_set([hostile(made_run("ours", 0, 0.25, 0.75), name)])])
    page = formats.to_html("t", "w", made)
    assert "<script>" not in page and "&lt;script&gt;a|b_c &amp; $d %" in page
    text = formats.to_markdown("t", "w", made)
    assert "APCER \\<script\\>a\\|b\\_c & \\$d %" in text
    tex = formats.to_latex("t", "w", made)
    assert r"\textless{}script\textgreater{}a\textbar{}b\_c \& \$d \%" in tex
    columns = {
        line.count("|") - line.count("\\|") for line in text.splitlines() if "script" in line
    }
    assert columns == {6}


def test_latex_has_as_many_cells_in_each_line_as_columns():
    made = layout.tables([made_set([made_run("ours", 0, 0.25, 0.75)])])
    for table in made:
        lines = formats.to_latex("t", "w", [table]).splitlines()
        body = lines[lines.index(r"\midrule") + 1 : lines.index(r"\bottomrule")]
        for line in body:
            if "multicolumn" not in line:
                assert line.count(" & ") == len(table.columns) - 1, line
        assert r"\multicolumn{2}{c}{O\&M\&I to C}" in "\n".join(lines) or table is not made[0]


def test_a_run_of_other_settings_or_bundle_or_files_is_as_good_as_none(tmp_path: Path):
    cell, base = Cell(TO_C, "ours", 0), Settings()
    place = cells.folder_of(tmp_path, cell)
    place.mkdir(parents=True)

    def read(settings: Settings = base, bundle: str = "hash") -> dict[str, Any]:
        return summary.read_run(tmp_path, cell, cell.settings(settings), bundle)

    assert read()["failed"] == "not finished"
    results = {"schema": RESULTS_SCHEMA, "auc": 0.5}
    (place / "results.json").write_text(json.dumps({**results, "published": {}}))
    for name in ("model.pt", "scores.csv"):
        (place / name).write_text("made")
    assert read()["failed"] == "not finished"  # nothing says of what it is
    Run(place, cell.settings(base), "hash").set_evaluated()
    assert read()["results"] == results
    assert "results" in read(Settings(threads=3))  # how it runs is no other training
    for other in (read(Settings(steps=7)), read(bundle="other")):
        assert other["failed"] == "not finished"
    # A training of other settings that was begun in the folder takes the model away.
    (place / "model.pt").unlink()
    assert read()["failed"] == "not finished"
    (place / "evaluated.json").write_text("{")
    assert read()["failed"] == "not finished"


def test_a_failure_is_that_of_its_settings_and_bundle_alone(tmp_path: Path):
    cell, wild = Cell(TO_C, "ours", 0), Settings(learning_rate=1e29)
    run = Run(cells.folder_of(tmp_path, cell), cell.settings(wild), "hash")
    run.folder.mkdir(parents=True)
    run.set_failed("diverged")

    def read(settings: Settings, bundle: str = "hash") -> str:
        return summary.read_run(tmp_path, cell, cell.settings(settings), bundle)["failed"]

    assert read(wild) == "diverged"
    assert read(Settings()) == read(wild, "other") == "not finished"
    run.clear_failure()
    assert read(wild) == "not finished"
