"""Stay with a run until its end: a live board, the pods' output, and the verdict as exit code. Ctrl-C lets go of it."""

import json
import sys
from contextlib import nullcontext
from threading import Thread
from typing import Any

import typer
from rich.live import Live

from .. import cards, report
from ..argo import Argo, Document
from ..argo.follow import follow, lines
from ..argo.tree import FAILED, Tree, tree
from ..errors import Diverged, Retryable, TicketSmithError
from ..executors.argo import parameter, run_of
from ..ledger import Ledger
from ..lottery.spec import Experiment
from ..report import terminal
from ..runs import diverged
from ..specs import read_stored
from ..stores import Store, open_store
from .board import Board, summary
from .chatter import said
from .consoles import console as console_of
from .consoles import redraws
from .options import Output
from .show import dense_code, exit_code, summarize, verdict_of
from .status import as_json

DETACHED = 130
ENDED_EARLY = (2, 3, 4, 5, 6, 70)


def attach(
    argo: Argo, name: str, *, watch: bool, logs: bool, output: Output, told: dict[str, Any] | None = None
) -> int:
    """Follow a Workflow to its end and conclude; returns the verdict's exit code, or that of the step that failed.

    Ctrl-C lets go of it: the run goes on. Then the exit code is 130.
    """
    console, board = console_of(stderr=True), Board()

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    live = Live(board, console=console, refresh_per_second=4) if watch and redraws(console) else None
    try:
        reader = Thread(target=_print_logs, args=(argo, name, output, say), daemon=True)
        with live or nullcontext():
            if logs:
                reader.start()
            for state in follow(argo, name, say):
                for line in board.see(tree(state)):
                    if watch and not live:
                        say(line)
            if logs:
                reader.join(timeout=30)
        return conclude(argo.get(name), output, told or {})
    except KeyboardInterrupt:
        say(f"detached, the run goes on. Back to it: ticketsmith watch {name}; end it: ticketsmith stop {name}")
        sys.exit(DETACHED)


def conclude(workflow: Document, output: Output, told: dict[str, Any]) -> int:
    """Print what an ended run has found, from its store; returns the exit code that stands for it."""
    seen, run = tree(workflow), run_of(workflow)
    for part in seen.parts:
        if part.phase in FAILED:
            typer.echo(f"failed: {part.title}: {part.reason}", err=True)
    typer.echo(f"workflow {seen.name}: {summary(seen)}", err=True)
    store = open_store(str(parameter(workflow, "store")))
    spec = read_stored(store, str(parameter(workflow, "spec")))
    code = conclude_store(store, run, spec, output, told | as_json(seen), _failure(seen))
    if code in ENDED_EARLY:
        typer.echo(f"        ticketsmith logs {run}\n        ticketsmith resume {run}", err=True)
    return code


def conclude_store(
    store: Store, run: str, spec: Experiment, output: Output, told: dict[str, Any], failure: int = 0
) -> int:
    """Print what the store has of a run; returns the verdict's exit code, or `failure` if there is no verdict."""
    ledger = Ledger(store, run)
    verdict = verdict_of(ledger, spec)
    code = exit_code(verdict) if verdict else _confirmed(failure, ledger, spec)
    if output is Output.json:
        found = json.loads(verdict.model_dump_json()) if verdict else None
        typer.echo(json.dumps(told | {"verdict": found, "exit_code": code}, indent=2))
        return code
    findings = report.collect(ledger, spec, cards.read(ledger))
    summarize(findings)
    terminal.show(findings, console_of())
    typer.echo(f"next:   ticketsmith fetch {run}", err=True)
    return code


def _confirmed(failure: int, ledger: Ledger, spec: Experiment) -> int:
    """The exit code without a verdict: 1 only if the record has a training that diverged: a dying Python says 1 too."""
    if failure == Diverged.code:
        return failure if diverged(ledger, spec, "dense", "ticket") else TicketSmithError.code
    return failure or dense_code(ledger, spec)


def _failure(seen: Tree) -> int:
    """The runner's exit code of the part that ended the run; 3 (run it again) if it never got to say one."""
    if seen.phase == "Succeeded":
        return 0
    for part in seen.parts:
        if part.phase in FAILED and part.arm in ("dense", "ticket") and part.attempts:
            said_code = part.attempts[-1].exit_code
            if said_code in ("1", "2", "3", "4", "5", "6", "70"):
                return int(said_code)
    return Retryable.code


def _print_logs(argo: Argo, name: str, output: Output, say: Any) -> None:
    try:
        for pod, line in lines(argo, name, say, follow=True):
            if (text := said(line)) and output is Output.text:
                say(f"{pod}: {text}")
    except TicketSmithError as error:
        say(f"logs: {error}")
