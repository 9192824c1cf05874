"""The report in a real browser: as a file, and as Argo's user interface serves it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ticketsmith.report import overview, write

from ..browser import chromium, complaints
from .conftest import Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

# argo-workflows v4.1.2, server/artifacts/artifact_server.go
POLICY = (
    "sandbox allow-same-origin; base-uri 'none'; default-src 'none'; img-src 'self'; style-src 'self' 'unsafe-inline'"
)
SIZES = {"desk": (1280, 900), "phone": (390, 844)}
BRIGHTNESS = (
    "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 3"
)
"""Mean of the background's three channels, 0 to 255."""
PAPER = 718  # CSS pixels of A4 between margins of 1 cm


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as browser:
        yield browser


@pytest.fixture
def html(build: Callable[..., Run]) -> bytes:
    run = build(statuses=("PASS", "UNDECIDED", "FAIL"))
    return write(run.ledger, run.spec, run.card).documents["html"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_readable_everywhere(
    browser: "Browser", html: bytes, tmp_path: Path, size: str, scheme: str
) -> None:
    (tmp_path / "report.html").write_bytes(html)
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    said = complaints(page)
    page.goto((tmp_path / "report.html").as_uri())
    assert said == []
    assert (page.evaluate(BRIGHTNESS) > 128) is (scheme == "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
    assert (
        page.locator("svg").count() >= 2 and page.locator("td, th").filter(has_text="Winning Ticket").first.is_visible()
    )
    decision = page.locator(".decision").bounding_box()
    assert decision["y"] + decision["height"] <= height, "the answer is on the first screen"
    assert page.title()
    page.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_over_all_runs_is_readable_everywhere(
    browser: "Browser", build: Callable[..., Run], tmp_path: Path, size: str, scheme: str
) -> None:
    (tmp_path / "report.html").write_bytes(_overview(build))
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    said = complaints(page)
    page.goto((tmp_path / "report.html").as_uri())
    assert said == [] and (page.evaluate(BRIGHTNESS) > 128) is (scheme == "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
    assert page.locator(".badge").first.bounding_box()["x"] < width / 2, "the decision is what is seen first"
    assert page.locator("svg.frontier").count() == 2
    page.close()


def test_no_table_leaves_the_paper(browser: "Browser", html: bytes, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_bytes(html)
    page = browser.new_page(viewport={"width": PAPER, "height": 1000})
    page.goto((tmp_path / "report.html").as_uri())
    page.emulate_media(media="print")
    edges = page.evaluate("[...document.querySelectorAll('table')].map(each => each.getBoundingClientRect().right)")
    assert len(edges) > 4 and max(edges) <= PAPER
    page.close()


def _overview(build: Callable[..., Run]) -> bytes:
    found = [build(statuses=(status,) * 3, control="FAIL").findings for status in ("PASS", "UNDECIDED", "FAIL")]
    shown = [
        overview.Shown(findings=each, name=f"try-{number}", began="2026-11-30 12:00", page=f"{number}/report.html")
        for number, each in enumerate(found)
    ]
    return overview.render(shown, "runs", {"digits-mlp-0123": "damaged"})


def test_under_the_policy_of_argos_interface_nothing_is_blocked(browser: "Browser", html: bytes) -> None:
    page = browser.new_page()
    said = complaints(page)
    _serve(page, html)
    page.goto("http://argo.example/artifact-files/report.html")
    assert said == []
    font = page.evaluate("getComputedStyle(document.body).fontFamily")
    assert "Times" not in font, "its style was not applied"
    assert page.locator("svg").first.bounding_box()["width"] > 100
    page.close()


def test_a_script_would_be_heard(browser: "Browser", html: bytes) -> None:
    """The test above can fail: a script in the report is blocked there, and said."""
    page = browser.new_page()
    said = complaints(page)
    _serve(page, html.replace(b"</body>", b"<script>1</script></body>"))
    page.goto("http://argo.example/artifact-files/report.html")
    assert said
    page.close()


def _serve(page: "Page", html: bytes) -> None:
    headers = {"Content-Type": "text/html", "Content-Security-Policy": POLICY}

    def answer(route: "Route") -> None:
        if route.request.url.endswith("/report.html"):
            route.fulfill(body=html, headers=headers)
        else:
            route.fulfill(status=204)

    page.route("**/*", answer)
