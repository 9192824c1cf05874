"""One look at the workflows of a cluster, for people and for programs."""

import json
from typing import Any

import typer
from rich.table import Table

from ..argo import Document
from ..argo.tree import Tree, tree
from ..report.narrow import Fitted
from .board import summary, table
from .consoles import console as console_of
from .options import Output


def print_list(workflows: list[Document], namespace: str, output: Output) -> None:
    """A line for each Workflow."""
    seen = [tree(each) for each in workflows]
    if output is Output.json:
        keys = ("run", "workflow", "kind", "phase", "message", "created", "finished")
        typer.echo(json.dumps([{key: as_json(each)[key] for key in keys} for each in seen], indent=2))
        return
    if not seen:
        typer.echo(f"no runs in namespace {namespace!r}", err=True)
        return
    drawn = Table("run", "workflow", "kind", "phase", "created", box=None, pad_edge=False)
    for each in seen:
        drawn.add_row(each.run, each.name, each.kind, each.phase, each.created)
    console = console_of()
    console.width = max(console.width, 120) if not console.is_terminal else console.width
    console.print(Fitted(drawn))


def print_status(workflow: Document, link: str | None, output: Output) -> None:
    """The rounds of a Workflow as they are now."""
    seen = tree(workflow)
    if output is Output.json:
        typer.echo(json.dumps(as_json(seen) | {"link": link}, indent=2))
        return
    console = console_of()
    console.print(f"{seen.name}: {summary(seen)}", markup=False, highlight=False, soft_wrap=True)
    console.print(Fitted(table(seen)))
    if link:
        typer.echo(link)


def as_json(seen: Tree) -> dict[str, Any]:
    """A tree for programs. Retries, preemptions and failures are counted apart."""
    return {
        "run": seen.run,
        "workflow": seen.name,
        "kind": seen.kind,
        "phase": seen.phase,
        "message": seen.message,
        "created": seen.created,
        "finished": seen.finished or None,
        "parts": [
            {
                "part": part.name,
                "cohort": None if part.name == "report" else part.cohort,
                "level": None if part.name == "report" else part.level,
                "arm": part.arm,
                "phase": part.phase,
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
