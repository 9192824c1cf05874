"""The browser that is installed, driven by Playwright: nothing is downloaded for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium() -> "Iterator[Browser]":
    """Skips, with the reason, where there is none."""
    path = next(filter(None, map(which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: put one of {', '.join(NAMES)} on PATH (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=60_000)
        try:
            yield browser
        finally:
            browser.close()


def complaints(page: "Page") -> list[str]:
    """A list that fills with what the page complains of: errors on its console, requests that fail."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"{request.url}: {request.failure}"))
    return said
