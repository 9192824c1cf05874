"""The commands of the runner: one chain of steps, all of them, or what is made of them.

Torch takes most of the seconds in which a pod starts, so what needs it is imported where it is called: a report is made
of records, and so is a judgement.
"""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ticketsmith import cards, engine
from ticketsmith.environment import environment
from ticketsmith.environment import settle as agree
from ticketsmith.errors import Conflict, IntegrityError
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.chains import chain
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.stability import CONNECTIVITY, stability
from ticketsmith.lottery.steps import Benchmark, Gate, Step, Train
from ticketsmith.plans import settle
from ticketsmith.sources import code_key, unpack
from ticketsmith.specs import read_stored
from ticketsmith.stores import open_store
from ticketsmith.tries import enter

from . import handoff
from .context import Context
from .delivery import data_root
from .events import tell
from .execute import execute
from .spent import Spent, TimedStore
from .walk import walk


def run(options: argparse.Namespace) -> None:
    """Run the command that the options name. Raises TicketSmithError."""
    if options.command in ("card", "check"):
        from .about import about

        about(options)
        return
    run_id, _, _ = options.spec.partition("/")
    spent = Spent(store := TimedStore(open_store(options.store)))
    spec = read_stored(store, options.spec)
    ledger = Ledger(store, run_id, environment=environment())
    if options.command == "report":
        spent.begin()
        _report(ledger, spec, options.outputs)
    elif options.command == "certify":
        from .certify import certify  # it loads scipy, which no step of a pod's chain should wait for

        certificate = certify(options.name, options.budget, ledger, spec)
        tell({"event": "certificate", "certificate": certificate.model_dump(mode="json")})
    else:
        with context_of(ledger, spec, options) as context:
            if options.command == "pack":
                _pack(context, options)
            else:
                _steps(context, spent, options)
    if options.command in ("step", "report"):
        tell(spent.event())


@contextmanager
def context_of(ledger: Ledger, spec: Experiment, options: argparse.Namespace) -> Iterator[Context]:
    """The run as its steps see it, with the code of its task unpacked, and its data brought.

    Raises Conflict if this engine is not the one that the run was begun with, IntegrityError for a card of other code
    or data than the spec names.
    """
    known = cards.read(ledger)
    if (ours := engine.digest()) != spec.sources.engine:
        raise Conflict(
            f"{ledger.run_id} was begun by other code of TicketSmith: its engine is {spec.sources.engine[:12]}…, "
            f"that of this installation {ours[:12]}…",
            "run it where it was begun (in pods: the image of that version), or begin a run with this one",
        )
    if (known.code, known.data) != (spec.sources.code, spec.sources.data):
        raise IntegrityError(
            f"{ledger.store.url}/{ledger.run_id}/card.json is of other code or data than the spec of the run",
            "bring it back from a copy, or begin in another --store",
        )
    with TemporaryDirectory(prefix="ticketsmith-") as folder:
        code = Path(folder, "code")
        try:
            unpack(ledger.store.get(code_key(known.code)), known.code, code)
        except KeyError:
            raise IntegrityError(
                f"the code of the run is not at {ledger.store.url}/{code_key(known.code)}",
                "run the same command again where the task's file is: it writes it",
            ) from None
        root = options.data_root
        if _kinds(options) != {Gate.kind}:
            root = data_root(ledger.store, known.files, root, Path(folder, "data"))
        yield Context(spec=spec, card=known, ledger=ledger, code=str(code), data_root=root, progress=_progress)


def _kinds(options: argparse.Namespace) -> set[str]:
    """Kinds of the steps of a chain; none for a command that takes every step. A gate alone reads no data."""
    return {*options.kinds.split(",")} if options.command == "step" else set()


def _report(ledger: Ledger, spec: Experiment, outputs: Path | None) -> None:
    from ticketsmith.report import write

    for suffix, document in write(ledger, spec, cards.read(ledger)).documents.items():
        if outputs:
            handoff.put(outputs, f"report.{suffix}", document)


def _pack(context: Context, options: argparse.Namespace) -> None:
    from .packing import pack  # and the runtime

    kinds = ("gate", "benchmark")
    gate, measured = chain(context.spec, cohort=options.cohort, level=options.level, arm="ticket", kinds=kinds)
    assert isinstance(gate, Gate) and isinstance(measured, Benchmark)
    package = pack(measured, gate, context, options.to, options.onnx, int8=options.precision == "int8")
    tell({"event": "packed", "package": package})


def _steps(context: Context, spent: Spent, options: argparse.Namespace) -> None:
    if _kinds(options) == {Gate.kind}:
        _begin(context.ledger, context.spec, options)
        spent.begin()
        _chain(context, options)
        return
    from .readiness import checked, ready

    checked(context, options.workers)
    _begin(context.ledger, context.spec, options)
    with ready(context, options.workers, options.level if options.command == "step" else None) as context:
        spent.begin()
        if options.command == "all":
            walk(context, tell, until=options.until)
        elif options.command == "stability":
            _stability(context, [int(update) for update in options.after.split(",")])
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
        agree(ledger, allow=options.other_versions)
    if Gate.kind in kinds:
        enter(ledger, spec)


def _stability(context: Context, after: list[int]) -> None:
    for step in stability(context.spec, after):
        execute(step, context)
        connectivity = json.loads(context.ledger.read(step, CONNECTIVITY))
        tell({"event": "done", "step": step.key, "connectivity": connectivity})


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
