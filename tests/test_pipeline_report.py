import base64
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_run import made_config, made_rows, write_run
from PIL import Image

from pipeline.bundle import Bundle, BundleError
from pipeline.config import Config, Layout
from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.layers import Failure, Remark
from pipeline.pack import pack
from pipeline.report import choose, write_report
from pipeline.sheets import CELL, GAP
from train.protocols import parse
from train.published import RESULTS_SCHEMA, beside

EVIL = "Train_files/<script>alert(1)<&>.avi"
REASON = 'not decodable: <img src="https://example.org/x.png">'
ROWS = [*made_rows(), Video(EVIL, "oulu", "train", 1, "evil")]
FAILURES = [
    Failure("train/0_print.avi", -1, REASON),
    Failure("test/0_live.avi", 5, "no face found"),
    Failure("test/1_live.avi", 5, "no face found"),
]
REMARKS = [Remark("test/0_print.avi", 0, "2 faces of like size <b>")]
CORRECTION = (
    '[{"action":"exclude","frames":"7","value":"","reason":"a hand <i>before</i> the face"}]'
)
RESULTS = {
    "schema": RESULTS_SCHEMA,
    "protocol": "O&C&I to M",
    "variant": "ours",
    "width": 0.125,
    "input_size": 64,
    "steps": 3,
    "seed": 0,
    "threshold": "target EER",
    "selection": "last step",
    "counts": {"frames_live": 4, "frames_spoof": 6, "frames_failed": 1},
    "frame": {"hter_at_eer_threshold": 0.1234, "auc": 0.9, "eer": 0.25},
    "video": {"hter_at_eer_threshold": 0.5, "auc": 1.0, "eer": 0.0},
    "published": beside(parse("O&C&I to M")),
}
CURVES = "step,epoch,mining,learning_rate,total,depth\n" + "".join(
    f"{step},0,all,0.001,{3 - step},{0.5 / step}\n" for step in (1, 2, 3)
)


def made(folder: Path) -> tuple[Config, Layout]:
    """A run of two labelled splits with failures, results and curves."""
    config = made_config(folder, partitions=2)
    rows = [replace(ROWS[0], corrections=CORRECTION), *ROWS[1:]]
    layout = write_run(config, rows, FAILURES, remarks=REMARKS)
    pack(config, layout)
    layout.results.write_text(json.dumps(RESULTS))
    layout.model.parent.mkdir()
    (layout.model.parent / "curves.csv").write_text(CURVES)
    return config, layout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Layout]:
    config, layout = made(tmp_path_factory.mktemp("run"))
    write_report(config, layout)
    return config, layout


class Page(HTMLParser):
    """The tags with their attributes, the text, and the tables' rows of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self.in_cell = False
        self.feed(text)
        self.rows = [[cell.strip() for cell in row] for row in self.rows]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.words.append(data)
        if self.in_cell:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def page(run) -> Page:
    return Page(run[1].report.read_text("utf-8"))


def test_the_page_asks_nothing_of_anywhere(run, page):
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object", "base"})
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "poster", "data", "action"):
            if name in attributes:
                assert attributes[name].startswith("data:image/"), (tag, name)
    style = run[1].report.read_text("utf-8").split("</style>")[0]
    assert "url(" not in style and "@import" not in style


def test_names_and_reasons_are_text_never_markup(run, page):
    text = run[1].report.read_text("utf-8")
    assert "<script" not in text
    assert '<img src="https' not in text
    assert EVIL in " ".join(page.words)
    assert ["oulu", "train/0_print.avi", "whole", REASON] in page.rows


def test_failures_stand_with_their_reasons_and_how_often(page):
    assert ["no face found", "2"] in page.rows
    assert [REASON, "1"] in page.rows
    assert ["oulu", "test/0_live.avi", "5", "no face found"] in page.rows


def test_counts_are_by_split_attack_and_instrument(page):
    # 3 live training videos of 2 frames; 2 prints of which one failed; in test one frame of each
    # live video failed.
    for row in (
        ["oulu", "train", "live", "", "3", "6", "0"],
        ["oulu", "train", "print", "printer1", "2", "2", "1"],
        ["oulu", "test", "live", "", "2", "2", "2"],
        ["oulu", "test", "print", "printer1", "2", "4", "0"],
    ):
        assert row in page.rows


def test_results_stand_in_percent_beside_the_papers_table(page):
    assert ["this run, by frame", "12.34", "90.00", "25.00"] in page.rows
    assert ["this run, by video", "50.00", "100.00", "0.00"] in page.rows
    assert ["the paper's own", "7.38", "96.66"] in page.rows
    assert ["SSDG-M", "16.67", "90.47"] in page.rows


def pictures(page: Page, kind: str) -> list[bytes]:
    start = f"data:image/{kind};base64,"
    sources = [attributes.get("src") or "" for tag, attributes in page.tags if tag == "img"]
    return [base64.b64decode(s.removeprefix(start)) for s in sources if s.startswith(start)]


def test_contact_sheets_show_four_pictures_of_one_sample_a_video(page):
    # 5 live videos; 4 prints of which one failed.
    sizes = [Image.open(io.BytesIO(data)).size for data in pictures(page, "jpeg")]
    step = CELL + GAP
    assert sizes == [(5 * step - GAP, 4 * step - GAP), (3 * step - GAP, 4 * step - GAP)]


def test_curves_are_a_drawing_of_every_loss(page):
    (curves,) = pictures(page, "svg+xml")
    assert curves.count(b"<svg") == 1
    assert b"<script" not in curves and b"<image" not in curves


def test_the_same_run_gives_the_same_page(run, tmp_path):
    config, layout = made(tmp_path)
    write_report(config, layout)
    one = run[1].report.read_text("utf-8").replace(str(run[1].out), "OUT")
    assert layout.report.read_text("utf-8").replace(str(tmp_path), "OUT") == one


def test_without_truth_beside_the_videos_nothing_is_said_of_the_replica(page):
    assert "replica" not in " ".join(page.words)


@pytest.mark.parametrize(
    "missing, words",
    [
        ("bundle/bundle.json", "bundle.json"),
        ("results.json", "run ocim evaluate"),
        ("train/curves.csv", "run ocim train"),
    ],
)
def test_what_is_missing_is_told_and_no_page_written(tmp_path, missing, words):
    config, layout = made(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises((UserError, BundleError), match=words):
        write_report(config, layout)
    assert not layout.report.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}'])
def test_results_of_another_program_are_told(tmp_path, text):
    config, layout = made(tmp_path)
    layout.results.write_text(text)
    with pytest.raises(UserError, match="run ocim evaluate again"):
        write_report(config, layout)


def test_curves_without_a_step_are_told(tmp_path):
    config, layout = made(tmp_path)
    (tmp_path / "train" / "curves.csv").write_text("step,epoch,total\n")
    with pytest.raises(UserError, match="holds no step"):
        write_report(config, layout)


def test_samples_to_look_at_are_of_all_kinds_in_turn_and_one_a_video():
    kinds = [("print", "printer1")] * 8 + [("print", "printer2")] * 2 + [("replay", "ipad")] * 2
    shard = SimpleNamespace(
        live=np.zeros(12, np.uint8),
        video=np.array([str(number // 2) for number in range(12)]),
        attack=np.array([attack for attack, _ in kinds]),
        instrument=np.array([instrument for _, instrument in kinds]),
    )
    chosen = choose([shard], 0)
    assert [sample.row for sample in chosen] == [0, 8, 10, 2, 4, 6]
    assert choose([shard], 1) == []


def test_the_index_is_held_against_the_published_list(page):
    # The made rows are not named as OULU's, so all of them are surplus and everything is missing.
    rows = page.rows
    assert ["oulu", "train", "live", "360", "3", "360", "3"] in rows
    assert ["oulu", "dev", "spoof", "1080", "0", "1080", "0"] in rows


def test_corrections_and_remarks_are_shown_and_escaped(page):
    rows = page.rows
    reason = "a hand <i>before</i> the face"
    assert ["oulu", ROWS[0].path, "7", "exclude", "", "", reason, "0"] in rows
    assert ["oulu", "test/0_print.avi", "0", "2 faces of like size <b>"] in rows


def test_quality_is_told_by_dataset_and_class(run, page):
    shards = Bundle(run[1].bundle).shards("oulu")
    live = np.concatenate([shard.yaw[shard.live == 1] for shard in shards])
    middle = f"{np.median(live):.0f}"
    (row,) = [row for row in page.rows if row[:2] == ["oulu", "live"] and len(row) == 10]
    assert f" / {middle} / " in row[4]


def test_shipped_positions_are_compared_with_what_was_found(run, page):
    shards = Bundle(run[1].bundle).shards("oulu")
    off = np.concatenate([shard.shipped_distance for shard in shards])
    (row,) = [row for row in page.rows if len(row) == 7 and row[1] == row[2] == str(len(off))]
    assert row[3] == f"{np.median(off):.3f}"
    assert row[5] == str((off > 0.25).sum())
