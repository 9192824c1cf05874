"""A run's page in Argo's interface, and the report in it, as a browser shows them."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page


def visitor(browser: "Browser", address: str) -> "Page":
    """A page for somebody who has logged in."""
    context = browser.new_context(viewport={"width": 1500, "height": 1250})
    context.add_cookies([{"name": "authorization", "value": os.environ["ARGO_TOKEN"], "url": address}])
    return context.new_page()


def opened(page: "Page", address: str) -> None:
    """The workflow at an address, drawn down to its report."""
    page.goto(address)
    page.locator("svg title", has_text="(report.html)").wait_for(state="attached", timeout=30_000)
    for _ in range(3):  # three dialogs greet a first visitor
        if page.locator(".modal-close").count():
            page.locator(".modal-close").first.click(timeout=10_000)
            page.wait_for_timeout(500)


def report(page: "Page") -> "FrameLocator":
    """The report, as the artifact that a click on it shows."""
    page.locator("g", has=page.locator("title", has_text="(report.html)")).last.click(timeout=30_000)
    page.get_by_text("Continue").click(timeout=30_000)
    frame = page.frame_locator("iframe")
    frame.locator("td, th", has_text="Winning Ticket").first.wait_for(timeout=30_000)
    return frame


def pictured(page: "Page", name: str) -> None:
    """Keep what was seen: TICKETSMITH_TEST_PICTURES names a folder for it."""
    if folder := os.environ.get("TICKETSMITH_TEST_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png")
