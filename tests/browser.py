"""A real headless browser for tests of pages: what a page asks for, and what goes wrong in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str:
    """This machine's Chromium or Chrome, or that of $OCIM_BROWSER; skips where there is none."""
    named = os.environ.get("OCIM_BROWSER")
    found = named or next((path for name in NAMES if (path := shutil.which(name))), None)
    if not found:
        pytest.skip(f"no browser here: none of {', '.join(NAMES)}, and OCIM_BROWSER is not set")
    return found


@dataclass
class Opened:
    """A page in the browser. requests: every address it asked for but data: ones; errors: what its
    console and its scripts complained of.
    """

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


_running: list[Any] = []
"""The browser of this process: playwright allows one at a time, and one has many pages."""


@contextmanager
def _browser() -> Iterator[Any]:
    """The browser that runs, or one that is closed after the block."""
    if _running:
        yield _running[0]
        return
    from playwright.sync_api import sync_playwright

    path = browser_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        _running.append(browser)
        try:
            yield browser
        finally:
            _running.clear()
            browser.close()


@pytest.fixture(scope="module")
def one_browser() -> Iterator[None]:
    """Keep one browser running for all tests of a file."""
    with _browser():
        yield


@contextmanager
def opened(address: str, width: int = 1200, height: int = 900) -> Iterator[Opened]:
    """Open an address (file:// or http://) in a window of its own; page is playwright's Page.

    One may be opened while another is open.
    """
    with _browser() as browser:
        context = browser.new_context(viewport={"width": width, "height": height})
        try:
            page = context.new_page()
            seen = Opened(page)
            page.on(
                "request",
                lambda request: (
                    None if request.url.startswith("data:") else seen.requests.append(request.url)
                ),
            )
            page.on("pageerror", lambda error: seen.errors.append(str(error)))
            page.on(
                "console",
                lambda said: seen.errors.append(said.text) if said.type == "error" else None,
            )
            page.goto(address)
            yield seen
        finally:
            context.close()
