"""The commands of the runner: one chain of steps, all of them, or what is made of them."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ticketsmith import cards, engine
from ticketsmith.allowance import cores
from ticketsmith.environment import environment
from ticketsmith.environment import settle as agree
from ticketsmith.errors import Conflict, IntegrityError
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.chains import chain
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.stability import CONNECTIVITY, stability
from ticketsmith.lottery.steps import Benchmark, Gate, Step, Train
from ticketsmith.plans import settle
from ticketsmith.report import write
from ticketsmith.sources import code_key, digest, unpack
from ticketsmith.specs import read_stored
from ticketsmith.stores import open_store
from ticketsmith.tries import enter

from . import handoff
from .cards import card
from .context import Context
from .delivery import data_root
from .events import tell
from .execute import execute
from .planner import prepare
from .reads import Reads, sample
from .room import refuse_what_does_not_fit
from .spent import Spent, TimedStore
from .tasks import Task
from .walk import walk
from .workers import single_thread, workers


def run(options: argparse.Namespace) -> None:
    """Run the command that the options name. Raises TicketSmithError."""
    if options.command in ("card", "check"):
        _about_a_task(options)
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


def _about_a_task(options: argparse.Namespace) -> None:
    """The card of a task, or a check of every part of it, from an archive of its code."""
    code = options.archive.read_bytes()
    with TemporaryDirectory(prefix="ticketsmith-") as folder:
        unpack(code, digest(code), Path(folder, "code"))
        task = Task(str(Path(folder, "code")), options.module)
        if options.command == "check":
            _check(task, digest(code), Path(folder, "store"), options)
            return
        reads = Reads(Path(options.data_root))
        made = card(task, options.name, options.data_root, engine=engine.digest(), code=digest(code))
        examples = task.examples(options.data_root)
        sample(task, examples)
        named = [Path(file).absolute() for file in examples.splits.files]
        files = [str(file) for file in named if Path(folder) not in file.parents]
        unnamed, folders = reads.unnamed(named, Path(folder)), reads.listed(files, Path(folder))
        told = {"files": files, "folders": folders, "unnamed": unnamed}
        tell({"event": "card", "card": made.model_dump(mode="json"), **told})


def _check(task: Task, code: str, store: Path, options: argparse.Namespace) -> None:
    from .check.examine import examine  # and back-ends, which no step needs before a benchmark
    from .check.trial import Trial

    trial = Trial(
        task=task, name=options.name, data_root=options.data_root, code=code, asked=json.loads(options.asked),
        workers=options.workers, folder=store,
    )  # fmt: skip
    tell({"event": "check", "examination": examine(trial).model_dump(mode="json")})


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
    for suffix, document in write(ledger, spec, cards.read(ledger)).documents.items():
        if outputs:
            handoff.put(outputs, f"report.{suffix}", document)


def _pack(context: Context, options: argparse.Namespace) -> None:
    from .packing import pack  # and the runtime

    kinds = ("gate", "benchmark")
    gate, measured = chain(context.spec, cohort=options.cohort, level=options.level, arm="ticket", kinds=kinds)
    assert isinstance(gate, Gate) and isinstance(measured, Benchmark)
    pack(measured, gate, context, options.to, options.onnx, int8=options.precision == "int8")


def _steps(context: Context, spent: Spent, options: argparse.Namespace) -> None:
    spec, ledger = context.spec, context.ledger
    reads = _kinds(options) != {Gate.kind}
    if reads:
        # Wrong data or a trainer that does not fit end the run now, before any work; the workers share what is loaded.
        _ = context.examples
        refuse_what_does_not_fit(context, options.workers)
    _begin(ledger, spec, options)
    single_thread()  # the probe is to see what a training will
    if reads:
        prepare(context, options.level if options.command == "step" else None)
    # A process that was forked cannot use a GPU, and one process keeps it busy.
    with workers(1 if spec.training.device == "cuda" else options.workers) as pool:
        loaders = max(0, cores() // (options.workers if pool else 1) - 1)  # cores that no training has
        context = replace(context, workers=pool, loaders=loaders)
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
        agree(ledger, allow=options.other_versions)
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
