"""Walk the steps of an experiment: each as soon as what it reads is there, tickets before controls."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from ticketsmith.lottery.chains import goes_on, undecided
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.schedule import rounds
from ticketsmith.lottery.steps import Benchmark, Gate, Prune, Report, Step, Train

from .context import Context
from .execute import execute
from .news import news, verdict

Tell = Callable[[dict[str, Any]], None]
LANES = 2  # threads that wait for workers and write artifacts: one for the tickets, one for the controls
ALONE = 1  # where this process trains: torch's dropout draws from one generator for all threads


def walk(context: Context, tell: Tell, *, until: int | None = None) -> None:
    """Run every step of the spec that is not done yet; with `until`, only the steps up to that level (0: dense).

    While the ticket is undecided at the target, and the spec allows, another cohort follows. With `stop_on_fail`, the
    round in which the ticket fails is the last; with `until_fail`, rounds follow the target. Benchmark and report come
    at the end.
    """
    last = rounds(context.spec.pruning)
    cohorts = context.spec.cohorts if until == 0 else 1  # no gate judges dense alone: all that was asked for is trained
    done: set[str] = set()
    running: dict[Future[None], Step] = {}
    lanes = LANES if context.workers else ALONE
    with ThreadPoolExecutor(lanes) as pool:
        try:
            while True:
                steps = [s for s in imp(context.spec, cohorts=cohorts, last=last) if until is None or s.level <= until]
                started = done | {step.key for step in running.values()}
                ready = _ready(steps, done, started, context.spec.stop_on_fail)
                for step, _ in zip(ready, range(lanes - len(running)), strict=False):
                    running[pool.submit(_run, step, context, tell)] = step
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    step = running.pop(future)
                    future.result()
                    done.add(step.key)
                    if isinstance(step, Gate):
                        judgement = verdict(step, context.ledger)
                        cohorts += undecided(context.spec, step, judgement.status)
                        if step.arm == "ticket":
                            more = goes_on(context.spec, step, judgement.status, judgement.broken)
                            last = max(last, step.level + 1) if more else step.level
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _ready(steps: list[Step], done: set[str], started: set[str], gated: bool) -> Iterator[Step]:
    """Steps that can start now, tickets first. Speed is measured when nothing else runs, the report comes last."""
    for step in sorted(steps, key=lambda step: step.arm not in ("dense", "ticket")):
        if step.key in started or any(parent.key not in done for parent in step.parents):
            continue
        before = steps[: steps.index(step)]
        if isinstance(step, Benchmark | Report) and any(other.key not in done for other in before):
            continue
        if gated and _waits(step) and any(g.key not in done for g in before if _gates(g, step)):
            continue
        yield step


def _waits(step: Step) -> bool:
    """True for what a FAIL before it would save: a round, and the ladder, which is for the target."""
    return isinstance(step, Prune) or (isinstance(step, Train) and step.rung is not None)


def _gates(gate: Step, step: Step) -> bool:
    return isinstance(gate, Gate) and gate.arm == "ticket" and gate.level < step.level


def _run(step: Step, context: Context, tell: Tell) -> None:
    tell({"event": "start", "step": step.key, "kind": step.kind, "level": step.level, "arm": step.arm})
    began = time.monotonic()
    fresh = execute(step, context)
    tell(
        {"event": "done", "step": step.key, "fresh": fresh, "seconds": round(time.monotonic() - began, 3)}
        | news(step, context.ledger, context.metric)
    )
