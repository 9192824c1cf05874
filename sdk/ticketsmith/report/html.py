"""report.html: one file that needs nothing else. No script, no request, and every string escaped."""

from collections.abc import Iterator
from html import escape
from importlib.resources import files

from . import bill, ladder, levels, scorecard
from .accounts import Cost
from .bars import bars
from .cost import cost
from .curve import NARROW, WIDE, curve
from .decision import Decision, decide, remarks
from .dividend import dividend
from .figures import figures
from .findings import Findings
from .forest import forest
from .frontier import frontier
from .grid import grid
from .limits import limits
from .numbers import capital, level_of, percent, removed, unit
from .reproduce import COMMAND, provenance, yaml
from .speed import conditions, in_int8, repetitions, timings
from .table import Table
from .zones import RULE, zones

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'"
LOOKS = {"ADOPT": "pass", "DO NOT ADOPT": "fail", "INCONCLUSIVE": "undecided", "INVALID": "invalid"}
INT8 = (
    "Int8 changes numbers: each row is held against dense in fp32, over the ticket's replicates, by the ticket's gate."
)
LONG = 24  # characters from which a cell of words may wrap
BADGES = {"PASS", "FAIL", "UNDECIDED", "INVALID", "baseline", scorecard.NOT_JUDGED}


def render(findings: Findings) -> bytes:
    """The whole page."""
    title = escape(f"{decide(findings).headline} - {findings.run_id}")
    style = files(__package__).joinpath("style.css").read_text()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(_sections(findings))
        + "\n</main>\n</body>\n</html>\n"
    ).encode()


def _sections(findings: Findings) -> Iterator[str]:
    yield _header(findings)
    yield _decision(decide(findings), remarks(findings))
    yield _figures(findings)
    yield _section(f"{capital(findings.metric.name)} against sparsity", _curve(findings))
    note = f'<p class="note">{escape(scorecard.caption(findings))}</p>'
    yield _section("Scorecard", _table(scorecard.table(findings), "scorecard") + note)
    if findings.verdicts:
        yield _section("Level by level", _levels(findings))
        if (behaviours := levels.behaviours(findings)).rows:
            yield _section(f"Beyond {findings.metric.name}", _noted(behaviours, levels.behaviours_note()))
        yield _section("Early stopping", _early_stops(findings))
    yield _section("Speed", _speed(findings))
    if ladder.steps(findings):
        yield _section("Or a smaller dense network?", _ladder(findings))
    if priced := cost(findings):
        yield _section("Cost", _cost(priced))
    if findings.samples:
        yield _section("Samples", _samples(findings))
    yield _section("Limits", _list(limits(findings)))
    yield _section("Reproduce", _reproduce(findings))


def _header(findings: Findings) -> str:
    return (
        '<header><p class="brand">TicketSmith</p>'
        f'<h1>{escape(findings.task)}</h1><p class="note">Run <code>{escape(findings.run_id)}</code></p></header>'
    )


def _decision(decision: Decision, said: list[str]) -> str:
    why = escape(decision.why[0].upper() + decision.why[1:])
    return (
        f'<section class="decision {LOOKS[decision.word]}" aria-label="Decision">'
        f'<h2><span>{decision.word}</span> <span class="at">at {escape(decision.headline.partition(" at ")[2])}</span></h2>'
        f"<div><p>{why}.</p>{_list(said)}</div></section>"
    )


def _figures(findings: Findings) -> str:
    strip = forest(findings.metric, findings.shown) if findings.shown else ""
    cards = [
        f'<div><h3>{escape(each.name)}</h3><p class="value">{escape(each.value)}</p>'
        f'{strip if index == 0 else ""}<p class="note">{escape(each.basis)}</p></div>'
        for index, each in enumerate(figures(findings))
    ]
    return f'<section class="figures" aria-label="Key numbers">{"".join(cards)}</section>'


def _curve(findings: Findings) -> str:
    found = zones(findings.arm("ticket"))
    wide = curve(findings, WIDE)
    if not wide:
        return '<p class="note">No level has been judged yet.</p>'
    return (
        f'<div class="wide">{wide}</div><div class="narrow">{curve(findings, NARROW)}</div>'
        f"<p><b>Safe zone:</b> {escape(found.safe_words)}. <b>Breaking point:</b> {escape(found.breaking_words)}.</p>"
        f'<p class="note">{escape(RULE)} Filled markers are PASS; bands are 95\N{NO-BREAK SPACE}% intervals over training '
        "seeds and test examples. The gate judges the paired difference, which is known better than either mean.</p>"
    )


def _levels(findings: Findings) -> str:
    html = _noted(levels.verdicts(findings), _rule(findings))
    if findings.controls:
        html += "<h3>Controls</h3>" + _table(levels.controls(findings))
        html += f'<p class="dividend">{escape(words)}</p>' if (words := dividend(findings)) else ""
        measured = f"in {findings.metric.change_unit}, " if findings.metric.change_unit else ""
        note = f"Ticket minus control is {measured}paired over replicates and examples, with a 95 % interval for all controls of a level together."
        html += f'<p class="note">{escape(note)}</p>'
    if findings.shown is None:
        return html
    every = _table(levels.replicates(findings))
    return f"{html}<details><summary>Every replicate at level {findings.shown.level}</summary>{every}</details>"


def _rule(findings: Findings) -> str:
    """The rule that a level is judged by."""
    judged, metric = findings.shown or findings.verdicts[0], findings.metric
    pass_side, fail_side = ("lower", "upper") if metric.higher_is_better else ("upper", "lower")
    margin = f"{metric.scale * judged.margin:.{metric.decimals}f}{unit(metric)}"
    return (
        f"Change is ticket minus dense, paired over replicates, with one-sided {level_of(judged.confidence)} bounds. "
        f"PASS: the {pass_side} bound is within {margin}. FAIL: the {fail_side} bound is not."
    )


def _noted(table: Table, note: str) -> str:
    return f'{_table(table)}<p class="note">{escape(note)}</p>'


def _early_stops(findings: Findings) -> str:
    note = "The update with the least validation loss: how soon a net has learnt what it will. Below 1, the ticket is sooner."
    return _noted(levels.early_stops(findings), note)


def _speed(findings: Findings) -> str:
    speed = findings.speed
    if speed is None:
        return '<p class="note">Not measured.</p>'
    refused = [f"{each.backend} was refused: {each.reason}" for each in speed.refused]
    note = (
        f"Ratios are over the best dense fp32 back-end at the same batch size, with 95\N{NO-BREAK SPACE}% intervals over "
        f"{repetitions(speed)}; the filled bar was chosen. Headline: {conditions(speed)}, at {removed(speed.sparsity)} of the weights removed."
    )
    pictures = f'<div class="panels">{"".join(bars(speed))}</div><p class="note">{escape(note)}</p>'
    every = f"<details><summary>Every back-end and batch size</summary>{_table(timings(speed))}</details>"
    int8 = _noted(in_int8(speed, findings.metric), INT8) if speed.quantized else ""
    return pictures + int8 + every + _list(refused)


def _ladder(findings: Findings) -> str:
    marks = "Filled marks pass the gate; whiskers are 95 % intervals."
    pictures = f'<div class="frontiers">{"".join(frontier(findings))}</div><p class="note">{escape(marks)}</p>'
    return pictures + _noted(ladder.table(findings), ladder.NOTE)


def _cost(cost: Cost) -> str:
    arms = _table(bill.arms(cost)) if cost.arms else ""
    note = f'<p class="note">{escape(bill.conditions(cost))}</p>'
    return f"{arms}{note}<h3>The search</h3>{_table(bill.search(cost))}"


def _samples(findings: Findings) -> str:
    samples = findings.samples
    assert samples is not None
    if samples.agreement is not None:
        said = f"dense and ticket agree on {percent(samples.agreement)} of its test split. Disagreements come first."
    elif any(sample.given for sample in samples.samples):
        said = "what dense and ticket make of the same examples."
    else:
        arms = ", ".join(name for name, _ in findings.drawn[:-1]) + f" and {findings.drawn[-1][0]}"
        said = f"what {arms} make of equal random streams."
    return f'<p class="note">Replicate {samples.replicate}: {escape(said)}</p>{grid(samples, findings.beside)}'


def _reproduce(findings: Findings) -> str:
    facts = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in provenance(findings).items())
    inputs = "\n".join(f"{digest[:16]}  {key}" for key, digest in findings.inputs.items())
    missing = "\n".join(findings.missing)
    return (
        f"<pre><code>{escape(COMMAND)}</code></pre>"
        f'<dl class="facts">{facts}</dl>'
        f"<details><summary>spec.yaml</summary><pre>{escape(yaml(findings.spec))}</pre></details>"
        f"<details><summary>Steps done, with the digests of their manifests</summary><pre>{escape(inputs)}</pre></details>"
        + (f"<details><summary>Steps missing</summary><pre>{escape(missing)}</pre></details>" if missing else "")
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _list(said: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in said)}</ul>" if said else ""


def _table(table: Table, look: str = "") -> str:
    """A table in a box of its own that scrolls, so that the page never does."""
    heads = "".join(_cell(head, n, "th") for head, n in zip(table.heads, table.numeric, strict=True))
    rows = "".join(
        f"<tr>{''.join(_cell(cell, n, 'td') for cell, n in zip(row, table.numeric, strict=True))}</tr>"
        for row in table.rows
    )
    return (
        f'<div class="scroll" role="region" aria-label="{escape(table.heads[-1])}" tabindex="0">'
        f'<table class="{look}"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(words: str, numeric: bool, tag: str) -> str:
    if words in BADGES:
        return f'<{tag}><span class="badge {words.lower().replace(" ", "-")}">{words}</span></{tag}>'
    look = "number" if numeric else "words" if len(words) > LONG else "name"
    return f'<{tag} class="{look}">{escape(words)}</{tag}>'
