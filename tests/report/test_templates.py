"""The templates of the pages: each line is rendered, each value escaped, and no tag stands anywhere else."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from jinja2 import UndefinedError

from ticketsmith.lottery.price import Rate, Rates
from ticketsmith.lottery.results import Sample, Samples
from ticketsmith.report import Findings, html, overview
from ticketsmith.report.advice import Advice
from ticketsmith.report.page import page, templates

from .conftest import Run, picture
from .test_cost import INT8, served
from .test_ladder import climbed
from .test_render import PAYLOADS, Skeleton

Build = Callable[..., Run]
ROOM = Path(str(files("ticketsmith.report")))
ELSEWHERE = {"svg.py": "the charts are ours", "markdown.py": "nothing but an element folds a part of Markdown"}
"""Modules with tags of their own, and why."""
TAG = re.compile(r"</?([a-z]|$)")


def prices(name: str) -> Rates:
    rate = Rate(name=name, dollars_per_hour=0.3, cores=8, date=None)
    return Rates(serve=rate, search=rate)


def samples(words: str, *, given: bool) -> Samples:
    image = picture(bytes(64)) if given else None
    return Samples(
        replicate=0,
        agreement=None,
        samples=[
            Sample(example=None, given=image, truth=None, dense=words, candidate=picture(bytes(64))),
            Sample(example=None, given=image, truth=words, dense=words, candidate=words),
        ],
    )


def every_kind(build: Build, words: str = "words") -> Iterator[Findings]:
    """Runs that take every turn of the template: finished or not, timed, priced, with samples of each kind."""
    yield build(missing=lambda step: True).findings
    yield build(missing=lambda step: step.level > 1).findings
    whole = build(words=words, served=served(), **INT8).findings
    changed = {"run_id": words, "task": words, "version": words, "rates": prices(words)}
    changed |= {"spec": whole.spec.model_copy(update={"task": words, "options": {words: [words]}})}
    yield whole.model_copy(update=changed)
    yield climbed(build, statuses={"half": "PASS"})
    for given in (True, False):
        yield build(samples=samples(words, given=given)).findings


def over(build: Build, words: str = "words") -> bytes:
    """The page over two runs that differ, and one that cannot be read."""
    found = [build(words=words).findings, build(served=served(), options={"seed": 7}).findings]
    found[1] = found[1].model_copy(update={"rates": prices(words)})
    shown = [overview.Shown(findings=each, name=words, began="2026-11-30 12:00", page=words) for each in found]
    return overview.render(shown, words, {words: words})


def pages(build: Build, words: str = "words") -> list[bytes]:
    onward = [Advice(words, ["run", words])]
    return [*(html.render(each, onward) for each in every_kind(build, words)), over(build, words)]


def test_every_line_of_the_templates_is_rendered(build: Build) -> None:
    """So that a value which a template names, and nobody gives, cannot wait for its user."""
    ran: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            ran.add((Path(frame.f_code.co_filename).name, frame.f_lineno))
        return trace if frame.f_code.co_filename.endswith(".html") else None

    templates.cache_clear()  # a block that a page replaces runs once, when its template is loaded
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        pages(build)
    finally:
        sys.settrace(before)
    for name in templates().list_templates(extensions=["html"]):
        lines = {source for source, code in templates().get_template(name).debug_info if (name, code) not in ran}
        assert lines == set(), f"{name}: no page has these lines"


def test_a_value_that_nobody_gave_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        templates().from_string("{{ missing }}").render()
    with pytest.raises(UndefinedError):
        page("overview.html", title="x")


def test_hostile_words_stay_words_in_every_place(build: Build) -> None:
    words = " ".join(PAYLOADS)
    for mine, harmless in zip(pages(build, words), pages(build, "x" * len(words)), strict=True):
        assert Skeleton(mine).elements == Skeleton(harmless).elements


@pytest.mark.parametrize("module", sorted(each.name for each in ROOM.glob("*.py")))
def test_no_tag_stands_in_python(module: str) -> None:
    tagged = [words for words in strings(ROOM / module) if TAG.search(words)]
    assert bool(tagged) is (module in ELSEWHERE), tagged


def strings(module: Path) -> Iterator[str]:
    """The strings of a module, and the parts of those with values in them; docstrings are none."""
    tree = ast.parse(module.read_text())
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in said:
            yield node.value


def test_the_style_is_in_the_page_as_it_is_in_its_file(build: Build) -> None:
    assert (ROOM / "style.css").read_text().strip() in html.render(build().findings).decode()


def test_templates_keep_no_compiled_copy() -> None:
    assert templates().bytecode_cache is None and templates().autoescape is True


def test_a_table_is_called_by_its_title(build: Build) -> None:
    labels = re.findall(r'aria-label="([^"]*)" tabindex', html.render(build().findings).decode())
    assert labels[:3] == ["Scorecard", "Level by level", "Controls"] and len(labels) == len({*labels}) == 7
