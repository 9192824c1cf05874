"""Find runs in a store: by id, by a unique prefix, or all of them."""

from collections.abc import Callable

from .errors import UsageError
from .ledger import MANIFEST, Ledger
from .lottery.chains import undecided
from .lottery.imp import imp
from .lottery.results import TrainMetrics, Verdict
from .lottery.spec import BenchmarkOptions, Experiment
from .lottery.steps import Gate, Stability, Step, Train
from .plans import fits
from .specs import read_stored
from .stores import Store


def run_ids(store: Store) -> list[str]:
    """Every run in the store, sorted."""
    return sorted({key.partition("/")[0] for key in store.list() if "/spec/" in key})


def find(store: Store, name: str) -> str:
    """The run whose id is `name` or starts with it. Raises UsageError if there is none, or more than one."""
    runs = run_ids(store)
    matches = [run for run in runs if run == name] or [run for run in runs if run.startswith(name)]
    if len(matches) != 1:
        found = ", ".join(matches or runs[:10]) or "nothing"
        problem = f"{name!r} matches {len(matches)} runs in {store.url}"
        raise UsageError(problem, f"give the id of one run (found: {found}), or another folder with --store")
    return matches[0]


def chosen(store: Store, name: str | None) -> list[str]:
    """The run called `name`, or every run that has begun to search. Raises UsageError if there is none."""
    runs = [find(store, name)] if name else _searches(store)
    if not runs:
        raise UsageError(
            f"no runs in {store.url!r}", "start one with `ticketsmith run imp`, or give a folder with --store"
        )
    return runs


def _searches(store: Store) -> list[str]:
    """Runs with more in them than a spec and a look for a rewind point."""
    steps = (key for key in store.list() if "/level-" in key and f"/{Stability.kind}/" not in key)
    return sorted({key.partition("/")[0] for key in steps})


def spec_of(store: Store, run_id: str) -> Experiment:
    """The spec of a run; where it was run with several benchmark options, the one with the most steps done.

    Of equals, that with the usual options: others may have been tried in vain. One with another plan than the run's
    never trained it: `rewind-point` has counts of its own.
    """
    ledger = Ledger(store, run_id)
    specs = [read_stored(store, key) for key in store.list(f"{run_id}/spec/")]
    specs = [spec for spec in specs if fits(ledger, spec)] or specs
    return max(specs, key=lambda spec: (len(done(ledger, spec)), spec.benchmark == BenchmarkOptions()))


def steps(ledger: Ledger, spec: Experiment, last: int | None = None) -> list[Step]:
    """The steps of a run, with as many cohorts as its verdicts have called for so far."""
    cohorts = 1
    while cohorts < spec.cohorts and (gate := _target(spec, cohorts)) and ledger.done(gate):
        if not undecided(spec, gate, verdict(ledger, gate).status):
            break
        cohorts += 1
    return list(imp(spec, cohorts=cohorts, last=last))


def _target(spec: Experiment, cohorts: int) -> Step:
    """The ticket's last gate of the last cohort."""
    return [step for step in imp(spec, cohorts=cohorts) if isinstance(step, Gate)][-1]


def done(ledger: Ledger, spec: Experiment) -> list[Step]:
    """The steps of a spec that are committed. The report is none of them: it is derived, and written anew."""
    return [step for step in steps(ledger, spec) if not step.derived and ledger.done(step)]


def complete(ledger: Ledger, spec: Experiment, until: int | None = None) -> bool:
    """True if nothing is left to run up to level `until`. After an early stop, rounds that it saved do not count."""
    there = set(ledger.store.list(f"{ledger.run_id}/"))
    last = stopped_at(ledger, spec, lambda gate: _manifest(ledger, gate) in there)
    every = imp(spec, cohorts=spec.cohorts, last=0) if until == 0 else steps(ledger, spec, last)
    wanted = [step for step in every if not step.derived and (until is None or step.level <= until)]
    return all(_manifest(ledger, step) in there for step in wanted)


def diverged(ledger: Ledger, spec: Experiment, *arms: str) -> list[int]:
    """Replicates whose training was recorded without a finite loss at its end; of the given arms, or of any."""
    trains = [s for s in steps(ledger, spec) if isinstance(s, Train) and (not arms or s.arm in arms) and ledger.done(s)]
    lost: set[int] = set()
    for metrics in (TrainMetrics.model_validate_json(ledger.read(train, "metrics.json")) for train in trains):
        ends = zip(metrics.replicates, metrics.diverged_at, metrics.test_loss, strict=True)
        lost |= {replicate for replicate, at, loss in ends if at is not None or loss is None}
    return sorted(lost)


def stopped_at(ledger: Ledger, spec: Experiment, done: Callable[[Step], bool]) -> int | None:
    """The level whose FAIL ended the rounds, as `stop_on_fail` asks; None where none did."""
    if not spec.stop_on_fail:
        return None
    gates = (step for step in imp(spec) if isinstance(step, Gate) and step.arm == "ticket")
    return next((gate.level for gate in gates if done(gate) and verdict(ledger, gate).status == "FAIL"), None)


def verdict(ledger: Ledger, gate: Step) -> Verdict:
    """The verdict of a finished gate."""
    return Verdict.model_validate_json(ledger.read(gate, "verdict.json"))


def _manifest(ledger: Ledger, step: Step) -> str:
    return f"{ledger.run_id}/{step.key}/{MANIFEST}"
