"""One look at the workflows of a cluster, for people and for programs."""

import json
from datetime import UTC, datetime
from typing import Any

import typer
from rich.table import Table

from ..argo import Document
from ..argo.tree import Tree, tree
from ..report.narrow import Fitted
from ..report.numbers import duration
from .board import notes, summary, table
from .consoles import console as console_of
from .options import Output


def print_list(workflows: list[Document], namespace: str, output: Output) -> None:
    """A line for each Workflow."""
    seen = [tree(each) for each in workflows]
    if output is Output.json:
        keys = ("run", "workflow", "kind", "phase", "verdict", "message", "reason", "created", "finished")
        typer.echo(json.dumps([{key: as_json(each)[key] for key in keys} for each in seen], indent=2))
        return
    if not seen:
        typer.echo(f"no runs in namespace {namespace!r}", err=True)
        return
    drawn = Table("run", "phase", "verdict", "age", "workflow", "reason", box=None, pad_edge=False)
    now = datetime.now(UTC)
    for each in seen:
        name = each.name if each.name != each.run else ""
        drawn.add_row(each.run, each.phase, each.verdict or "", _age(each.created, now), name, each.reason)
    console_of().print(Fitted(drawn))


def _age(created: str, now: datetime) -> str:
    """The time since something was made; nothing where that is not known."""
    return duration((now - datetime.fromisoformat(created)).total_seconds()) if created else ""


def print_status(workflow: Document, link: str | None, output: Output) -> None:
    """The rounds of a Workflow as they are now."""
    seen = tree(workflow)
    if output is Output.json:
        typer.echo(json.dumps(as_json(seen) | {"link": link}, indent=2))
        return
    console = console_of()
    console.print(f"{seen.name}: {summary(seen)}", markup=False, highlight=False, soft_wrap=True)
    console.print(Fitted(table(seen)))
    for note in notes(seen):
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    if link:
        typer.echo(link)


def as_json(seen: Tree) -> dict[str, Any]:
    """A tree for programs. Retries, preemptions and failures are counted apart."""
    return {
        "run": seen.run,
        "workflow": seen.name,
        "kind": seen.kind,
        "phase": seen.phase,
        "verdict": seen.verdict,
        "message": seen.message,
        "reason": seen.reason or None,
        "created": seen.created,
        "finished": seen.finished or None,
        "parts": [
            {
                "part": part.name,
                "cohort": None if part.name == "report" else part.cohort,
                "level": None if part.name == "report" else part.level,
                "arm": part.arm,
                "phase": part.phase,
                "message": part.reason or None,
                "attempts": len(part.attempts),
                "preemptions": part.count("preempted"),
                "retries": part.count("retried"),
                "failures": part.count("failed"),
                "progress": part.attempts[-1].progress if part.attempts else None,
                "node": part.attempts[-1].host if part.attempts else None,
                "pods": [attempt.node for attempt in part.attempts],
                "seconds": [attempt.seconds for attempt in part.attempts],
                **{name: part.output(name) for name in ("score", "sparsity", "status")},
            }
            for part in seen.parts
        ],
    }
