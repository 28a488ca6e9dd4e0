"""What stands in the report's page of a made run."""

import io
import json
import re

import numpy as np
import pytest
from html_page import Page
from made_report import EVIL, REASON, ROWS, made_report_run
from PIL import Image

from pipeline.bundle import Bundle
from pipeline.layout import Layout
from pipeline.look.sheets import CELL, GAP
from pipeline.report import write_report


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    config, layout = made_report_run(tmp_path_factory.mktemp("run"))
    write_report(config, layout)
    return layout


@pytest.fixture(scope="module")
def page(layout) -> Page:
    return Page(layout.report.read_text("utf-8"))


def test_the_page_asks_nothing_of_anywhere(page):
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"link", "iframe", "object", "embed", "base", "form"})
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "poster", "data", "action"):
            if name in attributes:
                assert attributes[name].startswith("data:image/"), (tag, name)
        if "href" in attributes:
            assert attributes["href"].startswith("#")
    style = page.html.split("</style>")[0]
    assert "url(" not in style and "@import" not in style


def test_every_entry_of_the_contents_leads_to_a_section(page):
    entries = [a["href"] for tag, a in page.tags if tag == "a"]
    sections = [f"#{a['id']}" for tag, a in page.tags if tag == "section"]
    assert set(entries) == set(sections) and len(sections) == len(set(sections))


def test_nothing_of_style_or_script_stands_in_an_attribute(page):
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag


def test_names_and_reasons_are_text_never_markup(page):
    assert page.html.count("<script") == 2  # the table of videos and the page's own
    assert '<img src="https' not in page.html
    assert EVIL in page.text
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


def test_thresholds_stand_with_what_they_give(page):
    # Live .95 .9 .85 .8 .75 .7 .4 .3 and spoof .6 .5 .3 .2 .1 .05 have a score, 3 of 17 have none.
    # At 0.5 live loses 2 of 8 and 2 of 6 spoofs pass: with failures FRR = 3/17 + 1/4 * 14/17 and
    # FAR = 1/3 * 14/17.
    (row,) = [r for r in page.rows if r[:3] == ["frame", "fixed", "0.5"]]
    firsts = [cell.split(" ")[0] for cell in row[3:]]
    assert firsts == ["32.84", "27.45", "38.24", "33.33", "25.00", "29.17", "printer1"]
    assert ["frame", "sources EER", *["–"] * 8] in page.rows
    assert "none: no subject was held out" in page.text


def test_results_stand_in_percent_beside_the_papers_tables(page):
    # By video live .9, .9, .725, .55, .4 and spoof .35, .275, .25, all apart; one of 9 failed.
    assert ["this run, by video", "5.56", "100.00"] in page.rows
    assert ["the paper's own", "8.75", "95.95"] in page.rows
    assert ["SSDG-M", "25.17", "81.83"] in page.rows
    assert ["without_asc", "15.01", "93.06"] in page.rows


def test_the_kept_model_and_the_frames_taken_are_told(page):
    assert "sources, step 2, step 2 of 3" in page.text
    assert "sampling every, every 5" in page.text


def test_the_worst_frames_are_shown_with_four_pictures_each(page):
    labels = [
        attributes["aria-label"]
        for tag, attributes in page.tags
        if tag == "button" and (attributes.get("aria-label") or "").endswith(", enlarge")
    ]
    frames = [label.removesuffix(", enlarge") for label in labels if " frame " in label]
    assert frames[:3] == [
        "train/1_live.avi frame 5",
        "test/1_live.avi frame 0",
        "train/0_live.avi frame 0",
    ]
    spoof = frames.index("test/1_print.avi frame 5")
    assert frames[spoof : spoof + 2] == ["test/1_print.avi frame 5", "train/1_print.avi frame 5"]
    crops = [data for data in page.pictures("jpeg") if Image.open(io.BytesIO(data)).height == 256]
    assert len(crops) == 2 * len(frames)  # crop and overlay
    sizes = [Image.open(io.BytesIO(data)).size for data in page.pictures("png")]
    assert sizes == [(32, 32), (256, 256)] * len(frames)


def test_a_frame_of_the_gallery_tells_score_threshold_and_where_it_is_wrong(page):
    # At .6 a spoof of 6 passes and 2 live of 8 do not, at .5 two of 6 and 2 of 8: as far apart, so
    # the EER threshold is the higher.
    for words in (
        r"0\.300000 , target EER 0\.6 wrong at every threshold train/1_live\.avi frame 5",
        r"0\.700000 , target EER 0\.6 right at every threshold train/0_live\.avi frame 0",
        r"0\.500000 , target EER 0\.6 wrong at fixed.{0,6} train/1_print\.avi frame 5, printer1",
    ):
        assert re.search(words, page.text), words


def test_a_crop_of_the_gallery_is_that_of_its_frame(layout, page):
    (shard,) = [s for s in Bundle(layout.bundle).shards("oulu") if "train/1_live.avi" in s.video]
    row = int(np.flatnonzero((shard.video == "train/1_live.avi") & (shard.frame == 5))[0])
    sizes = [(data, Image.open(io.BytesIO(data))) for data in page.pictures("jpeg")]
    shown = np.asarray(next(picture for _, picture in sizes if picture.size == (256, 256)), float)
    # Made crops are noise, of which JPEG keeps the coarse; another crop's noise is not that.
    own = np.corrcoef(shown.mean(2).ravel(), shard.image[row].mean(2).ravel())[0, 1]
    other = np.corrcoef(shown.mean(2).ravel(), shard.image[row - 1].mean(2).ravel())[0, 1]
    assert own > 0.8 and abs(other) < 0.1


def test_contact_sheets_show_four_pictures_of_one_sample_a_video(page):
    # 5 live videos; 4 prints of which one failed.
    sizes = [Image.open(io.BytesIO(data)).size for data in page.pictures("jpeg")]
    step = CELL + GAP
    sheets = [size for size in sizes if size != (256, 256)]
    assert sheets == [(5 * step - GAP, 4 * step - GAP), (3 * step - GAP, 4 * step - GAP)]


def test_drawings_are_of_lines_alone_and_follow_light_and_dark(page):
    # By frame and by video: all, one instrument, ROC and DET; and the losses.
    drawings = page.pictures("svg+xml")
    assert len(drawings) == 2 * 4 + 1
    for drawing in drawings:
        assert drawing.count(b"<svg") == 1
        assert b"<script" not in drawing and b"<image" not in drawing
        assert b"prefers-color-scheme:dark" in drawing and b"currentColor" in drawing


@pytest.mark.slow
def test_the_same_run_gives_the_same_page(layout, page, tmp_path):
    config, again = made_report_run(tmp_path)
    write_report(config, again)
    html = again.report.read_text("utf-8").replace(str(tmp_path), "OUT")
    assert html == page.html.replace(str(layout.out), "OUT")


def test_without_truth_beside_the_videos_nothing_is_said_of_the_replica(page):
    assert "replica" not in page.text


def test_results_of_this_training_and_this_bundle_need_no_word(page):
    for words in ("not that of the configuration", "another by now"):
        assert words not in page.text


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


def test_quality_is_told_by_dataset_and_class(layout, page):
    shards = Bundle(layout.bundle).shards("oulu")
    live = np.concatenate([shard.yaw[shard.live == 1] for shard in shards])
    middle = f"{np.median(live):.0f}"
    (row,) = [row for row in page.rows if row[:2] == ["oulu", "live"] and len(row) == 10]
    assert f" / {middle} / " in row[4]


def test_shipped_positions_are_compared_with_what_was_found(layout, page):
    shards = Bundle(layout.bundle).shards("oulu")
    off = np.concatenate([shard.shipped_distance for shard in shards])
    (row,) = [row for row in page.rows if len(row) == 7 and row[1] == row[2] == str(len(off))]
    assert row[3] == f"{np.median(off):.3f}"
    assert row[5] == str((off > 0.25).sum())


def test_the_videos_of_the_table_stand_in_the_page_as_data(page):
    data = page.html.partition('<script type="application/json" id="videos-data">')[2]
    table = json.loads(data.partition("</script>")[0])
    rows = {row[1]: row for row in table["rows"]}
    assert len(rows) == 9
    assert rows["test/1_live.avi"] == ["oulu", "test/1_live.avi", 1, "", "", "test1", 1, 1, 0.4]
    assert rows["train/0_print.avi"][6:] == [0, 1, None]
    assert [rule[0] for rule in table["rules"]] == ["target_eer", "fixed", "ssdg"]
