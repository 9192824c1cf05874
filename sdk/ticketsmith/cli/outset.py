"""The plan of a run in one line, before anything is trained, with the time that an earlier run took for as much."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean

from ..errors import TicketSmithError
from ..ledger import MANIFEST, TRAINERS, Ledger
from ..lottery import ladder
from ..lottery.controls import masked
from ..lottery.imp import imp
from ..lottery.spec import Experiment
from ..lottery.steps import Step, Train
from ..report.numbers import duration
from ..runs import spec_of, steps
from ..runs.search import run_ids
from ..stores import Store
from ..stores.local import LocalStore

TOGETHER = "stack"  # the trainer that has all replicates in one process, as a GPU has


@dataclass(frozen=True)
class Earlier:
    """A run that trained the same network on the same data in the same way."""

    run: str
    seconds: float
    """Of one training."""
    together: bool


def outset(store: Store, spec: Experiment, until: int | None, workers: int) -> str:
    """A sentence: what is trained, where it is kept, how much of it is there, and about how long the rest takes."""
    trains = _trainings(steps(Ledger(store, spec.run_id()), spec) if until is None else alone(spec))
    count, replicates = len(trains) * spec.replicates, len({step.cohort for step in trains}) * spec.replicates
    there = set(store.list(f"{spec.run_id()}/"))
    done = spec.replicates * sum(f"{spec.run_id()}/{step.key}/{MANIFEST}" in there for step in trains)
    last = max(step.level for step in trains)
    line = f"{_arms(spec, last)}, {number(replicates, 'replicate')} = {number(count, 'training')}"
    if replicates < spec.replicates * spec.cohorts:
        line += f" ({spec.replicates * spec.cohorts} replicates at most, while it is undecided)"
    if until is None and spec.until_fail and done < count:
        line += ", and more past the target until it breaks"
    line += f", in {store.url}/{spec.run_id()}" + f"; {done:,} are done" * bool(done)
    if done < count and (earlier := next(_earlier(store, spec), None)):
        lanes = 1 if earlier.together else workers
        line += (
            f"; about {duration((count - done) * earlier.seconds / lanes)} of training, by the pace of {earlier.run}"
        )
    return line


def number(count: int, noun: str) -> str:
    """A count of things.

    >>> number(1, "round"), number(1250, "training")
    ('1 round', '1,250 trainings')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def alone(spec: Experiment) -> Iterator[Step]:
    """The steps of dense alone: no gate judges it, so all replicates that were asked for are trained."""
    return imp(spec, cohorts=spec.cohorts, last=0)


def _trainings(every: Iterable[Step]) -> list[Train]:
    """Each of all replicates of its cohort."""
    return [step for step in every if isinstance(step, Train)]


def _arms(spec: Experiment, last: int) -> str:
    """Dense, rounds and arms.

    >>> from ..lottery.spec import Pruning, Training
    >>> spec = Experiment(replicates=5, training=Training(steps=9, batch_size=1, learning_rate=1), controls=("reinit",))
    >>> _arms(spec, 8), _arms(spec, 0)
    ('dense + 8 rounds x 2 arms', 'dense')
    """
    if last == 0:
        return "dense"
    arms = [f"{number(last, 'round')} x {number(1 + len(masked(spec)), 'arm')}"]
    smaller = [f"{len(ladder.arms(spec))} smaller networks"] if ladder.arms(spec) else []
    return " + ".join(["dense", *arms, *smaller])


def _earlier(store: Store, spec: Experiment) -> Iterator[Earlier]:
    """Runs of this folder whose trainings are as long as ours; a bucket is not searched for a guess.

    A run that cannot be read is no trouble of this one.
    """
    name = spec.sources.name
    for run in run_ids(store) if isinstance(store, LocalStore) else []:
        try:
            if run.startswith(f"{name}-") and (earlier := _like(Ledger(store, run), spec)):
                yield earlier
        except (TicketSmithError, KeyError, ValueError):
            continue


def _like(ledger: Ledger, spec: Experiment) -> Earlier | None:
    other = spec_of(ledger.store, ledger.run_id)
    if _kind(other) != _kind(spec):
        return None
    done = [step for step in _trainings(imp(other)) if step.rung is None and ledger.done(step)]
    seconds = [time for step in done for time in json.loads(ledger.read(step, "timing.json"))["seconds"]]
    trainers = {choice["trainer"] for choice in (ledger.agreed(TRAINERS) or {}).values()}
    together = spec.training.device == "cuda" or TOGETHER in trainers
    return Earlier(ledger.run_id, fmean(seconds), together) if seconds else None


def _kind(spec: Experiment) -> tuple[object, ...]:
    """Everything that a training's time depends on, the machine and the mask aside."""
    return spec.sources.code, spec.sources.data, spec.options, spec.training
