"""report.md: the page's facts as GitHub Markdown, for a step summary or a pull request."""

import re
from collections.abc import Iterator
from html import escape

from . import bill, ladder, levels, scorecard
from .accounts import Cost
from .cost import cost
from .decision import decide, remarks
from .dividend import dividend
from .figures import figures
from .findings import Findings
from .limits import limits
from .reproduce import COMMAND, provenance, yaml
from .speed import in_int8, not_timed, timings
from .table import Table
from .zones import RULE, zones


def render(findings: Findings) -> bytes:
    """The whole report. Every string is escaped: a name cannot become a heading, a link or an element."""
    return ("\n".join(_lines(findings)).rstrip() + "\n").encode()


def cell(findings: Findings) -> str:
    """The decision and the scorecard, as a notebook shows them."""
    decision = decide(findings)
    told = [f"**{plain(decision.headline)}**: {plain(decision.why)}.", "", *_table(scorecard.table(findings))]
    return "\n".join([*told, *(f"- {plain(remark)}" for remark in remarks(findings))])


def plain(words: str) -> str:
    r"""Words that Markdown shows as they are, on one line.

    >>> plain("a|b <i>*c*</i>")
    'a\\|b &lt;i&gt;\\*c\\*&lt;/i&gt;'
    """
    one_line = " ".join(escape(words, quote=False).split())
    return re.sub(r"([\\`*_\[\]|~#@])", r"\\\1", one_line).replace("://", ":\u200b//")


def _lines(findings: Findings) -> Iterator[str]:
    decision, zone = decide(findings), zones(findings.arm("ticket"))
    yield f"## {plain(decision.headline)}"
    yield f"\n{plain(decision.sentence)}\n"
    yield from (f"- {plain(remark)}" for remark in remarks(findings))
    yield f"\n{plain(findings.task)}. Run {plain(findings.run_id)}.\n"
    yield from _table(
        Table(
            heads=["Key number", "", "Basis"],
            numeric=[False, True, False],
            rows=[[figure.name, figure.value, figure.basis] for figure in figures(findings)],
        )
    )
    yield "### Scorecard\n"
    yield from _table(scorecard.table(findings))
    yield f"{plain(scorecard.caption(findings))}\n"
    yield f"Safe zone: {plain(zone.safe_words)}. Breaking point: {plain(zone.breaking_words)}. {plain(RULE)}\n"
    if findings.verdicts:
        yield from _judged(findings)
    if findings.speed:
        yield from _speed(findings)
    if ladder.steps(findings):
        yield "### Or a smaller dense network?\n"
        yield from _table(ladder.table(findings))
        yield f"{plain(ladder.NOTE)}\n"
    if priced := cost(findings):
        yield from _cost(priced)
    yield "### Limits\n"
    yield from (f"- {plain(limit)}" for limit in limits(findings))
    yield "\n### Reproduce\n"
    yield f"    {COMMAND}\n"
    yield from (f"- {plain(name)}: {plain(value)}" for name, value in provenance(findings).items())
    yield "\n<details><summary>spec.yaml</summary>\n"
    yield from (f"    {line}" for line in yaml(findings.spec).splitlines())
    yield "\n</details>"


def _judged(findings: Findings) -> Iterator[str]:
    yield "### Levels\n"
    yield from _table(levels.verdicts(findings))
    if findings.controls:
        yield from _table(levels.controls(findings))
        if sentence := dividend(findings):
            yield f"{plain(sentence)}\n"
    if (behaviours := levels.behaviours(findings)).rows:
        yield f"### Beyond {plain(findings.metric.name)}\n"
        yield from _table(behaviours)
        yield f"{plain(levels.behaviours_note())}\n"
    yield "### Early stopping\n"
    yield from _table(levels.early_stops(findings))


def _speed(findings: Findings) -> Iterator[str]:
    assert findings.speed is not None
    yield "### Speed\n"
    yield from _table(timings(findings.speed))
    if findings.speed.quantized:
        yield from _table(in_int8(findings.speed, findings.metric))
    yield from (f"- {plain(sentence)}" for sentence in not_timed(findings.speed))
    yield ""


def _cost(cost: Cost) -> Iterator[str]:
    yield "### Cost\n"
    if cost.arms:
        yield from _table(bill.arms(cost))
    yield f"{plain(bill.conditions(cost))}\n"
    yield from _table(bill.search(cost))


def _table(table: Table) -> Iterator[str]:
    yield _row(table.heads)
    yield "|" + "|".join(" ---: " if numeric else " --- " for numeric in table.numeric) + "|"
    yield from (_row(row) for row in table.rows)
    yield ""


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"
