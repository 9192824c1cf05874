"""One run of a store: its rounds as they are, and everything on one screen."""

from typing import Any

import typer

from .. import cards
from ..ledger import Ledger
from ..lottery.card import Card
from ..report import Findings, collect, newest, terminal
from ..report.numbers import duration, removed, scored
from ..report.outline import outline
from ..report.table import Table
from ..runs import Entry, entry, find, spec_of
from ..stores import Store
from .again import again
from .commands import command
from .consoles import console
from .listing import as_json, progress
from .options import Output
from .told import tell
from .voice import hint


def print_course(store: Store, name: str, output: Output) -> int:
    """Print the rounds of a run as they are now."""
    state, findings, _ = _read(store, name)
    if output is Output.json:
        judged = [_judged(verdict) for verdict in findings.verdicts]
        tell("status", as_json(store, state) | {"rounds": judged, "missing": findings.missing})
        return 0
    typer.echo(_head(state))
    console().print(terminal.drawn(rounds(findings)))
    if page := newest(store, state.run):
        typer.echo(f"report: {page}")
    if state.done < state.steps and not state.working:
        hint(command("resume", state.run, store=store.url))
    return 0


def print_whole(store: Store, name: str, output: Output) -> int:
    """Print what a run is and what it has found; nothing is written."""
    state, findings, card = _read(store, name)
    if output is Output.json:
        told = outline(findings).model_dump(mode="json", exclude={"run", "task"})
        tell("run", as_json(store, state) | told | {"spec": findings.spec.model_dump(mode="json")})
        return 0
    typer.echo(_head(state))
    for word, text in _facts(store, state, findings, card).items():
        typer.echo(f"{word + ':':9}{text}")
    typer.echo()
    terminal.show(findings, console())
    return 0


def rounds(findings: Findings) -> Table:
    """Levels by arms: score and verdict where a round is judged, `trained` where it is only that."""
    arms = ["ticket", *findings.controls]
    dense = scored(findings.metric, findings.dense_score) if findings.dense_score else ""
    rows = [["dense", removed(0), dense, *("" for _ in findings.controls)]]
    for level in range(1, findings.sparsest + 1):
        cells = [_cell(findings, level, arm) for arm in arms]
        if any(cells):
            ticket = findings.verdict("ticket", level)
            rows.append([str(level), removed(ticket.sparsity) if ticket else "", *cells])
    return Table(heads=["level", "sparsity", *arms], numeric=[True, True, *[False] * len(arms)], rows=rows)


def _cell(findings: Findings, level: int, arm: str) -> str:
    if verdict := findings.verdict(arm, level):
        return f"{findings.metric.shown(verdict.score.mean)} {verdict.status}"
    here = f"/level-{level:02}/{arm}/train"
    return "trained" if any(key.endswith(here) for key in findings.inputs) else ""


def _judged(verdict: Any) -> dict[str, Any]:
    kept = {"level", "arm", "sparsity", "status", "score", "difference", "reason"}
    document: dict[str, Any] = verdict.model_dump(mode="json", include=kept)
    return document


def _read(store: Store, name: str) -> tuple[Entry, Findings, Card]:
    run = find(store, name)
    ledger = Ledger(store, run)
    return entry(store, run), collect(ledger, spec_of(store, run), card := cards.read(ledger)), card


def _head(entry: Entry) -> str:
    name = f" ({entry.note.name})" if entry.note.name else ""
    return f"{entry.run}{name}: {', '.join([progress(entry) + ' steps', *filter(None, [entry.status])])}"


def _facts(store: Store, entry: Entry, findings: Findings, card: Card) -> dict[str, str]:
    spent = sum(arm.core_seconds + arm.gpu_seconds for arm in findings.spent)
    trainings = sum(arm.trainings for arm in findings.spent)
    past = ", up to the target" * (findings.sparsest > findings.target)
    facts = {
        "task": findings.task,
        "tags": ", ".join(entry.note.tags),
        "began": entry.date,
        "trained": f"{trainings} networks in {duration(spent)} of one core or GPU{past}",
        "report": newest(store, entry.run) or "",
        "as": again(findings.spec, card, store),
    }
    return {word: text for word, text in facts.items() if text}
