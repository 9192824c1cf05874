"""The runs of a store, a line for each."""

import time
from datetime import UTC, datetime
from typing import Any

import typer

from ..report import newest
from ..report.numbers import duration, removed
from ..report.table import Table, width, without
from ..report.terminal import drawn
from ..runs import Entry, entries, run_ids
from ..stores import Store
from .consoles import console
from .options import Output
from .told import tell


def print_entries(store: Store, tags: list[str], output: Output) -> int:
    """Print the runs that have all of these tags, newest first."""
    matches = [entry for entry in entries(store, run_ids(store)) if set(tags) <= set(entry.note.tags)]
    if output is Output.json:
        tell("list", {"store": store.url, "runs": [as_json(store, entry) for entry in matches]})
        return 0
    if not matches:
        tagged = f" with {' and '.join(tags)}" if tags else ""
        typer.echo(f"no runs{tagged} in {store.url}; on a cluster: ticketsmith list --cluster", err=True)
        return 0
    screen, whole = console(), table(matches, time.time())
    screen.print(drawn(whole if width(whole) <= screen.width else without(whole, "task")))  # ids begin with it
    for entry in matches:
        if entry.problem:
            typer.echo(f"{entry.run}: {entry.problem}", err=True)
    return 0


def table(entries: list[Entry], now: float) -> Table:
    """Id, name and tags where any run has some, task, sparsity, verdict, age, progress."""
    columns: dict[str, list[str]] = {
        "run": [entry.run for entry in entries],
        "name": [entry.note.name for entry in entries],
        "tags": [", ".join(entry.note.tags) for entry in entries],
        "task": [entry.task for entry in entries],
        "sparsity": [removed(entry.sparsity) if entry.sparsity is not None else "" for entry in entries],
        "verdict": [entry.status for entry in entries],
        "age": [duration(max(0.0, now - entry.began)) if entry.began else "" for entry in entries],
        "progress": [progress(entry) for entry in entries],
    }
    kept = {head: cells for head, cells in columns.items() if any(cells) or head == "verdict"}
    rows = [list(row) for row in zip(*kept.values(), strict=True)]
    return Table(heads=list(kept), numeric=[head in ("sparsity", "age", "progress") for head in kept], rows=rows)


def progress(entry: Entry) -> str:
    """Steps done of all, and whether a command is at work on them."""
    if entry.problem:
        return "not readable"
    return f"{entry.done}/{entry.steps}{', at work' * entry.working}"


def as_json(store: Store, entry: Entry) -> dict[str, Any]:
    """A run for programs."""
    return {
        "run": entry.run,
        "name": entry.note.name or None,
        "tags": list(entry.note.tags),
        "task": entry.task,
        "sparsity": entry.sparsity,
        "verdict": entry.status or None,
        "began": datetime.fromtimestamp(entry.began, UTC).isoformat(timespec="seconds") if entry.began else None,
        "done": entry.done,
        "steps": entry.steps,
        "working": entry.working,
        "problem": entry.problem or None,
        "report": newest(store, entry.run),
    }
