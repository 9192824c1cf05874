"""Stay with a run until its end: a live board, the pods' output, and the verdict as exit code. Ctrl-C lets go of it."""

import json
import re
import sys
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import typer
from rich.live import Live

from .. import cards, report
from ..argo import Argo, Document, Missing, run_of
from ..argo.follow import follow, lines
from ..argo.tree import FAILED, Part, Tree, tree
from ..errors import Diverged, Retryable, TicketSmithError
from ..executors.argo import parameter
from ..executors.limits import Limits, limits_of
from ..ledger import Ledger
from ..lottery.spec import Experiment
from ..report import terminal
from ..runs import diverged, verdict_of
from ..specs import read_stored
from ..stores import Store, open_store
from .board import Board, summary
from .chatter import said
from .commands import command
from .consoles import console as console_of
from .consoles import redraws
from .options import Output
from .outlook import Observer
from .show import dense_code, exit_code, summarize
from .status import as_json
from .told import tell
from .voice import VOICE, hint
from .waits import NO_MACHINE
from .whole import earlier

DETACHED = 130
BACK = "the run goes on. Back to it: ticketsmith watch {0}; end it: ticketsmith stop {0}"
MACHINE = timedelta(minutes=45)
"""Time that who watches waits for a machine: nobody reads along in a job of CI."""
ENDED_EARLY = (2, 3, 4, 5, 6, 70)


def attach(
    argo: Argo, name: str, *, watch: bool, logs: bool, output: Output, told: dict[str, Any] | None = None
) -> int:
    """Follow a Workflow to its end and conclude; returns the verdict's exit code, or that of the step that failed.

    Ctrl-C lets go of it: the run goes on. Then the exit code is 130.
    """
    console, board, began = console_of(stderr=True), Board(), datetime.now(UTC)

    def say(line: str) -> None:
        console.print(terminal.coloured(line), soft_wrap=True)

    live = Live(board, console=console, refresh_per_second=4) if watch and redraws(console) else None
    try:
        reader = Thread(target=_print_logs, args=(argo, name, output, say), daemon=True)
        with live or nullcontext():
            if logs:
                reader.start()
            known: tuple[tuple[Part, ...], Observer] | None = None
            for state in follow(argo, name, say):
                done, observer = known = known or (earlier(argo, state), Observer(state))
                seen = (own := tree(state)).after(done)
                for line in board.see(seen, observer.see(own, seen, datetime.now(UTC))):
                    if watch and not live and not VOICE.quiet:
                        say(line)
                without_machine(board.tree, since=began, now=datetime.now(UTC))
            if logs:
                reader.join(timeout=30)
    except KeyboardInterrupt:
        say(f"detached, {BACK.format(name)}")
        VOICE.detached = True
        sys.exit(DETACHED)
    except Missing:
        raise
    except TicketSmithError as error:
        raise type(error)(error.args[0], f"{error.args[1]}; {BACK.format(name)}") from error
    return conclude(argo.get(name), output, told or {})


def without_machine(seen: Tree | None, since: datetime, now: datetime, most: timedelta = MACHINE) -> None:
    """Raises Retryable if a pod that no node takes has waited for too long, as seen by somebody who watches `since`.

    Argo has a limit for this, which does not act where attempts are repeated (docs/argo.md).
    """
    for part in seen.parts if seen else ():
        began = part.attempts[-1].started if part.attempts and part.phase not in FAILED else ""
        if began and re.search(NO_MACHINE, part.reason):
            waited = now - max(since, datetime.fromisoformat(began))
            if waited > most:
                raise Retryable(
                    f"{part.title}: no machine in {most.total_seconds() / 60:g} minutes: {part.reason}",
                    "a pool that has such machines, or another --profile; --max-hours ends such a run by itself",
                )


def conclude(workflow: Document, output: Output, told: dict[str, Any]) -> int:
    """Print what an ended run has found, from its store; returns the exit code that stands for it."""
    seen, run = tree(workflow), run_of(workflow)
    for part in seen.parts:
        if part.phase in FAILED and not part.stopped:
            typer.echo(f"failed: {part.title}: {part.reason}", err=True)
            if part.fix:
                typer.echo(f"  fix: {part.fix}", err=True)
    typer.echo(f"workflow {seen.name}: {summary(seen)}", err=True)
    store = open_store(str(parameter(workflow, "store")))
    spec = read_stored(store, str(parameter(workflow, "spec")))
    code = conclude_store(store, run, spec, output, told | as_json(seen), _failure(seen))
    if code in ENDED_EARLY:
        more = ""
        if limit := _limited(workflow):
            text, more = _doubled(limit)
            typer.echo(f"its limit of {text} ended it; what is done is kept", err=True)
        typer.echo(f"        ticketsmith logs {run}\n        ticketsmith resume {run} --cluster{more}", err=True)
    return code


def _doubled(limits: Limits) -> tuple[str, str]:
    """The limit that ended a Workflow, in words, and the options for twice as much: dollars, where they made it."""
    hours = max(0.01, round((limits.seconds or 0) / 3600, 2))
    if limits.cost is None or (limits.hours and limits.seconds == round(limits.hours * 3600)):
        return f"{hours:g} h", f" --max-hours {min(2 * hours, 720):g}"
    return f"${limits.cost:g} ({hours:g} h)", f" --max-cost {min(2 * limits.cost, 1e6):.12g}"


def _limited(workflow: Document) -> Limits | None:
    """The limits of a Workflow, if its deadline ended it; the exit handler comes after it."""
    status = workflow["status"]
    seconds = (status.get("storedWorkflowTemplateSpec", {}) | workflow["spec"]).get("activeDeadlineSeconds")
    messages = [status.get("message"), *(node.get("message") for node in (status.get("nodes") or {}).values())]
    over = any(message and re.search("exceeded (its|workflow) deadline", message) for message in messages)
    return replace(limits_of(workflow), seconds=seconds) if seconds and over else None


def conclude_store(
    store: Store, run: str, spec: Experiment, output: Output, told: dict[str, Any], failure: int = 0
) -> int:
    """Print what the store has of a run; returns the verdict's exit code.

    That of a `failure` if there is no verdict, or a PASS alone: the ticket was not measured.
    """
    ledger = Ledger(store, run)
    verdict = verdict_of(ledger, spec)
    code = (exit_code(verdict) or failure) if verdict else _confirmed(failure, ledger, spec)
    if output is Output.json:
        document = json.loads(verdict.model_dump_json()) if verdict else None
        tell("conclusion", told | {"verdict": document, "exit_code": code, "report": report.newest(store, run)})
        return code
    findings = report.collect(ledger, spec, cards.read(ledger))
    summarize(findings)
    terminal.show(findings, console_of())
    hint(command("fetch", run, store=store.url))
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
