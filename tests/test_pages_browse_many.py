"""`ocim browse` with many samples in a real browser: the page stays small, and asks for little."""

import pytest
from browse_page import numbers, settle, shown
from made_browse import opened_site, served

pytest_plugins = "browser"
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_browser")]
MANY = 20_000


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A server of a bundle of many samples, their pixels for the most part holes in the files."""
    from benchmarks.parts.large_bundle import make_bundle as make_large

    folder = tmp_path_factory.mktemp("many") / "bundle"
    make_large(folder, MANY)
    with served(opened_site(folder)) as server:
        yield server


def test_many_samples_scroll_to_every_place_in_a_small_page(many):
    for path in ("?view=crop&size=64", "?view=side&size=384"):  # the second one is scaled
        with shown(many, path) as seen:
            page = seen.page
            for share in (0.5, 1, 0.25, 0):
                page.evaluate(
                    "share => { const one = document.getElementById('scroller');"
                    " one.scrollTop = share * (one.scrollHeight - one.clientHeight); }",
                    share,
                )
                settle(page)
                there = numbers(page)
                # As stored, a sample's place is its number.
                assert all(at == number for at, number in there.items())
                middle = sorted(there)[len(there) // 2]
                assert abs(middle - share * MANY) < 250
                assert len(there) < 400
                if share == 1:
                    assert max(there) == MANY - 1
            assert page.evaluate("document.querySelectorAll('*').length") < 8000


def test_fast_scrolling_asks_for_what_is_left_in_view_alone(many):
    with shown(many, "?view=crop&size=64") as seen:
        page = seen.page
        settle(page)
        before = sum("/picture/" in one for one in seen.requests)
        page.evaluate(
            """async () => {
              const one = document.getElementById("scroller");
              for (let n = 1; n <= 100; n += 1) {
                one.scrollTop = (n / 100) * (one.scrollHeight - one.clientHeight);
                await new Promise(requestAnimationFrame);
              }
            }"""
        )
        settle(page)
        asked = sum("/picture/" in one for one in seen.requests) - before
        assert asked <= 3 * len(numbers(page))  # of 100 screens
