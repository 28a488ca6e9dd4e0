"""`ocim browse` in a real browser: what is seen, what is asked for, and what goes wrong."""

import pytest
from browse_page import counted, numbers, settle, shown, until
from browser import opened
from made_browse import LIVE, make_columns, make_run, opened_site, served
from made_bundle import make_bundle

from pipeline.bundle import Shard

pytest_plugins = "browser"
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_browser")]
HOSTILE = ["<img src=x onerror=alert(1)>.mp4", "\"'><script>alert(2)</script>.mp4", "a\nb\tc.mp4",
           "{{7*7}}${7*7}&amp;.mp4", "‮gpj.mp4"]  # fmt: skip


@pytest.fixture(scope="module")
def run(portrait, video_writer, tmp_path_factory):
    """A run with videos, and a server of its bundle."""
    folder = tmp_path_factory.mktemp("page")
    bundle = make_run(folder, portrait, video_writer)
    with served(opened_site(bundle)) as server:
        yield server


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """A server of a bundle of four datasets, 144 samples, one failure."""
    failure = {"dataset": "oulu", "split": "dev", "video": "dev/1_0.avi", "frame": 10, "live": 1,
               "reason": "no <b>face</b> found", "subject": "", "attack": "", "instrument": "",
               "session": "", "device": ""}  # fmt: skip
    folder = tmp_path_factory.mktemp("four") / "bundle"
    with served(opened_site(make_bundle(folder, failures=[failure]))) as server:
        yield server


def test_the_page_loads_without_a_complaint_and_asks_nothing_of_elsewhere(four):
    with shown(four) as seen:
        settle(seen.page)
        assert "144 of 144 samples" in seen.page.inner_text("#count")
        assert seen.page.title().endswith("ocim browse")
        assert {0, 1, 2} <= set(numbers(seen.page))


def test_a_filter_changes_what_is_shown_and_stands_in_the_address(four):
    with shown(four) as seen:
        page = seen.page
        page.check('[data-name="dataset"][data-value="msu"] input')
        page.check('[data-name="live"][data-value="live"] input')
        counted(page, "18 of")
        settle(page)
        assert "dataset=msu" in page.url and "live=live" in page.url
        assert set(page.locator(".tile b").all_inner_texts()) == {"live"}
        # other datasets keep the number that choosing them as well would give
        oulu = page.locator('[data-name="dataset"][data-value="oulu"] .count')
        assert oulu.inner_text() == "18"
        page.go_back()
        counted(page, "36 of")
        page.click("text=Clear all filters")
        counted(page, "144 of")


def test_an_address_shows_somebody_else_the_same_view(four):
    filters = "dataset=oulu&live=spoof&sort=-identity"
    with shown(four, f"?{filters}&view=overlay&size=200&parsing=0.3&tab=samples") as seen:
        page = seen.page
        settle(page)
        assert page.inner_text("#count").startswith("18 of 144")
        assert page.input_value("#size") == "208"  # the slider has steps of 16
        assert page.input_value("#sort") == "identity" and page.inner_text("#direction") == "↓"
        strength = page.locator("img.parsing").first.evaluate("o => getComputedStyle(o).opacity")
        assert strength == "0.3"
        assert page.locator(".tile bdi").first.inner_text() == "train/0_2.avi"


def test_an_address_that_says_nothing_is_told_and_can_be_left(four):
    with opened(four.address + "?yaw=sideways&sort=size&view=x&size=huge&sample=") as seen:
        page = seen.page
        page.wait_for_selector("#trouble >> text=yaw")
        page.click("text=Clear all filters")
        counted(page, "144 of")
        assert not page.locator("#trouble").is_visible()


def test_words_in_the_video_s_path_and_none_that_fit(four):
    with shown(four) as seen:
        page = seen.page
        page.keyboard.press("/")
        page.keyboard.type("dev/1_2")
        counted(page, "8 of")
        page.keyboard.type("nothing")
        page.wait_for_selector("#nothing:not([hidden])")
        assert numbers(page) == {}


def test_a_range_of_a_figure_is_typed_or_dragged(run):
    with shown(run) as seen:
        page = seen.page
        yaw = page.locator('.figure[data-name="yaw"]')
        yaw.locator("input").first.fill("2")
        yaw.locator("input").first.press("Enter")
        counted(page, "4 of 6")
        assert "yaw=2.." in page.url
        yaw.locator("input").first.fill("")
        yaw.locator("input").first.press("Enter")
        counted(page, "6 of 6")
        box = yaw.locator("svg").bounding_box()
        page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 5)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 5)
        page.mouse.up()
        counted(page, "1 of 6")
        yaw.locator("button").click()  # the one that has none
        counted(page, "1 of 6")
        assert "yaw=none" in page.url


def test_side_by_side_and_overlay_show_what_they_say(four):
    with shown(four, "?live=live") as seen:
        page = seen.page
        settle(page)
        tile = page.locator(".tile").first
        assert [one.get_attribute("alt") for one in tile.locator("img").all()] == [
            "crop", "depth", "parsing",
        ]  # fmt: skip
        page.keyboard.press("5")
        settle(page)
        tile = page.locator(".tile").first
        assert tile.locator(".stack").count() == 1
        strength = "one => getComputedStyle(one).opacity"
        assert tile.locator("img.parsing").evaluate(strength) == "0.5"
        assert tile.locator("img.depth").evaluate(strength) == "0"
        page.keyboard.press("]")
        assert tile.locator("img.parsing").evaluate(strength) == "0.6"
        page.fill("#depth", "0.4")
        assert tile.locator("img.depth").evaluate(strength) == "0.4"
        until(page, "/view=overlay.*depth=0.4/.test(location.search)")
        page.keyboard.press("2")
        settle(page)
        assert {one.get_attribute("alt") for one in page.locator(".tile img").all()} == {"depth"}


def test_a_list_is_where_it_was_after_another_tab(four):
    with shown(four, "?view=crop&size=256") as seen:
        page = seen.page
        page.evaluate("document.getElementById('scroller').scrollTop = 3000")
        settle(page)
        before = numbers(page)
        page.click("#tab-about")
        page.wait_for_selector("#about h2")
        page.click("#tab-samples")
        settle(page)
        assert numbers(page) == before and min(before) > 0


def test_a_class_is_hidden_by_the_legend(four):
    with shown(four, "?view=parsing&live=live") as seen:
        page = seen.page
        settle(page)
        page.click("#legend button:has-text('left eye')")
        settle(page)
        shown_ = "1,2,3,5,6,7,8,9,10,11,12"
        assert page.locator(".tile img").first.get_attribute("src").endswith(f"?classes={shown_}")


def test_pictures_are_those_of_the_samples_they_stand_by(run):
    shard = Shard(run.site.opened.folder / "own-train-00000-of-00001.h5")
    with shown(run, "?view=crop&sort=-yaw") as seen:
        page = seen.page
        settle(page)
        shown_ = numbers(page)
        values = [shard.yaw[shown_[at]] for at in range(5)]
        assert values == sorted(values, reverse=True)
        for at in range(6):
            source = page.locator(f'.tile[data-at="{at}"] img').get_attribute("src")
            assert source == f"/picture/{shown_[at]}/crop"


def test_a_sample_shows_its_frame_and_leads_to_its_neighbours(run):
    with shown(run, "?sort=identity&live=live") as seen:
        page = seen.page
        page.click('.tile[data-at="1"]')
        page.wait_for_selector("#detail .frame img")
        until(page, "document.querySelector('#detail .frame img').naturalWidth === 320")
        text = page.inner_text("#detail")
        assert "The frame gives the stored crop, byte for byte" in text
        assert "is the one that was packed" in text and "Checksum right" in text
        assert LIVE in text and "2 of 3" in text
        assert page.locator("#detail .landmark").count() == 468
        points = page.locator("#detail polygon").first.get_attribute("points")
        assert points == "20,30 340,30 340,350 20,350"
        page.keyboard.press("l")
        assert not page.locator("#detail .landmark").first.is_visible()
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#detail >> text=3 of 3")
        page.keyboard.press("ArrowUp")  # of the same video the frame before
        page.wait_for_selector("#detail >> text=2 of 3")
        assert "sample=" in page.url
        page.keyboard.press("Escape")
        page.wait_for_selector("#detail", state="hidden")
        assert "sample=" not in page.url
        page.go_back()
        page.wait_for_selector("#detail >> text=2 of 3")


def test_an_address_of_a_sample_opens_it(run):
    with shown(run, "?sample=3") as seen:
        seen.page.wait_for_selector("#detail .verdict.good")
        assert "4 of 6" in seen.page.inner_text("#detail")


def test_without_videos_a_sample_says_what_to_give(four):
    with shown(four, "?sample=0") as seen:
        seen.page.wait_for_selector("#detail .verdict >> text=--root")
        assert "casia" in seen.page.inner_text("#detail .origin")


def test_failures_are_listed_as_text_and_lead_to_their_video(four):
    with shown(four) as seen:
        page = seen.page
        page.click("#tab-failures")
        page.wait_for_selector("#list td")
        assert "no <b>face</b> found" in page.inner_text("#list")
        assert page.locator("#list b").count() == 0
        page.click("#list button.link")
        counted(page, "2 of")
        assert "video=dev" in page.url


def test_names_stay_text_whatever_is_in_them(tmp_path):
    folder = make_columns(tmp_path / "<b>bundle", HOSTILE, subject=HOSTILE, device=HOSTILE)
    with served(opened_site(folder)) as server, shown(server) as seen:
        page = seen.page
        dialogs = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        settle(page)
        page.click("summary:has-text('subject')")
        page.wait_for_selector('[data-name="subject"]')
        listed = page.locator('[data-name="subject"]').evaluate_all("all => all.map(o => o.title)")
        assert sorted(listed) == sorted(HOSTILE)
        names = page.locator(".tile bdi").evaluate_all("all => all.map(one => one.textContent)")
        assert sorted(names) == sorted(HOSTILE)
        page.check('[data-name="subject"] input >> nth=0')
        counted(page, "1 of")
        page.click(".tile")
        page.wait_for_selector("#detail h2")
        page.click("#detail .close")
        page.click("#tab-about")
        assert "<b>bundle" in page.inner_text("#about")
        assert page.locator("script:not([src])").count() == 0
        assert page.locator('img[src="x"]').count() == 0
        assert dialogs == []


def test_a_damaged_sample_is_a_line_in_its_place_and_the_others_are_shown(tmp_path):
    folder = make_bundle(tmp_path / "b", ("casia", "msu"), videos=1, frames=1)
    with served(opened_site(folder)) as server:
        path = folder / "casia-dev-00000-of-00001.h5"
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 5000)
        with opened(server.address + "?view=crop") as seen:
            page = seen.page
            page.wait_for_selector('.tile[data-at="0"] .why')
            assert "changed while it was read" in page.inner_text('.tile[data-at="0"] .why')
            until(page, "document.querySelector('.tile[data-at=\"5\"] img').naturalWidth === 256")
            page.click('.tile[data-at="0"]')
            page.wait_for_selector("#detail .why")


@pytest.mark.parametrize("width", [360, 1400])
def test_nothing_is_wider_than_the_window(run, width):
    with shown(run, "?sample=0", width=width) as seen:
        page = seen.page
        page.wait_for_selector("#detail .verdict")
        wide = "document.scrollingElement.scrollWidth <= innerWidth"
        assert page.evaluate(wide)
        page.click("#detail .close")
        assert page.evaluate(wide)
        assert page.evaluate("(() => { const d = document.getElementById('scroller');"
                             " return d.scrollWidth <= d.clientWidth; })()")  # fmt: skip
