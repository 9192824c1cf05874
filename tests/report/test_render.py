"""The rendered report: self-contained, well-formed, escaped, and the same in HTML, Markdown, JSON and the terminal."""

import io
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from rich.console import Console

from ticketsmith import specs
from ticketsmith.lottery.controls import CONTROLS, MASKED
from ticketsmith.lottery.steps import Gate
from ticketsmith.report import html, levels, markdown, step_summary
from ticketsmith.report import json as document
from ticketsmith.report.arms import ARMS
from ticketsmith.report.curve import NARROW, WIDE, curve
from ticketsmith.report.reproduce import yaml
from ticketsmith.report.summary import capped
from ticketsmith.report.terminal import show
from ticketsmith.yaml12 import read_yaml

PAYLOADS = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style></title><h1>x", "'&lt;|`</pre>"]
PARTIAL = [lambda step: True, lambda step: isinstance(step, Gate), lambda step: step.level > 1]


class Skeleton(HTMLParser):
    """The elements of a page with the names of their attributes, in order."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(name for name, _ in attrs)))


def hostile(findings, words):
    """The findings with `words` in the strings that do not come from a runner."""
    return findings.model_copy(update={"run_id": words, "task": words, "version": words, "digest": words})


@pytest.mark.parametrize("words", PAYLOADS)
def test_words_never_become_elements(build, words):
    harmless = Skeleton(html.render(hostile(build(words="x" * 40).findings, "y"))).elements
    assert Skeleton(html.render(hostile(build(words=words * 3).findings, words))).elements == harmless


@pytest.mark.parametrize("words", PAYLOADS)
def test_words_never_become_markdown(build, words):
    text = markdown.render(hostile(build(words=words).findings, words)).decode()
    assert re.findall("<[^>]*>", text) == ["<details>", "<summary>", "</summary>", "</details>"]


def test_the_page_needs_nothing_else(build):
    page = html.render(build().findings).decode()
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'" in page
    for forbidden in ("<script", r"data:\S", "http:", "https:", r"url\(", "@import", "<link", "<img", " on[a-z]+="):
        assert not re.search(forbidden, page), forbidden


def test_every_svg_is_well_formed_and_tells_its_points(build):
    pictures = re.findall(r"<svg.*?</svg>", html.render(build().findings).decode(), re.DOTALL)
    wide, titles = pictures[1], "{*}g/{*}title"
    assert len(pictures) == 6  # the change, the curve wide and narrow, speed at one batch size, two samples
    parsed = [ElementTree.fromstring(picture) for picture in pictures]
    assert [each.text for each in parsed[1].iterfind(titles)] == [each.text for each in parsed[2].iterfind(titles)]
    assert "Winning Ticket, level 3, 48.8\N{NO-BREAK SPACE}% removed: 97.28" in wide


def test_samples_say_who_disagrees(build):
    page = html.render(build().findings).decode()
    assert page.count('<figure class="disagree">') == page.count("<dd>5 (wrong)</dd>") == 1


@pytest.mark.parametrize("missing", PARTIAL)
def test_an_unfinished_run_renders(build, missing):
    findings = build(missing=missing).findings
    page, text, facts = html.render(findings), markdown.render(findings), json.loads(document.render(findings))
    assert b"INCONCLUSIVE" in page and b"INCONCLUSIVE" in text
    assert facts["decision"]["word"] == "INCONCLUSIVE"
    assert facts["findings"]["missing"] == findings.missing


def test_json_holds_the_findings(build):
    findings = build().findings
    facts = json.loads(document.render(findings))
    assert facts["schema"] == "ticketsmith.report/3"
    assert type(findings).model_validate_json(json.dumps(facts["findings"])) == findings


def test_calibration_error_stands_beside_what_chance_gives(build):
    table = levels.behaviours(build().findings)
    assert table.heads[3:7] == ["Calibration error", "By chance", "Of dense", "By chance"]
    assert table.rows[0][3].startswith("2.10") and table.rows[0][5].startswith("1.90")
    assert [table.rows[0][4], table.rows[0][6]] == ["2.05\N{NO-BREAK SPACE}%", "1.95\N{NO-BREAK SPACE}%"]
    old = levels.behaviours(build(reckons=False).findings).rows[0]
    assert [old[4], old[6]] == ["-", "-"]


def test_the_worst_class_has_an_interval_and_says_that_it_was_chosen(build):
    findings = build().findings
    for text in (html.render(findings).decode(), markdown.render(findings).decode().replace("\\", "")):
        assert "\N{MINUS SIGN}2.00 [\N{MINUS SIGN}2.40, \N{MINUS SIGN}1.60]" in text
        assert "Worst class, chosen afterwards" in text and "so it looks worse than it is" in text


def test_the_spec_in_the_report_leads_to_the_same_run(build):
    run = build(options={"training": {"learning_rate": 1e-7}})
    assert specs.resolve(read_yaml(yaml(run.spec).encode()), run.card) == run.spec


def test_the_terminal_shows_scorecard_and_decision(build):
    console = Console(file=io.StringIO(), width=200)
    show(build(words="[red]x[/red]").findings, console)
    shown = console.file.getvalue()
    assert "1.84x (codegen [red]x[/red])" in shown
    assert "ADOPT at 48.8\N{NO-BREAK SPACE}%: with 5,120 of 10,000 weights left" in shown


def test_the_step_summary_is_appended_where_one_is_asked_for(build, tmp_path):
    findings, path = build().findings, tmp_path / "summary.md"
    path.write_bytes(b"before\n")
    assert step_summary(findings, {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_bytes() == b"before\n" + markdown.render(findings)
    assert not step_summary(findings, {})


def test_a_long_summary_is_cut_after_a_whole_line():
    cut = capped("é 12345\n".encode() * 200_000)
    assert 899_900 < len(cut) <= 900_000
    assert cut.decode().endswith("é 12345\n\n\nThe summary was cut here; report.md is whole.\n")


def test_the_axis_spans_what_it_shows(build):
    picture = ElementTree.fromstring(curve(build(statuses=("FAIL",) * 3).findings))
    lines = [float(path.get("d").split()[1].split("H")[0]) for path in picture.iterfind("path[@class='grid']")]
    assert (max(lines), min(lines)) == (WIDE.height - 52, 62)  # the first and the last line are the plot's edges


def test_labels_keep_their_distance(build):
    every = {"controls": list(MASKED), "training": {"schedule": "step"}}
    picture = ElementTree.fromstring(curve(build(options=every).findings, NARROW))
    places = sorted(float(each.get("y")) for each in picture.iterfind("text") if each.get("class").startswith("label"))
    assert len(places) == 7
    assert min(below - above for above, below in pairwise(places)) >= 16.9


@pytest.mark.parametrize("sparsity", [0.0, 1.0])
def test_a_mask_that_keeps_all_or_nothing_can_be_drawn(build, sparsity):
    findings = build().findings
    verdicts = [verdict.model_copy(update={"sparsity": sparsity}) for verdict in findings.verdicts]
    assert "nan" not in curve(findings.model_copy(update={"verdicts": verdicts}))


def test_every_arm_has_its_line_in_the_table_and_its_colour():
    style = files("ticketsmith.report").joinpath("style.css").read_text()
    assert ARMS.keys() == {"dense", "ticket", *CONTROLS}
    assert all(ARMS[control].marker for control in CONTROLS) and all(ARMS[control].unshown for control in MASKED)
    assert all(f"{look}.{arm} " in style for arm in ("ticket", *MASKED) for look in (".line", ".mark", ".band", ".tie"))
    looks = (".mark", ".tie", ".label", ".whisker")
    assert all(f"{look}.{arm} " in style for arm in ("ticket", "dense", "smaller") for look in looks)


@pytest.mark.parametrize("status", ["PASS", "FAIL", None])
def test_the_report_shows_int8_beside_the_ticket(build, status):
    findings = build(int8=(0.5, 0.4, 0.6), int8_status=status).findings
    page, text = html.render(findings).decode(), markdown.render(findings).decode()

    for shown in (page, text):
        assert "Dense in int8" in shown and "To int8" in shown and "To any" in shown
        assert (f"{status}: plain words" in shown) == (status is not None)
        assert ("quantize instead" in shown) == (status == "PASS")
    assert json.loads(document.render(findings))["findings"]["speed"]["headline"]["any"]["to"] == "small"
