"""`python -m ticketsmith_runner`: run one chain of steps, or walk them all. The argv of laptop and pod.

    all    --spec KEY --store URL                                      every step that is not done
    step   --spec KEY --store URL --cohort 0 --level 2 --arm ticket --kinds prune,rewind,train
    report --spec KEY --store URL                                      the report of what is there so far
    stability --spec KEY --store URL --after 0,18,36                   what lies between two ends of one beginning
    certify --spec KEY --store URL --name lth-lenet --budget small     a finished run against a published result
    pack --spec KEY --store URL --cohort 0 --level 8 --to my.ticket    the measured ticket as a package

Standard output carries one JSON event a line, standard error is for people.
"""

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

from ticketsmith.errors import TicketSmithError
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.chains import chain
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.stability import CONNECTIVITY, stability
from ticketsmith.lottery.steps import Benchmark, Gate, Step
from ticketsmith.plans import settle
from ticketsmith.report import write as report
from ticketsmith.specs import read_stored, task
from ticketsmith.stores import open_store

from . import handoff
from .context import Context
from .execute import execute
from .planner import prepare
from .spent import Spent, TimedStore
from .walk import walk
from .workers import single_thread, workers


def main(argv: Sequence[str] | None = None) -> int:
    """Run what `argv` says; the exit code is that of ticketsmith/errors.py, 0 if every step was written."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        _run(options)
    except TicketSmithError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except Exception:
        traceback.print_exc()
        return 70
    return 0


def _run(options: argparse.Namespace) -> None:
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
    for suffix, key in report(ledger, spec, task(spec.task)).items():
        if outputs:
            handoff.put(outputs, f"report.{suffix}", ledger.store.get(key))


def _pack(ledger: Ledger, spec: Experiment, options: argparse.Namespace) -> None:
    from .packing import pack  # and the runtime

    kinds = ("gate", "benchmark")
    gate, measured = chain(spec, cohort=options.cohort, level=options.level, arm="ticket", kinds=kinds)
    assert isinstance(gate, Gate) and isinstance(measured, Benchmark)
    context = Context(spec=spec, task=task(spec.task), ledger=ledger, data_root=options.data_root)
    pack(measured, gate, context, options.to, options.onnx)


def _steps(ledger: Ledger, spec: Experiment, spent: Spent, options: argparse.Namespace) -> None:
    context = Context(spec=spec, task=task(spec.task), ledger=ledger, data_root=options.data_root, progress=_progress)
    # Wrong data or a trainer that does not fit end the run here, before any work; the workers share what is loaded.
    _ = context.data
    single_thread()  # the probe is to see what a training will
    if options.command in ("all", "step"):
        settle(ledger, spec)
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
        handoff.write(options.outputs, context.spec, context.ledger, steps)


def _progress(step: Step, done: int, of: int) -> None:
    tell({"event": "replicate", "step": step.key, "done": done, "of": of})


_out = Lock()


def tell(event: dict[str, Any]) -> None:
    """One event, one line, whole."""
    with _out:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def _stop(signum: int, frame: object) -> NoReturn:
    """Die at once: nothing is torn, a step counts only once its manifest is written. 75 asks to be run again."""
    os._exit(130 if signum == signal.SIGINT else 75)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ticketsmith_runner", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("all", "step", "stability", "report", "certify", "pack"):
        command = commands.add_parser(name)
        command.add_argument("--spec", required=True, help="key of the spec in the store")
        command.add_argument("--store", required=True, help="URL of the store")
    for name in ("all", "step", "stability", "certify", "pack"):
        commands.choices[name].add_argument("--data-root", default="data", help="folder of the data sets")
        commands.choices[name].add_argument("--workers", type=int, default=1, help="processes of one thread each")
    for name in ("step", "report"):
        commands.choices[name].add_argument("--outputs", type=Path, help="folder for what a workflow engine reads")
    commands.choices["all"].add_argument("--until", type=int, help="last level to run; 0: dense only")
    commands.choices["stability"].add_argument("--after", required=True, help="comma-separated updates")
    for name in ("name", "budget"):
        commands.choices["certify"].add_argument(f"--{name}", required=True)
    for name in ("step", "pack"):
        commands.choices[name].add_argument("--cohort", type=int, required=True)
        commands.choices[name].add_argument("--level", type=int, required=True)
    commands.choices["pack"].add_argument("--to", type=Path, required=True, help="file that is not there yet")
    commands.choices["pack"].add_argument("--onnx", type=Path, help="another one, for the compacted network")
    one = commands.choices["step"]
    one.add_argument("--arm", required=True)
    one.add_argument("--kinds", required=True, help="comma-separated, in order")
    return parser


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # everything is written; to take torch and its kin apart would take another second
