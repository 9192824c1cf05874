"""One look at the workflows of a cluster, for people and for programs."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer
from rich.table import Table

from ..argo import Argo, Document, ended
from ..argo.locks import WAITS, limited, limits, stuck
from ..argo.tree import Tree, tree
from ..report.narrow import Fitted
from ..report.numbers import duration
from .board import notes, summary, table
from .consoles import console as console_of
from .options import Output
from .outlook import Observer
from .told import tell
from .waits import PAUSED, WAKE
from .whole import earlier


def print_list(argo: Argo, output: Output) -> None:
    """A line for each Workflow. Those that have ended need not be asked for their nodes."""
    workflows = argo.list()
    seen = [tree(workflow if _told(workflow) else argo.get(workflow["metadata"]["name"])) for workflow in workflows]
    if output is Output.json:
        keys = ("run", "workflow", "kind", "phase", "verdict", "message", "reason", "created", "finished")
        told = [{key: as_json(row)[key] for key in keys} for row in seen]
        tell("workflows", {"namespace": argo.namespace, "workflows": told})
        return
    if not seen:
        typer.echo(f"no runs in namespace {argo.namespace!r}", err=True)
        return
    drawn = Table("run", "phase", "verdict", "age", "workflow", "reason", box=None, pad_edge=False)
    now = datetime.now(UTC)
    for row in seen:
        name = row.name if row.name != row.run else ""
        drawn.add_row(row.run, row.phase, row.verdict or "", _age(row.created, now), name, row.reason)
    console_of().print(Fitted(drawn))
    print_stuck(argo, workflows)


def _told(workflow: Document) -> bool:
    """True where a list has all that it shows: of one at work, the nodes say what it waits for."""
    return ended(workflow) or "nodes" in (workflow.get("status") or {})


def print_stuck(argo: Argo, workflows: list[Document], run: str | None = None) -> None:
    """A line for each run, or this one, that waits for a lock that none of ours holds, and what ends that."""
    known = limits(argo)
    for run_id, lock in stuck(workflows, known):
        if run in (None, run_id):
            told = f"{run_id}: held by no run of ours, and not given: {lock}\n  fix: {WAKE.replace('RUN', run_id)}"
            perhaps = f"; {PAUSED.replace('NAMESPACE', argo.namespace)}" if known is None and limited(lock) else ""
            typer.echo(told + perhaps, err=True)


def _age(created: str, now: datetime) -> str:
    """The time since something was made; nothing where that is not known."""
    return duration((now - datetime.fromisoformat(created)).total_seconds()) if created else ""


def print_status(argo: Argo, name: str, output: Output) -> None:
    """The rounds of a run as they are now: those of its newest Workflow, and what was done before."""
    workflow, link = argo.get(name), argo.link(name)
    own = tree(workflow)
    seen = own.after(earlier(argo, workflow))
    outlook = Observer(workflow).see(own, seen, datetime.now(UTC))
    if output is Output.json:
        told = {"link": link, "outlook": asdict(outlook) if outlook else None}
        tell("workflow", as_json(seen) | told)
        return
    console = console_of()
    console.print(f"{seen.name}: {summary(seen)}", markup=False, highlight=False, soft_wrap=True)
    console.print(Fitted(table(seen)))
    for note in notes(seen):
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    if outlook:
        console.print(str(outlook), markup=False, highlight=False, soft_wrap=True)
    if any(WAITS.search(part.reason) for part in seen.parts):
        print_stuck(argo, argo.list(), seen.run)
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
                "workflow": part.workflow or None,
                "cohort": None if part.name == "report" else part.cohort,
                "level": None if part.name == "report" else part.level,
                "arm": part.arm,
                "phase": part.phase,
                "message": part.reason or None,
                "fix": part.fix or None,
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
