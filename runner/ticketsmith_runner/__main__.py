"""`python -m ticketsmith_runner`: run one chain of steps, or walk them all. The argv of laptop and pod.

    all  --spec KEY --store URL                                      every step that is not done
    step --spec KEY --store URL --cohort 0 --level 2 --arm ticket --kinds prune,rewind,train

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
from threading import Lock
from typing import Any, NoReturn

from ticketsmith.errors import TicketSmithError, UsageError
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.steps import Step
from ticketsmith.specs import read_stored, task
from ticketsmith.stores import open_store

from .context import Context
from .execute import execute
from .walk import walk
from .workers import workers


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
    store = open_store(options.store)
    spec = read_stored(store, options.spec)
    context = Context(
        spec=spec,
        task=task(spec.task),
        ledger=Ledger(store, run_id),
        data_root=options.data_root,
        progress=lambda step, done, of: tell({"event": "replicate", "step": step.key, "done": done, "of": of}),
    )
    _ = context.data  # wrong data ends the run here, before any work; and the workers share what is loaded
    with workers(options.workers) as pool:
        context = replace(context, workers=pool)
        if options.command == "all":
            walk(context, tell, until=options.until)
        else:
            for step in _chain(spec, options):
                execute(step, context)


def _chain(spec: Any, options: argparse.Namespace) -> list[Step]:
    """The steps of one arm and level, in order. Raises UsageError if the spec has no such step."""
    kinds = options.kinds.split(",")
    wanted = (options.cohort, options.level, options.arm)
    steps = [
        step
        for step in imp(spec, cohort=options.cohort, last=options.last)
        if (step.cohort, step.level, step.arm) == wanted and step.kind in kinds
    ]
    if sorted(step.kind for step in steps) != sorted(kinds):
        raise UsageError(f"the spec has no steps {options.kinds} of {wanted}", "list them with `run imp --dry-run`")
    return steps


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
    for name in ("all", "step"):
        command = commands.add_parser(name)
        command.add_argument("--spec", required=True, help="key of the spec in the store")
        command.add_argument("--store", required=True, help="URL of the store")
        command.add_argument("--data-root", default="data", help="folder of the data sets")
        command.add_argument("--workers", type=int, default=1, help="processes of one thread each")
    commands.choices["all"].add_argument("--until", type=int, help="last level to run; 0: dense only")
    one = commands.choices["step"]
    one.add_argument("--cohort", type=int, required=True)
    one.add_argument("--level", type=int, required=True)
    one.add_argument("--arm", required=True)
    one.add_argument("--kinds", required=True, help="comma-separated, in order")
    one.add_argument("--last", type=int, help="last level of the experiment, after an early stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
