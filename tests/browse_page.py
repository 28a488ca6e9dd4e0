"""The page of `ocim browse` in a real browser: how a test opens it, waits for it and reads it."""

from contextlib import contextmanager

from browser import opened


def until(page, condition):
    """Wait for a condition in JavaScript; playwright's own way to wait breaks the page's policy."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def counted(page, text):
    """Wait until the line of counts begins so."""
    until(page, f"document.getElementById('count').innerText.startsWith('{text}')")


@contextmanager
def shown(server, path="", **size):
    """A page that is ready; in the end nothing was asked of elsewhere, and no script complained."""
    with opened(server.address + path, **size) as seen:
        seen.page.wait_for_selector("body.ready", timeout=15_000)
        until(seen.page, "document.querySelectorAll('.tile:not([data-number])').length === 0")
        yield seen
        assert seen.errors == []
        assert [one for one in seen.requests if not one.startswith(server.address)] == []


def numbers(page):
    """Numbers of the samples that are in the page, by their place."""
    found = page.eval_on_selector_all(
        ".tile", "all => all.map(one => [Number(one.dataset.at), Number(one.dataset.number)])"
    )
    return dict(found)


def settle(page):
    """Wait until what is on the screen is known and its pictures are there."""
    page.wait_for_timeout(200)
    until(
        page,
        "[...document.querySelectorAll('.tile')].every(tile => tile.dataset.number !== undefined"
        " && [...tile.querySelectorAll('img')].every(one => one.complete && one.naturalWidth))",
    )
