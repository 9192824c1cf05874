"""The commands of the runner: one chain of steps, all of them, or what is made of them."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from ticketsmith.ledger import Ledger
from ticketsmith.lottery.chains import chain
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.stability import CONNECTIVITY, stability
from ticketsmith.lottery.steps import Benchmark, Gate, Step, Train
from ticketsmith.plans import settle
from ticketsmith.report import card_of, write
from ticketsmith.specs import read_stored, task
from ticketsmith.stores import open_store
from ticketsmith.tries import enter

from . import handoff
from .context import Context
from .events import tell
from .execute import execute
from .planner import prepare
from .room import refuse_what_does_not_fit
from .spent import Spent, TimedStore
from .walk import walk
from .workers import single_thread, workers


def run(options: argparse.Namespace) -> None:
    """Run the command that the options name. Raises TicketSmithError."""
    run_id, _, _ = options.spec.partition("/")
    spent = Spent(store := TimedStore(open_store(options.store)))
    spec = read_stored(store, options.spec)
    ledger = Ledger(store, run_id)
    if options.command == "report":
        spent.begin()
        _report(ledger, spec, options.outputs)
    elif options.command == "certify":
        from .certify import certify  # it loads scipy, which no step of a pod's chain should wait for

        found = certify(options.name, options.budget, ledger, spec)
        tell({"event": "certificate", "certificate": found.model_dump(mode="json")})
    elif options.command == "pack":
        _pack(ledger, spec, options)
    else:
        _steps(ledger, spec, spent, options)
    if options.command in ("step", "report"):
        tell(spent.event())


def _report(ledger: Ledger, spec: Experiment, outputs: Path | None) -> None:
    for suffix, document in write(ledger, spec, card_of(ledger, spec)).documents.items():
        if outputs:
            handoff.put(outputs, f"report.{suffix}", document)


def _pack(ledger: Ledger, spec: Experiment, options: argparse.Namespace) -> None:
    from .packing import pack  # and the runtime

    kinds = ("gate", "benchmark")
    gate, measured = chain(spec, cohort=options.cohort, level=options.level, arm="ticket", kinds=kinds)
    assert isinstance(gate, Gate) and isinstance(measured, Benchmark)
    context = Context(spec=spec, task=task(spec.task), ledger=ledger, data_root=options.data_root)
    pack(measured, gate, context, options.to, options.onnx)


def _steps(ledger: Ledger, spec: Experiment, spent: Spent, options: argparse.Namespace) -> None:
    context = Context(spec=spec, task=task(spec.task), ledger=ledger, data_root=options.data_root, progress=_progress)
    refuse_what_does_not_fit(spec, context.task, options.workers)
    # Wrong data or a trainer that does not fit end the run here, before any work; the workers share what is loaded.
    _ = context.data
    _begin(ledger, spec, options)
    single_thread()  # the probe is to see what a training will
    prepare(context, options.level if options.command == "step" else None)
    # A process that was forked cannot use a GPU, and one process keeps it busy.
    with workers(1 if spec.training.device == "cuda" else options.workers) as pool:
        context = replace(context, workers=pool)
        spent.begin()
        if options.command == "all":
            walk(context, tell, until=options.until)
        elif options.command == "stability":
            for step in stability(spec, [int(update) for update in options.after.split(",")]):
                execute(step, context)
                tell({"event": "done", "step": step.key, "connectivity": json.loads(ledger.read(step, CONNECTIVITY))})
        else:
            _chain(context, options)


def _begin(ledger: Ledger, spec: Experiment, options: argparse.Namespace) -> None:
    """Settle the plan before anything is trained, and note the try before anything is judged."""
    kinds: list[str] = []
    if options.command == "step":
        kinds = options.kinds.split(",")
    elif options.command == "all":
        kinds = [Train.kind] if options.until == 0 else [Train.kind, Gate.kind]
    if {Train.kind, Gate.kind} & {*kinds}:
        settle(ledger, spec)
    if Gate.kind in kinds:
        enter(ledger, spec)


def _chain(context: Context, options: argparse.Namespace) -> None:
    """One chain; `--outputs` then says what it found and what follows it."""
    where = {"cohort": options.cohort, "level": options.level, "arm": options.arm}
    steps = chain(context.spec, kinds=options.kinds.split(","), **where)

    def progress(step: Step, done: int, of: int) -> None:
        _progress(step, done, of)
        handoff.progress(steps, step, done, of)

    for step in steps:
        execute(step, replace(context, progress=progress))
    if options.outputs:
        handoff.write(options.outputs, context.spec, context.ledger, context.metric, steps)


def _progress(step: Step, done: int, of: int) -> None:
    tell({"event": "replicate", "step": step.key, "done": done, "of": of})
